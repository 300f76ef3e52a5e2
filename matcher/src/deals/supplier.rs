//! The supplier's half of a deal: judge a proposal, countersign within what was measured, hear the consumer's word.

use alloc::boxed::Box;

use protocol::talk::Response;
use protocol::{Acknowledgement, Address, Authority, Claim, DealTerms, Entry, Hash, Order, OrderRef, Rejected, Scope};
use protocol::{Side, Signature, StruckDeal};

use crate::deals::{Deal, DealState};
use crate::effect::{Effect, Event};
use crate::market::Market;
use crate::waiting::Next;

/// Proposals that wait for this node's own clearing of their epoch; more are declined.
const HELD_MAX: usize = 1024;
/// Of these, for one peer.
const HELD_PER_PEER_MAX: usize = 64;

/// What a consumer proposes.
#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    pub(crate) from: Address,
    pub(crate) bid: Entry,
    pub(crate) terms: DealTerms,
    pub(crate) consumer: Authority,
}

impl Proposal {
    /// Whether it comes from the consumer or from a delegate that signed for it: nobody deals for others.
    fn is_from_party(&self) -> bool {
        let is_delegate =
            self.consumer.delegation.as_ref().is_some_and(|delegation| delegation.0.delegate == self.from);
        is_delegate || self.from == self.terms.consumer()
    }
}

impl Market {
    pub(crate) fn on_proposal(&mut self, token: u64, proposal: Proposal, now: u64) {
        let id = proposal.terms.id(&self.domain);
        if let Some(deal) = self.deals.by_id.get(&id) {
            let response = match (deal.state, &deal.supplier) {
                (DealState::Running, Some(word)) if deal.side == Side::Ask => Response::Countersigned(word.clone()),
                (DealState::Proposed, _) => Response::Declined(Rejected::Duplicate),
                _ => Response::Declined(Rejected::TooLate),
            };
            return self.respond(token, response);
        }
        if !proposal.is_from_party() {
            return self.respond(token, Response::Declined(Rejected::NotAParty));
        }
        let epoch = proposal.terms.epoch;
        if self.epochs.is_to_come(epoch) && epoch <= self.parameters.epoch_at(now) {
            return self.hold_proposal(token, proposal);
        }
        let from = proposal.from;
        let work = match self.judge_proposal(&proposal, now) {
            Ok(work) if !self.waiting.is_full(&from) => work,
            Ok(_) => return self.respond(token, Response::Declined(Rejected::RateLimit)),
            Err(rejected) => return self.respond(token, Response::Declined(rejected)),
        };
        self.recover(Some(from), Next::Proposal { token, proposal: Box::new(proposal) }, work);
    }

    /// The consumer's clock is a little ahead, or it clears faster: its proposal waits until this node has cleared that
    /// epoch too, or knows that it never will.
    fn hold_proposal(&mut self, token: u64, proposal: Proposal) {
        let held = &self.deals.held;
        let of_peer = held.iter().filter(|(_, other)| other.from == proposal.from).count();
        if held.len() >= HELD_MAX || of_peer >= HELD_PER_PEER_MAX {
            return self.respond(token, Response::Declined(Rejected::RateLimit));
        }
        match self.own_ask(&proposal.terms) {
            Ok(_) => self.deals.held.push((token, proposal)),
            Err(rejected) => self.respond(token, Response::Declined(rejected)),
        }
    }

    /// Judges the proposals that waited for a clearing that is now there or never will be.
    pub(crate) fn resume_proposals(&mut self, now: u64) {
        for (token, proposal) in core::mem::take(&mut self.deals.held) {
            self.on_proposal(token, proposal, now);
        }
    }

    /// The ask that the terms name: this node's, of a wish that still stands and has so many lots left.
    fn own_ask(&self, terms: &DealTerms) -> Result<&Order, Rejected> {
        let ask = self.head_of(&terms.ask.id).filter(|head| head.entry.place().0 == self.owner);
        let ask = ask.and_then(|head| head.order()).ok_or(Rejected::Stale)?;
        let standing = self.maker.standings.get(&ask.slot).filter(|standing| !standing.is_withdrawn);
        match standing.filter(|standing| standing.first_version <= ask.version) {
            None => Err(Rejected::Stale),
            Some(standing) if self.lots_left(standing) < terms.ask.lots => Err(Rejected::LotsTaken),
            Some(_) => Ok(ask),
        }
    }

