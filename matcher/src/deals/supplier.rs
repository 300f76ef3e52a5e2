//! The supplier's half of a deal: judge a proposal, countersign within what was measured, hear the consumer's word.

use alloc::boxed::Box;

use protocol::talk::Response;
use protocol::{Acknowledgement, Address, Authority, Claim, DealTerms, Entry, Hash, Order, Rejected, Scope, Side};
use protocol::{Signature, StruckDeal};

use crate::deals::{Deal, DealState};
use crate::effect::{Effect, Event};
use crate::market::Market;
use crate::waiting::Next;

/// Proposals that wait for this node's own clearing of their epoch.
const HELD_MAX: usize = 64;

/// What a consumer proposes.
#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    pub(crate) from: Address,
    pub(crate) bid: Entry,
    pub(crate) terms: DealTerms,
    pub(crate) consumer: Authority,
}

impl Market {
    pub(crate) fn on_proposal(&mut self, token: u64, proposal: Proposal, now: u64) {
        let id = proposal.terms.id(&self.domain);
        if let Some(supplier) = self.deals.by_id.get(&id).and_then(|deal| deal.supplier.clone()) {
            return self.respond(token, Response::Countersigned(supplier));
        }
        let is_ahead = self.cleared.is_none_or(|cleared| proposal.terms.epoch > cleared);
        if is_ahead && proposal.terms.epoch <= self.parameters.epoch_at(now) && self.deals.held.len() < HELD_MAX {
            return self.deals.held.push((token, proposal));
        }
        let work = match self.judge_proposal(&proposal, now) {
            Ok(work) if !self.waiting.is_full() => work,
            Ok(_) => return self.respond(token, Response::Declined(Rejected::RateLimit)),
            Err(rejected) => return self.respond(token, Response::Declined(rejected)),
        };
        let ticket = self.waiting.add(Next::Proposal { token, proposal: Box::new(proposal) });
        self.effects.push(Effect::Recover { ticket, work });
    }

    /// Judges the proposals that waited for the clearing that is now there.
    pub(crate) fn resume_proposals(&mut self, now: u64) {
        for (token, proposal) in core::mem::take(&mut self.deals.held) {
            self.on_proposal(token, proposal, now);
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
        let ask = self.book.head(&terms.ask.id).filter(|head| head.entry.place().0 == self.owner);
        let ask = ask.and_then(|head| head.order()).ok_or(Rejected::Stale)?;
        let is_withdrawn = self.maker.standings.get(&ask.slot).is_none_or(|standing| standing.is_withdrawn);
        if is_withdrawn {
            return Err(Rejected::Stale);
        }
        terms.check(ask, bid, &self.domain)?;
        let window = u64::from(self.parameters.open_window_s);
        if !(now / 1000 + 1..=now / 1000 + 2 * window).contains(&terms.open_before) {
            return Err(Rejected::TooLate);
        }
        self.check_match(terms)?;
        let id = terms.id(&self.domain);
        if self.deals.holds(&terms.ask, &id) || self.book.is_taken(&terms.ask, &id) {
            return Err(Rejected::LotsTaken);
        }
        let wanted = ask.capacity.times(terms.ask.lots).ok_or(Rejected::Lots)?;
        let total = self.deals.let_capacity().and_then(|sum| sum.plus(&wanted));
        match (&self.measured, total) {
            (Some(measured), Some(total)) if measured.dominates(&total) => Ok(()),
            _ => Err(Rejected::Overcommitted),
        }
    }

    /// Whether this node's own clearing of that epoch holds the pair, at a price within the tolerance.
    fn check_match(&self, terms: &DealTerms) -> Result<(), Rejected> {
        let clearing = self.clearing(terms.epoch).ok_or(Rejected::NotMatched)?;
        let is_close = |own: u128| {
            let tolerance = own / 1_000_000 * u128::from(self.parameters.price_tolerance_ppm);
            own.abs_diff(terms.price.0) <= tolerance
        };
        let is_it = clearing
            .matches
            .iter()
            .any(|found| (found.ask, found.bid) == (terms.ask, terms.bid) && is_close(found.price.0));
        if is_it { Ok(()) } else { Err(Rejected::NotMatched) }
    }

    pub(crate) fn on_proposal_verified(&mut self, token: u64, proposal: Proposal, is_valid: bool, now: u64) {
        let Proposal { from, bid, terms, consumer } = proposal;
        let Entry::Order(bid) = bid else { return };
        let checked = if is_valid { self.check_terms(&terms, &bid.body, now) } else { Err(Rejected::Signer) };
        let ask = self.book.head(&terms.ask.id).and_then(|head| head.order()).map(|ask| ask.capacity.clone());
        let (Ok(()), Some(set_aside)) = (checked, ask) else {
            return self.respond(token, Response::Declined(checked.err().unwrap_or(Rejected::Stale)));
        };
        let id = terms.id(&self.domain);
        let deal = Deal {
            id,
            terms,
            side: Side::Ask,
            peer: from,
            bought: bid.body.capacity,
            set_aside,
            state: DealState::Proposed,
            reason: None,
            supplier: None,
            consumer: Some(consumer),
            started_ms: 0,
            over_ms: 0,
            elapsed_s: 0,
            acknowledged: None,
            end: None,
            is_end_delivered: false,
            heard_ms: now,
            beat_ms: now,
        };
        self.deals.by_id.insert(id, deal);
        let ticket = self.waiting.add(Next::SignCounter { deal: id, token });
        self.effects.push(Effect::Sign { ticket, digest: id });
    }

    pub(crate) fn on_counter_signed(&mut self, id: &Hash, token: u64, signature: Signature, now: u64) {
        let Some(deal) = self.deals.by_id.get_mut(id).filter(|deal| deal.state == DealState::Proposed) else {
            return self.respond(token, Response::Declined(Rejected::TooLate));
        };
        let authority = Authority::own(signature);
        deal.supplier = Some(authority.clone());
        deal.state = DealState::Running;
        (deal.started_ms, deal.heard_ms) = (now, now);
        let (supplier, consumer) = (deal.terms.supplier(), deal.terms.consumer());
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
        let consumer = deal.terms.consumer();
        let word = word.filter(|(word, _)| word.deal == *id);
        self.respond(token, Response::Alive { is_running: true });
        let Some((acknowledgement, authority)) = word else { return };
        let claim = Claim::single(&acknowledgement, consumer, Scope::ACKNOWLEDGE);
        let Ok((first, second)) = authority.recoveries(&claim, &self.domain, now / 1000) else { return };
        if !self.waiting.is_full() {
            let work = core::iter::once(first).chain(second).collect();
            let next = Next::Acknowledged { acknowledgement, authority: Box::new(authority) };
            let ticket = self.waiting.add(next);
            self.effects.push(Effect::Recover { ticket, work });
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
            let period = u64::from(self.parameters.billing_period_s);
            let before = deal.acknowledged.as_ref().map_or(0, |(known, _)| known.elapsed_s / period);
            let is_new_period = word.elapsed_s / period > before;
            deal.acknowledged = Some((word.clone(), authority));
            if is_new_period {
                self.store_deal(&word.deal);
            }
        }
    }

    pub(crate) fn respond(&mut self, token: u64, response: Response) {
        self.effects.push(Effect::Respond { token, response: Box::new(response) });
    }

    /// The deal that `struck` is, if it is this node's.
    pub fn own_deal(&self, struck: &StruckDeal) -> Option<&Deal> {
        self.deals.by_id.get(&struck.terms.id(&self.domain))
    }
}
