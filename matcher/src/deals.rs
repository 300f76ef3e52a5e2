//! A deal from proposal to end, as one of its two parties keeps it.
//!
//! ```text
//!             countersigned            time ran out
//!  Proposed ---------------> Running ---------------> Ended
//!     |                        |  consumer says so
//!     |                        +--------------------> Cancelled
//!     | declined, silent       |  supplier says so, or silence
//!     +------------------------+--------------------> Failed
//! ```

mod consumer;
mod supplier;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use protocol::money::Amount;
use protocol::{Acknowledgement, Address, Authority, Capacity, Claim, DealEnd, DealTerms, EndCause, Hash};
use protocol::{OrderRef, Rejected, Scope, Side, Signature, StruckDeal, Typed};
use serde::{Deserialize, Serialize};

use crate::effect::{Answer, Effect, Event, Record, Refused};
use crate::input::Unanswered;
use crate::maker::Standing;
use crate::market::Market;
use crate::waiting::Next;

pub(crate) use supplier::Proposal;

/// How far a deal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DealState {
    /// One side has signed; the lots are kept for it.
    Proposed,
    /// Both have signed; the clock runs.
    Running,
    /// Its time ran out.
    Ended,
    /// The consumer ended it.
    Cancelled,
    /// It broke.
    Failed,
}

/// Why a deal is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its time ran out.
    #[error("its time ran out")]
    RanOut,
    /// The consumer cancelled.
    #[error("the consumer cancelled it")]
    CancelledByConsumer,
    /// The supplier gave up.
    #[error("the supplier failed it")]
    FailedBySupplier,
    /// The supplier missed its heartbeats.
    #[error("the supplier is silent: it missed its heartbeats")]
    SupplierSilent,
    /// The consumer acknowledged nothing for a billing period.
    #[error("the consumer is silent: it acknowledged nothing for a billing period")]
    ConsumerSilent,
    /// The supplier declined.
    #[error("the supplier declined: {0}")]
    Declined(Rejected),
    /// The supplier did not countersign in time.
    #[error("the supplier did not countersign in time")]
    NotCountersigned,
}

/// One deal of this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deal {
    /// The digest of its terms.
    pub id: Hash,
    /// What was agreed.
    pub terms: DealTerms,
    /// Which side this node is.
    pub side: Side,
    /// The other side's node.
    pub peer: Address,
    /// What the consumer gets in each lot.
    pub bought: Capacity,
    /// What the supplier sets aside for each lot.
    pub set_aside: Capacity,
    /// How far it is.
    pub state: DealState,
    /// Why it is over.
    pub reason: Option<EndReason>,
    /// The supplier's signature.
    pub supplier: Option<Authority>,
    /// The consumer's signature.
    pub consumer: Option<Authority>,
    /// When the clock started, unix ms; 0 before.
    pub started_ms: u64,
    /// When it was over, unix ms; 0 before.
    pub over_ms: u64,
    /// Served seconds, once over.
    pub elapsed_s: u64,
    /// The consumer's last word on served time.
    pub acknowledged: Option<(Acknowledgement, Box<Authority>)>,
    /// The signed early end.
    pub end: Option<(DealEnd, Box<Authority>)>,
    /// Whether the other side has the early end.
    pub is_end_delivered: bool,
    /// When the other side was last heard, unix ms.
    pub heard_ms: u64,
    /// When the last heartbeat was sent, unix ms.
    pub beat_ms: u64,
}

impl Deal {
    /// Whether its lots are still bound.
    pub fn is_live(&self) -> bool {
        matches!(self.state, DealState::Proposed | DealState::Running)
    }

    /// How many lots it is about.
    pub fn lots(&self) -> u32 {
        self.terms.ask.lots
    }

    /// Served seconds at `now`, never more than the duration.
    pub fn elapsed_at(&self, now: u64) -> u64 {
        match self.state {
            DealState::Proposed => 0,
            DealState::Running => (now.saturating_sub(self.started_ms) / 1000).min(self.terms.duration_s.into()),
            _ => self.elapsed_s,
        }
    }