    fn judge_proposal(&self, proposal: &Proposal, now: u64) -> Result<alloc::vec::Vec<protocol::Recovery>, Rejected> {
        let Proposal { bid, terms, consumer, .. } = proposal;
        let unix_s = now / 1000;
        bid.check(&self.parameters)?;
        let Entry::Order(signed_bid) = bid else { return Err(Rejected::Terms) };
        self.check_terms(terms, &signed_bid.body, now)?;
        let claim = protocol::deal::TermsBy { side: Side::Bid, terms };
        let claim = protocol::Signed { body: claim, authority: consumer.clone() };
        let sides = [claim.recoveries(&self.domain, unix_s)?, bid.recoveries(&self.domain, unix_s)?];
        Ok(sides.into_iter().flat_map(|(first, second)| core::iter::once(first).chain(second)).collect())
    }

    /// Everything about proposed terms but signatures. Run again before signing: time has passed by then.
    fn check_terms(&self, terms: &DealTerms, bid: &Order, now: u64) -> Result<(), Rejected> {
        if self.may_sign(Scope::DEAL, now).is_err() {
            return Err(Rejected::Delegation);
        }
        let ask = self.own_ask(terms)?;
        if self.book.proofs().has(&bid.owner) {
            return Err(Rejected::Equivocation);
        }
        terms.check(ask, bid, &self.domain)?;
        let window = u64::from(self.parameters.open_window_s);
        let unix_s = now / 1000;
        if !(unix_s + 1..=unix_s + 2 * window).contains(&terms.open_before) {
            return Err(Rejected::TooLate);
        }
        if self.deals.is_bound(&terms.ask) || self.book.fills().is_taken(&terms.ask, &Hash::ZERO) {
            return Err(Rejected::LotsTaken);
        }
        self.check_match(terms)?;
        let wanted = ask.capacity.times(terms.ask.lots).ok_or(Rejected::Lots)?;
        let total = self.deals.let_capacity().and_then(|sum| sum.plus(&wanted));
        match (&self.measured, total) {
            (Some(measured), Some(total)) if measured.dominates(&total) => Ok(()),
            _ => Err(Rejected::Overcommitted),
        }
    }

    /// Whether this node's own clearing of that epoch has the two orders meet, for as many lots and at a price within the
    /// tolerance. Which lots is not compared: where a book differs in one order, those of others are numbered differently.
    fn check_match(&self, terms: &DealTerms) -> Result<(), Rejected> {
        let clearing = self.clearing(terms.epoch).ok_or(Rejected::NotMatched)?;
        let is_close = |own: u128| {
            let tolerance = own / 1_000_000 * u128::from(self.parameters.price_tolerance_ppm);
            own.abs_diff(terms.price.0) <= tolerance
        };
        let is_it = |ask: &OrderRef, bid: &OrderRef| (ask.id, bid.id) == (terms.ask.id, terms.bid.id);
        let met = clearing.matches.iter().filter(|found| is_it(&found.ask, &found.bid) && is_close(found.price.0));
        let met: u64 = met.map(|found| u64::from(found.ask.lots)).sum();
        // What this match already led to counts against it.
        let known = self.deals().map(|deal| &deal.terms);
        let known = known.filter(|known| known.epoch == terms.epoch && is_it(&known.ask, &known.bid));
        let taken: u64 = known.map(|known| u64::from(known.ask.lots)).sum();
        if taken + u64::from(terms.ask.lots) <= met { Ok(()) } else { Err(Rejected::NotMatched) }
    }

