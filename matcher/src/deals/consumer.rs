//! The consumer's half of a deal: propose, take the countersignature, keep it alive, acknowledge.

use alloc::boxed::Box;
use alloc::vec::Vec;

use protocol::talk::{Request, Response};
use protocol::{Acknowledgement, Authority, DealTerms, Hash, Rejected, Scope, Side, Signature, Typed};

use crate::clearing::Match;
use crate::deals::{Deal, DealState, EndReason};
use crate::effect::{Effect, Event, Topic};
use crate::history::Cleared;
use crate::input::Unanswered;
use crate::market::Market;
use crate::waiting::Next;

/// Proposals that this node makes in one epoch; the next epoch goes on.
const PROPOSALS_MAX: usize = 256;

impl Market {
    /// Proposes every match of this node's bids, unless a deal already holds the lots or the wish is served.
    pub(crate) fn propose_matches(&mut self, clearing: &Cleared, now: u64) {
        if self.may_sign(Scope::DEAL, now).is_err() {
            return;
        }
        let mut proposals = 0;
        let own = clearing.matches.iter().filter(|found| found.bid.owner == self.owner);
        for found in own.cloned().collect::<Vec<Match>>() {
            let is_mine = self.maker.standings.get(&found.bid.slot).is_some_and(|standing| {
                let is_this_wish = !standing.is_withdrawn && standing.first_version <= found.bid.version;
                is_this_wish && found.bid.lots <= self.lots_left(standing)
            });
            if proposals == PROPOSALS_MAX {
                break;
            }
            if is_mine && self.book.proofs().has(&found.ask.owner) {
                self.avoid(found.bid.slot, found.ask.owner, now);
                continue;
            }
            if is_mine && !self.deals.is_bound(&found.bid) && !self.book.fills().is_taken(&found.bid, &Hash::ZERO) {
                proposals += 1;
                self.propose(found, clearing, now);
            }
        }
    }

    fn propose(&mut self, found: Match, clearing: &Cleared, now: u64) {
        let terms = DealTerms {
            ask: found.ask,
            bid: found.bid,
            price: found.price,
            duration_s: found.duration_s,
            billed_min_s: found.billed_min_s,
            epoch: clearing.epoch,
            sealed_root: clearing.sealed_root,
            open_before: now / 1000 + u64::from(self.parameters.open_window_s),
        };
        let heads = [&terms.ask.id, &terms.bid.id].map(|id| self.head_of(id).cloned());
        let [Some(ask), Some(bid)] = heads else { return };
        let (Some(offered), Some(wanted)) = (ask.order(), bid.order()) else { return };
        let id = terms.id(&self.domain);
        let capacities = (wanted.capacity.clone(), offered.capacity.clone());
        let deal = Deal::proposed((id, terms), Side::Bid, contact(&ask.entry), capacities, now);
        self.keep_deal(deal);
        self.sign(Next::SignProposal { deal: id }, id);
    }

    pub(crate) fn on_proposal_signed(&mut self, id: &Hash, signature: Signature, now: u64) {
        let Some(deal) = self.deals.by_id.get_mut(id).filter(|deal| deal.is_live()) else { return };
        let consumer = self.mandate.authority(signature);
        deal.consumer = Some(consumer.clone());
        let (terms, to, supplier) = (deal.terms.clone(), deal.peer, deal.terms.supplier());
        let heads = [&terms.ask.id, &terms.bid.id].map(|id| self.head_of(id).cloned());
        self.store_deal(id);
        let [Some(ask), Some(bid)] = heads else {
            return self.finish(id, EndReason::Declined(Rejected::Stale), 0, now);
        };
        let orders = Box::new((ask.entry.clone(), bid.entry.clone()));
        self.ask(to, Next::Proposed { deal: *id }, Request::Propose { orders, terms, consumer });
        self.effects.push(Effect::Tell(Event::Proposed { deal: *id, supplier }));
    }

    pub(crate) fn on_proposal_answered(&mut self, id: &Hash, result: Result<Response, Unanswered>, now: u64) {
        let Some(deal) = self.deals.by_id.get(id) else { return };
        if deal.state != DealState::Proposed {
            if matches!(result, Ok(Response::Countersigned(_))) {
                self.disown(id, now);
            }
            return;
        }
        match result {
            Ok(Response::Countersigned(authority)) => {
                let by = protocol::deal::TermsBy { side: Side::Ask, terms: &deal.terms };
                let signed = protocol::Signed { body: by, authority: authority.clone() };
                match signed.recoveries(&self.domain, now / 1000) {
                    Ok((first, second)) => {
                        let work = core::iter::once(first).chain(second).collect();
                        self.recover(None, Next::Countersigned { deal: *id, authority: Box::new(authority) }, work);
                    }
                    Err(rejected) => self.finish(id, EndReason::Declined(rejected), 0, now),
                }
            }
            Ok(Response::Declined(rejected)) => self.finish(id, EndReason::Declined(rejected), 0, now),
            Ok(_) => self.finish(id, EndReason::Declined(Rejected::Encoding), 0, now),
            // The supplier may have countersigned all the same: the lots stay bound until `open_before`.
            Err(_) => {}
        }
    }