    /// Billed seconds at `now`: the served ones, at least the minimum once it ran; what a failing supplier is still
    /// due is what was acknowledged.
    pub fn billed_at(&self, now: u64) -> u64 {
        let acknowledged = self.acknowledged.as_ref().map_or(0, |(word, _)| word.elapsed_s);
        match (self.state, self.reason) {
            (DealState::Proposed, _) => 0,
            (DealState::Failed, Some(EndReason::ConsumerSilent)) => self.elapsed_s.max(acknowledged),
            (DealState::Failed, _) => acknowledged.min(self.elapsed_s),
            _ if self.started_ms == 0 => 0,
            _ => {
                let least = u64::from(self.terms.billed_min_s.min(self.terms.duration_s));
                self.elapsed_at(now).max(least)
            }
        }
    }

    /// What that costs; `None` if it exceeds 128 bits, which the checks of orders rule out.
    pub fn cost_at(&self, now: u64) -> Option<Amount> {
        self.terms.price.amount(self.lots(), self.billed_at(now))
    }

    /// The deal as it is gossiped, once both have signed.
    pub fn struck(&self) -> Option<StruckDeal> {
        let (supplier, consumer) = (self.supplier.clone()?, self.consumer.clone()?);
        Some(StruckDeal { terms: self.terms.clone(), supplier, consumer })
    }

    fn own_lots(&self) -> &OrderRef {
        match self.side {
            Side::Ask => &self.terms.ask,
            Side::Bid => &self.terms.bid,
        }
    }

    /// Whether a task of this deal may be served to `asker` at `now`: it runs here and the asker is its consumer.
    pub fn serves(&self, asker: &Address, now: u64) -> bool {
        let is_running = self.side == Side::Ask && self.state == DealState::Running;
        let is_consumer = *asker == self.peer || *asker == self.terms.consumer();
        is_running && is_consumer && now < self.started_ms + u64::from(self.terms.duration_s) * 1000
    }
}

/// This node's deals.
#[derive(Debug, Default)]
pub struct Deals {
    pub(crate) by_id: BTreeMap<Hash, Deal>,
    pub(crate) held: alloc::vec::Vec<(u64, Proposal)>,
}

impl Deals {
    /// The deals that took lots of this standing wish and still count: live ones, and for a bid those that were served.
    pub(crate) fn of_standing<'a>(&'a self, side: Side, standing: &'a Standing) -> impl Iterator<Item = &'a Deal> {
        self.by_id.values().filter(move |deal| {
            let lots = deal.own_lots();
            let is_of = deal.side == side && lots.slot == standing.slot && lots.version >= standing.first_version;
            is_of && (deal.is_live() || (side == Side::Bid && deal.state != DealState::Failed))
        })
    }

    /// Whether a live deal other than `except` already holds one of these lots.
    pub(crate) fn holds(&self, lots: &OrderRef, except: &Hash) -> bool {
        self.by_id.values().any(|deal| deal.is_live() && deal.id != *except && deal.own_lots().overlaps(lots))
    }

    /// What the live deals of this supplier set aside; `None` if it exceeds 64 bits.
    pub(crate) fn let_capacity(&self) -> Option<Capacity> {
        let live = self.by_id.values().filter(|deal| deal.side == Side::Ask && deal.is_live());
        live.map(|deal| deal.set_aside.times(deal.lots())).try_fold(Capacity::default(), |sum, one| sum.plus(&one?))
    }
}

impl Market {
    pub(crate) fn on_end_deal(&mut self, user: u64, id: &Hash, now: u64) {
        let refused = match self.deals.by_id.get(id) {
            None => Refused::UnknownDeal,
            Some(deal) if !deal.is_live() => Refused::DealOver,
            Some(deal) => {
                let cause = if deal.side == Side::Bid { EndCause::Cancelled } else { EndCause::Failed };
                let end = DealEnd { deal: *id, cause, elapsed_s: deal.elapsed_at(now) };
                return self.sign_end(Some(user), end);
            }
        };
        self.effects.push(Effect::Answer { user, answer: Err(refused) });
    }

    fn sign_end(&mut self, user: Option<u64>, end: DealEnd) {
        let digest = self.domain.digest(&end.struct_hash());
        let ticket = self.waiting.add(Next::SignEnd { user, end });
        self.effects.push(Effect::Sign { ticket, digest });
    }