    pub(crate) fn on_proposal_verified(&mut self, token: u64, proposal: Proposal, is_valid: bool, now: u64) {
        let Proposal { from, bid, terms, consumer } = proposal;
        let Entry::Order(bid) = bid else { return self.respond(token, Response::Declined(Rejected::Terms)) };
        let checked = if is_valid { self.check_terms(&terms, &bid.body, now) } else { Err(Rejected::Signer) };
        let ask = self.head_of(&terms.ask.id).and_then(|head| head.order()).map(|ask| ask.capacity.clone());
        let (Ok(()), Some(set_aside)) = (checked, ask) else {
            return self.respond(token, Response::Declined(checked.err().unwrap_or(Rejected::Stale)));
        };
        let id = terms.id(&self.domain);
        if self.deals.by_id.contains_key(&id) {
            return self.respond(token, Response::Declined(Rejected::Duplicate));
        }
        let capacities = (bid.body.capacity, set_aside);
        let deal = Deal { consumer: Some(consumer), ..Deal::proposed((id, terms), Side::Ask, from, capacities, now) };
        self.keep_deal(deal);
        self.sign(Next::SignCounter { deal: id, token }, id);
    }

    pub(crate) fn on_counter_signed(&mut self, id: &Hash, token: u64, signature: Signature, now: u64) {
        let is_open =
            |deal: &&mut Deal| deal.state == DealState::Proposed && now < deal.terms.open_before.saturating_mul(1000);
        let Some(deal) = self.deals.by_id.get_mut(id).filter(is_open) else {
            return self.respond(token, Response::Declined(Rejected::TooLate));
        };
        let authority = self.mandate.authority(signature);
        deal.supplier = Some(authority.clone());
        deal.state = DealState::Running;
        (deal.started_ms, deal.heard_ms) = (now, now);
        let (supplier, consumer) = (deal.terms.supplier(), deal.terms.consumer());
        let slot = deal.terms.ask.slot;
        self.look_at_offer(slot);
        self.store_deal(id);
        self.respond(token, Response::Countersigned(authority));
        self.announce(id);
        self.effects.push(Effect::Tell(Event::Struck { deal: *id, supplier, consumer, is_own: true }));
    }

    pub(crate) fn on_heartbeat(
        &mut self,
        (from, token): (Address, u64),
        id: &Hash,
        word: Option<(Acknowledgement, Authority)>,
        now: u64,
    ) {
        let deal = self.deals.by_id.get(id).filter(|deal| deal.serves(&from, now));
        let Some(deal) = deal else { return self.respond(token, Response::Alive { is_running: false }) };
        let (consumer, duration_s) = (deal.terms.consumer(), u64::from(deal.terms.duration_s));
        let word = word.filter(|(word, _)| word.deal == *id && word.elapsed_s <= duration_s);
        self.respond(token, Response::Alive { is_running: true });
        let Some((acknowledgement, authority)) = word else { return };
        let claim = Claim::single(&acknowledgement, consumer, Scope::ACKNOWLEDGE);
        let Ok((first, second)) = authority.recoveries(&claim, &self.domain, now / 1000) else { return };
        if !self.waiting.is_full(&from) {
            let work = core::iter::once(first).chain(second).collect();
            let next = Next::Acknowledged { acknowledgement, authority: Box::new(authority) };
            self.recover(Some(from), next, work);
        }
    }

    /// The consumer's word counts: it is heard, and served time is acknowledged up to there.
    pub(crate) fn on_acknowledged(&mut self, word: Acknowledgement, authority: Box<Authority>, now: u64) {
        let Some(deal) = self.deals.by_id.get_mut(&word.deal).filter(|deal| deal.state == DealState::Running) else {
            return;
        };
        deal.heard_ms = now;
        let is_more = deal.acknowledged.as_ref().is_none_or(|(known, _)| known.elapsed_s < word.elapsed_s);
        if is_more {
            let period = u64::from(self.parameters.billing_period_s).max(1);
            let before = deal.acknowledged.as_ref().map_or(0, |(known, _)| known.elapsed_s / period);
            let is_new_period = word.elapsed_s / period > before;
            let id = word.deal;
            deal.acknowledged = Some((word, authority));
            if is_new_period {
                self.store_deal(&id);
            }
        }
    }

    /// The deal that `struck` is, if it is this node's.
    pub fn own_deal(&self, struck: &StruckDeal) -> Option<&Deal> {
        self.deals.by_id.get(&struck.terms.id(&self.domain))
    }
}
