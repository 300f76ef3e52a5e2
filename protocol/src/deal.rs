//! What two parties sign: the terms of a deal, its early end and served time. The state of a deal is elsewhere.

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::delegation::Scope;
use crate::hash::Hash;
use crate::money::Price;
use crate::order::{Order, Side};
use crate::rejected::Rejected;
use crate::signed::{Authority, Signable, Signed};
use crate::typed::{Domain, StructHasher, Typed, hashes, types};

/// A numbered range of lots of one version of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRef {
    /// The order's id.
    pub id: Hash,
    /// Its owner.
    pub owner: Address,
    /// Its slot.
    pub slot: u16,
    /// Its version.
    pub version: u64,
    /// The first lot, counted from 0.
    pub first_lot: u32,
    /// How many lots.
    pub lots: u32,
}

impl OrderRef {
    /// The lot after the last one; saturates.
    pub fn end_lot(&self) -> u32 {
        self.first_lot.saturating_add(self.lots)
    }

    /// Whether both name at least one common lot of the same order.
    pub fn overlaps(&self, other: &OrderRef) -> bool {
        let end = |of: &OrderRef| u64::from(of.first_lot) + u64::from(of.lots);
        self.id == other.id && u64::from(self.first_lot.max(other.first_lot)) < end(self).min(end(other))
    }
}

impl Typed for OrderRef {
    fn struct_hash(&self) -> Hash {
        StructHasher::of(&hashes::ORDER_REF)
            .hash(&self.id)
            .address(&self.owner)
            .uint(self.slot)
            .uint(self.version)
            .uint(self.first_lot)
            .uint(self.lots)
            .finish()
    }
}

/// The terms that both sides sign; their digest is the deal's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DealTerms {
    /// The supplier's side.
    pub ask: OrderRef,
    /// The consumer's side: the same number of lots.
    pub bid: OrderRef,
    /// Price of one lot for one second.
    pub price: Price,
    /// How long the deal runs from its start, in seconds.
    pub duration_s: u32,
    /// Seconds billed at least.
    pub billed_min_s: u32,
    /// The epoch whose clearing proposed it.
    pub epoch: u64,
    /// The sealed root of that epoch at the proposer.
    pub sealed_root: Hash,
    /// Unix seconds: if not opened by then, the lots are free again.
    pub open_before: u64,
}

impl DealTerms {
    /// The supplier.
    pub fn supplier(&self) -> Address {
        self.ask.owner
    }

    /// The consumer.
    pub fn consumer(&self) -> Address {
        self.bid.owner
    }

    /// The deal's id.
    pub fn id(&self, domain: &Domain) -> Hash {
        domain.digest(&self.struct_hash())
    }

    /// Whether the two orders allow these terms: sides, ids, dominance, price, duration, lots, parties and flags.
    ///
    /// # Errors
    /// [`Rejected::Terms`] if they do not.
    pub fn check(&self, ask: &Order, bid: &Order, domain: &Domain) -> Result<(), Rejected> {
        let is_ref = |of: &OrderRef, order: &Order, side| {
            order.side == side
                && of.id == domain.digest(&order.struct_hash())
                && (of.owner, of.slot, of.version) == (order.owner, order.slot, order.version)
                && of.lots > 0
                && of.first_lot.checked_add(of.lots).is_some_and(|end| end <= order.lots)
        };
        let is_pair = is_ref(&self.ask, ask, Side::Ask) && is_ref(&self.bid, bid, Side::Bid);
        let is_price = (ask.price..=bid.price).contains(&self.price);
        let is_time = duration(ask, bid) == Some(self.duration_s) && self.billed_min_s == ask.billed_min_s;
        let is_epoch = [ask, bid].iter().all(|order| (order.from_epoch..order.expiry_epoch).contains(&self.epoch));
        let is_even = self.ask.lots == self.bid.lots;
        match is_pair && is_price && is_time && is_epoch && is_even && is_feasible(ask, bid) {
            true => Ok(()),
            false => Err(Rejected::Terms),
        }
    }
}

/// Whether an ask may serve a bid, price aside: capacity, duration, billed time, parties and flags.
/// Identity levels need chain facts and are judged by the caller.
pub fn is_feasible(ask: &Order, bid: &Order) -> bool {
    ask.capacity.dominates(&bid.capacity)
        && duration(ask, bid).is_some()
        && ask.billed_min_s <= bid.billed_min_s
        && ask.flags.covers(bid.flags)
        && ask.admits(&bid.owner)
        && bid.admits(&ask.owner)
}

/// How long a deal of the two would run: the longest that both accept; `None` if there is no such time.
pub fn duration(ask: &Order, bid: &Order) -> Option<u32> {
    let longest = ask.duration_max_s.min(bid.duration_max_s);
    (longest >= ask.duration_min_s.max(bid.duration_min_s)).then_some(longest)
}

impl Typed for DealTerms {
    fn struct_hash(&self) -> Hash {
        StructHasher::of(&hashes::DEAL_TERMS)
            .nested(&self.ask)
            .nested(&self.bid)
            .uint(self.price.0)
            .uint(self.duration_s)
            .uint(self.billed_min_s)
            .uint(self.epoch)
            .hash(&self.sealed_root)
            .uint(self.open_before)
            .finish()
    }
}

/// The terms as one side signs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermsBy<'a> {
    /// Which side signs.
    pub side: Side,
    /// What it signs.
    pub terms: &'a DealTerms,
}

impl Typed for TermsBy<'_> {
    fn struct_hash(&self) -> Hash {
        self.terms.struct_hash()
    }
}

impl Signable for TermsBy<'_> {
    const BULK_NAME: Option<&'static str> = None;
    const TYPE: &'static str = types::DEAL_TERMS;

    fn owner(&self) -> Address {
        match self.side {
            Side::Ask => self.terms.supplier(),
            Side::Bid => self.terms.consumer(),
        }
    }

    fn scope(&self) -> Scope {
        Scope::DEAL
    }
}

/// Terms with both signatures: a struck deal, as it is gossiped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StruckDeal {
    /// What was agreed.
    pub terms: DealTerms,
    /// The supplier's word.
    pub supplier: Authority,
    /// The consumer's word.
    pub consumer: Authority,
}

impl StruckDeal {
    /// One side's claim, for verification.
    pub fn by(&self, side: Side) -> Signed<TermsBy<'_>> {
        let authority = match side {
            Side::Ask => &self.supplier,
            Side::Bid => &self.consumer,
        };
        Signed { body: TermsBy { side, terms: &self.terms }, authority: authority.clone() }
    }
}

/// Who ends a deal early, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum EndCause {
    /// The consumer cancels; at any time, alone.
    Cancelled = 1,
    /// The supplier cannot go on.
    Failed = 2,
}

/// One side ends a deal before its time, having counted `elapsed_s` served seconds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DealEnd {
    /// The deal.
    pub deal: Hash,
    /// Who and why.
    pub cause: EndCause,
    /// Served seconds in the signer's count.
    pub elapsed_s: u64,
}

impl Typed for DealEnd {
    fn struct_hash(&self) -> Hash {
        StructHasher::new(types::DEAL_END).hash(&self.deal).uint(self.cause as u8).uint(self.elapsed_s).finish()
    }
}

/// The consumer's cumulative word that so many seconds were served.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// The deal.
    pub deal: Hash,
    /// Served seconds, never less than in an earlier word.
    pub elapsed_s: u64,
}

impl Typed for Acknowledgement {
    fn struct_hash(&self) -> Hash {
        StructHasher::new(types::ACKNOWLEDGEMENT).hash(&self.deal).uint(self.elapsed_s).finish()
    }
}
