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
mod ending;
mod supplier;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use protocol::money::Amount;
use protocol::{Acknowledgement, Address, Authority, Capacity, DealEnd, DealTerms, Hash, OrderRef, Rejected, Side};
use protocol::{Parameters, StruckDeal};
use serde::{Deserialize, Serialize};

use crate::effect::{Effect, Record};
use crate::maker::Standing;
use crate::market::Market;

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
    /// When the last heartbeat was sent, unix ms; once over, when the other side was last told.
    pub beat_ms: u64,
    /// When this node last came back while it ran, unix ms; 0 if never.
    pub restored_ms: u64,
}

impl Deal {
    /// A deal that one side is about to sign; `capacities` are what is bought and what is set aside for each lot.
    fn proposed(
        (id, terms): (Hash, DealTerms),
        side: Side,
        peer: Address,
        capacities: (Capacity, Capacity),
        now: u64,
    ) -> Deal {
        Deal {
            id,
            terms,
            side,
            peer,
            bought: capacities.0,
            set_aside: capacities.1,
            state: DealState::Proposed,
            reason: None,
            supplier: None,
            consumer: None,
            started_ms: 0,
            over_ms: 0,
            elapsed_s: 0,
            acknowledged: None,
            end: None,
            is_end_delivered: false,
            heard_ms: now,
            beat_ms: now,
            restored_ms: 0,
        }
    }

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

    /// When its time runs out, unix ms.
    pub fn runs_out_ms(&self) -> u64 {
        self.started_ms.saturating_add(u64::from(self.terms.duration_s) * 1000)
    }

    /// Seconds that the consumer acknowledged.
    pub fn acknowledged_s(&self) -> u64 {
        self.acknowledged.as_ref().map_or(0, |(word, _)| word.elapsed_s.min(self.terms.duration_s.into()))
    }

    /// Billed seconds at `now`: the served ones, at least the minimum once it ran; what a failing supplier is still
    /// due is what was acknowledged.
    pub fn billed_at(&self, now: u64) -> u64 {
        let acknowledged = self.acknowledged_s();
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

    /// Whether this node's own signature on it was made.
    fn is_signed(&self) -> bool {
        match self.side {
            Side::Ask => self.supplier.is_some(),
            Side::Bid => self.consumer.is_some(),
        }
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
        is_running && is_consumer && now < self.runs_out_ms()
    }

    /// Whether it is over, why, and the seconds served, once neither side may go on. The consumer gives up a supplier
    /// that misses its heartbeats; the supplier a consumer that owes the word for more than a billing period.
    fn overdue(&self, parameters: &Parameters, now: u64) -> Option<(EndReason, u64)> {
        if self.state == DealState::Proposed {
            let is_late = now >= self.terms.open_before.saturating_mul(1000);
            return is_late.then_some((EndReason::NotCountersigned, 0));
        }
        if now >= self.runs_out_ms() {
            return Some((EndReason::RanOut, self.terms.duration_s.into()));
        }
        match self.side {
            Side::Bid => {
                let heard_s = self.heard_ms.saturating_sub(self.started_ms) / 1000;
                let is_silent = now.saturating_sub(self.heard_ms) > parameters.silence_ms();
                is_silent.then_some((EndReason::SupplierSilent, heard_s))
            }
            Side::Ask => {
                let period_s = u64::from(parameters.billing_period_s);
                let paid_s = self.acknowledged_s() + period_s;
                let patience_ms = self.started_ms.saturating_add(paid_s * 1000);
                let is_silent = now > patience_ms.max(self.restored_ms.saturating_add(period_s * 1000));
                is_silent.then_some((EndReason::ConsumerSilent, paid_s.min(self.elapsed_at(now))))
            }
        }
    }
}

/// This node's deals.
#[derive(Debug, Default)]
pub struct Deals {
    pub(crate) by_id: BTreeMap<Hash, Deal>,
    /// Proposals that wait for this node's own clearing of their epoch, with the tokens to answer them.
    pub(crate) held: Vec<(u64, Proposal)>,
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

    /// The deals about lots of this version of an order that are not struck yet.
    pub(crate) fn proposed<'a>(&'a self, order: &'a Hash) -> impl Iterator<Item = &'a Deal> {
        self.by_id.values().filter(move |deal| deal.state == DealState::Proposed && deal.own_lots().id == *order)
    }

    /// Whether this node signed lots of this version of an order for a deal that is over. Its word is out: signing the
    /// same lots once more would be equivocation, so what is left is offered in a new version.
    pub(crate) fn is_spent(&self, order: &Hash) -> bool {
        self.by_id.values().any(|deal| !deal.is_live() && deal.is_signed() && deal.own_lots().id == *order)
    }

    /// Whether a live deal holds one of these lots, or this node's word on one of them is out, whatever became of the
    /// deal and whoever took it off the book.
    pub(crate) fn is_bound(&self, lots: &OrderRef) -> bool {
        let mut bound = self.by_id.values().filter(|deal| deal.is_live() || deal.is_signed());
        bound.any(|deal| deal.own_lots().overlaps(lots))
    }

    /// What the live deals of this supplier set aside; `None` if it exceeds 64 bits.
    pub(crate) fn let_capacity(&self) -> Option<Capacity> {
        let live = self.by_id.values().filter(|deal| deal.side == Side::Ask && deal.is_live());
        live.map(|deal| deal.set_aside.times(deal.lots())).try_fold(Capacity::default(), |sum, one| sum.plus(&one?))
    }
}

impl Market {
    pub(crate) fn store_deal(&mut self, id: &Hash) {
        if let Some(deal) = self.deals.by_id.get(id) {
            self.effects.push(Effect::Store(Record::Deal(Box::new(deal.clone()))));
        }
    }

    /// Keeps a deal that begins; its lots are off its offer from now on.
    pub(crate) fn keep_deal(&mut self, deal: Deal) {
        self.look_at_offer(deal.own_lots().slot);
        self.deals.by_id.insert(deal.id, deal);
    }

    /// Puts a deal of an earlier life back, with its lots off the book.
    pub(crate) fn restore_deal(&mut self, mut deal: Deal, now: u64) {
        if deal.is_live() {
            (deal.heard_ms, deal.restored_ms) = (now, now);
        }
        if let Some(struck) = deal.struck() {
            // Not kept twice, and not needed where other deals hold all of its lots.
            let _ = self.book.fill(struck);
        }
        self.keep_deal(deal);
    }
}

#[cfg(test)]
mod tests;