    pub(crate) fn on_countersignature_verified(&mut self, id: &Hash, authority: Authority, is_valid: bool, now: u64) {
        let is_waiting = self.deals.by_id.get(id).is_some_and(|deal| deal.state == DealState::Proposed);
        match (is_waiting, is_valid) {
            (false, true) => self.disown(id, now),
            (false, false) => {}
            (true, false) => self.finish(id, EndReason::Declined(Rejected::Signer), 0, now),
            (true, true) => {
                self.strike_as_consumer(id, authority, now);
                self.announce(id);
            }
        }
    }

    /// Both signatures are there: the clock runs.
    pub(crate) fn strike_as_consumer(&mut self, id: &Hash, supplier: Authority, now: u64) {
        let Some(deal) = self.deals.by_id.get_mut(id).filter(|deal| deal.state == DealState::Proposed) else {
            return self.disown(id, now);
        };
        deal.supplier = Some(supplier);
        deal.state = DealState::Running;
        (deal.started_ms, deal.heard_ms) = (now, now);
        let (supplier, consumer) = (deal.terms.supplier(), deal.terms.consumer());
        let slot = deal.terms.bid.slot;
        self.look_at_offer(slot);
        self.store_deal(id);
        self.effects.push(Effect::Tell(Event::Struck { deal: *id, supplier, consumer, is_own: true }));
    }

    /// Gossips a struck deal, so that every peer takes its lots off the book.
    pub(crate) fn announce(&mut self, id: &Hash) {
        let Some(struck) = self.deals.by_id.get(id).and_then(Deal::struck) else { return };
        // Known already if gossip was faster.
        let _ = self.book.fill(struck.clone());
        let bytes = protocol::wire::encode(&protocol::talk::DealMessage::Struck(Box::new(struck)));
        self.effects.push(Effect::Publish { topic: Topic::Deals, bytes });
    }

    /// Sends every due heartbeat, with an acknowledgement of the time served so far.
    pub(crate) fn beat(&mut self, now: u64) {
        let interval = u64::from(self.parameters.heartbeat_ms);
        let is_due = |deal: &&mut Deal| {
            deal.side == Side::Bid && deal.state == DealState::Running && now >= deal.beat_ms.saturating_add(interval)
        };
        let mut words = Vec::new();
        for deal in self.deals.by_id.values_mut().filter(is_due) {
            deal.beat_ms = now;
            words.push(Acknowledgement { deal: deal.id, elapsed_s: deal.elapsed_at(now) });
        }
        let may_sign = self.may_sign(Scope::ACKNOWLEDGE, now).is_ok();
        for acknowledgement in words {
            if !may_sign {
                // The supplier is heard all the same; how long it goes on without the word is its own affair.
                self.heartbeat(&acknowledgement.deal, None);
                continue;
            }
            let digest = self.domain.digest(&acknowledgement.struct_hash());
            self.sign(Next::SignAcknowledgement { acknowledgement }, digest);
        }
    }

    pub(crate) fn on_acknowledgement_signed(&mut self, word: Acknowledgement, signature: Signature) {
        let id = word.deal;
        let authority = self.mandate.authority(signature);
        let Some(deal) = self.deals.by_id.get_mut(&id).filter(|deal| deal.state == DealState::Running) else { return };
        deal.acknowledged = Some((word.clone(), Box::new(authority.clone())));
        self.heartbeat(&id, Some((word, authority)));
    }

    fn heartbeat(&mut self, id: &Hash, acknowledgement: Option<(Acknowledgement, Authority)>) {
        let Some(to) = self.deals.by_id.get(id).map(|deal| deal.peer) else { return };
        self.ask(to, Next::Beat { deal: *id }, Request::Heartbeat { deal: *id, acknowledgement });
    }
}

/// The node that acts for an order's owner: its delegate, or the owner itself.
pub(crate) fn contact(entry: &protocol::Entry) -> protocol::Address {
    let delegation = entry.authority().delegation.as_ref();
    delegation.map_or(entry.place().0, |delegation| delegation.0.delegate)
}