    pub(crate) fn on_end_signed(&mut self, user: Option<u64>, end: DealEnd, signature: Signature, now: u64) {
        let id = end.deal;
        let reason = match end.cause {
            EndCause::Cancelled => EndReason::CancelledByConsumer,
            EndCause::Failed => EndReason::FailedBySupplier,
        };
        let elapsed_s = end.elapsed_s;
        let Some(deal) = self.deals.by_id.get_mut(&id) else { return };
        deal.end = Some((end, Box::new(Authority::own(signature))));
        let was_live = deal.is_live();
        if was_live {
            self.finish(&id, reason, elapsed_s, now);
        } else {
            self.store_deal(&id);
        }
        self.deliver_end(&id);
        if let (Some(user), Some(deal)) = (user, self.deals.by_id.get(&id)) {
            let answer = if was_live { Ok(Answer::DealOver(Box::new(deal.clone()))) } else { Err(Refused::DealOver) };
            self.effects.push(Effect::Answer { user, answer });
        }
    }

    /// Sends the signed early end to the other side.
    pub(crate) fn deliver_end(&mut self, id: &Hash) {
        let Some(deal) = self.deals.by_id.get(id).filter(|deal| !deal.is_end_delivered) else { return };
        let Some((end, authority)) = deal.end.clone() else { return };
        let to = deal.peer;
        let ticket = self.waiting.add(Next::EndSent { deal: *id });
        let request = Box::new(protocol::talk::Request::EndDeal(end, *authority));
        self.effects.push(Effect::Send { ticket, to, request });
    }

    pub(crate) fn on_end_answered(&mut self, id: &Hash, is_answered: bool) {
        if let Some(deal) = self.deals.by_id.get_mut(id).filter(|_| is_answered) {
            deal.is_end_delivered = true;
            self.store_deal(id);
        }
    }

    /// A deal is over: say so, store it, free what it held.
    pub(crate) fn finish(&mut self, id: &Hash, reason: EndReason, elapsed_s: u64, now: u64) {
        let Some(deal) = self.deals.by_id.get_mut(id) else { return };
        assert!(deal.is_live(), "a deal ends once");
        deal.elapsed_s = elapsed_s.min(deal.terms.duration_s.into());
        deal.state = match reason {
            EndReason::RanOut => DealState::Ended,
            EndReason::CancelledByConsumer => DealState::Cancelled,
            _ => DealState::Failed,
        };
        deal.reason = Some(reason);
        deal.over_ms = now;
        let (slot, side) = (deal.own_lots().slot, deal.side);
        let (supplier, elapsed_s) = (deal.terms.supplier(), deal.elapsed_s);
        self.store_deal(id);
        self.effects.push(Effect::Tell(Event::Over { deal: *id, reason, elapsed_s }));
        match (side, reason) {
            (Side::Ask, _) => self.reissue(slot, None, now),
            (Side::Bid, EndReason::RanOut | EndReason::CancelledByConsumer) => {}
            (Side::Bid, _) => self.reissue(slot, Some(supplier), now),
        }
    }

    pub(crate) fn store_deal(&mut self, id: &Hash) {
        if let Some(deal) = self.deals.by_id.get(id) {
            self.effects.push(Effect::Store(Record::Deal(Box::new(deal.clone()))));
        }
    }

    /// What time does to deals: ends, missed openings, silence, heartbeats.
    pub(crate) fn tick_deals(&mut self, now: u64) {
        let due: alloc::vec::Vec<(Hash, EndReason, u64)> = self
            .deals
            .by_id
            .values()
            .filter(|deal| deal.is_live())
            .filter_map(|deal| self.overdue(deal, now).map(|(reason, elapsed_s)| (deal.id, reason, elapsed_s)))
            .collect();
        for (id, reason, elapsed_s) in due {
            self.finish(&id, reason, elapsed_s, now);
            let cause = match reason {
                EndReason::SupplierSilent => EndCause::Cancelled,
                EndReason::ConsumerSilent => EndCause::Failed,
                _ => continue,
            };
            self.sign_end(None, DealEnd { deal: id, cause, elapsed_s });
        }
        self.beat(now);
    }

    fn overdue(&self, deal: &Deal, now: u64) -> Option<(EndReason, u64)> {
        if deal.state == DealState::Proposed {
            return (now >= deal.terms.open_before * 1000).then_some((EndReason::NotCountersigned, 0));
        }
        if now >= deal.started_ms + u64::from(deal.terms.duration_s) * 1000 {
            return Some((EndReason::RanOut, deal.terms.duration_s.into()));
        }
        let (patience_ms, reason) = match deal.side {
            Side::Bid => (self.parameters.silence_ms(), EndReason::SupplierSilent),
            Side::Ask => (u64::from(self.parameters.billing_period_s) * 1000, EndReason::ConsumerSilent),
        };
        let heard_s = deal.heard_ms.saturating_sub(deal.started_ms) / 1000;
        (now.saturating_sub(deal.heard_ms) > patience_ms).then_some((reason, heard_s))
    }

    /// The other side says that a deal ends.
    pub(crate) fn on_end_heard(&mut self, token: u64, end: DealEnd, authority: Authority, now: u64) {
        let answer = |response| Effect::Respond { token, response: Box::new(response) };
        use protocol::talk::Response;
        let Some(deal) = self.deals.by_id.get(&end.deal) else {
            return self.effects.push(answer(Response::Declined(Rejected::UnknownDeal)));
        };
        let (is_party, owner) = match (end.cause, deal.side) {
            (EndCause::Cancelled, Side::Ask) => (true, deal.terms.consumer()),
            (EndCause::Failed, Side::Bid) => (true, deal.terms.supplier()),
            _ => (false, Address::ZERO),
        };
        if !is_party {
            return self.effects.push(answer(Response::Declined(Rejected::NotAParty)));
        }
        if !deal.is_live() || self.waiting.is_full() {
            return self.effects.push(answer(Response::Done));
        }
        let claim = Claim::single(&end, owner, Scope::DEAL);
        match authority.recoveries(&claim, &self.domain, now / 1000) {
            Err(rejected) => self.effects.push(answer(Response::Declined(rejected))),
            Ok((first, second)) => {
                let work = core::iter::once(first).chain(second).collect();
                let ticket = self.waiting.add(Next::EndHeard { token, end, authority: Box::new(authority) });
                self.effects.push(Effect::Recover { ticket, work });
            }
        }
    }

    pub(crate) fn on_end_verified(
        &mut self,
        token: u64,
        (end, authority): (DealEnd, Box<Authority>),
        ok: bool,
        now: u64,
    ) {
        use protocol::talk::Response;
        let response = if ok { Response::Done } else { Response::Declined(Rejected::Signer) };
        if let Some(deal) = self.deals.by_id.get_mut(&end.deal).filter(|deal| ok && deal.is_live()) {
            let (id, cause) = (deal.id, end.cause);
            let elapsed_s = end.elapsed_s.min(deal.elapsed_at(now) + 1);
            deal.end = Some((end, authority));
            deal.is_end_delivered = true;
            let reason = match cause {
                EndCause::Cancelled => EndReason::CancelledByConsumer,
                EndCause::Failed => EndReason::FailedBySupplier,
            };
            self.finish(&id, reason, elapsed_s, now);
        }
        self.effects.push(Effect::Respond { token, response: Box::new(response) });
    }

    /// Puts a deal of an earlier life back, with its lots off the book.
    pub(crate) fn restore_deal(&mut self, mut deal: Deal, now: u64) {
        if deal.is_live() {
            deal.heard_ms = now;
        }
        if let Some(struck) = deal.struck() {
            self.book.fill(struck);
        }
        self.deals.by_id.insert(deal.id, deal);
    }

    /// A request of this node's about a deal came back, or did not.
    pub(crate) fn on_heartbeat_answered(&mut self, id: &Hash, result: Result<bool, Unanswered>, now: u64) {
        let Some(deal) = self.deals.by_id.get_mut(id).filter(|deal| deal.state == DealState::Running) else { return };
        match result {
            Ok(true) => deal.heard_ms = now,
            Ok(false) => {
                let elapsed_s = deal.heard_ms.saturating_sub(deal.started_ms) / 1000;
                self.finish(id, EndReason::FailedBySupplier, elapsed_s, now);
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
