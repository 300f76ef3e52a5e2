//! Fills: struck deals and the lots that they take off orders, the same on every peer whatever came first.
//!
//! An order keeps at most [`FILLS_SPARE`] deals more than it has lots, those with the lowest ids, so that an owner that
//! signs the same lots again and again fills nobody's memory and two of its deals, which prove it, are known everywhere.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::{Address, Domain, Equivocation, Hash, OrderRef, Parameters, Rejected, Side, StruckDeal};

use crate::book::fingerprint::{Fingerprint, Prints};
use crate::layered::Layered;

/// Deals that are kept because their orders may still stand; beyond it those with the highest ids go.
const DEALS_MAX: usize = 100_000;
/// Of these, deals of which neither order is here; beyond it those of them with the highest ids go.
const ORPHANS_MAX: usize = 4_096;
/// Epochs that a deal is kept for orders that have not arrived.
const ORPHAN_EPOCHS: u64 = 60;
/// Deals of one order beyond the number of its lots; honest owners need none.
const FILLS_SPARE: usize = 1;
/// Deals of one order that is not here; the ones with the highest ids go.
const FILLS_UNKNOWN_MAX: usize = 64;

/// A range of lots that a deal took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fill {
    first_lot: u32,
    end_lot: u32,
    epoch: u64,
    deal: Hash,
}

/// How many lots an order has; `None` if it is not here.
type Lots<'a> = &'a dyn Fn(&Hash) -> Option<u32>;

/// The struck deals of a market, by what they take.
#[derive(Debug)]
pub struct Fills {
    domain: Domain,
    deals: Layered<Hash, Arc<StruckDeal>>,
    /// By order and owner: terms may name any id beside their own signer, but only the order's owner takes its lots.
    by_order: Layered<(Hash, Address), BTreeSet<Fill>>,
    /// Upper bound of the deals of which neither order is here.
    orphans: usize,
    prints: Prints,
}

impl Fills {
    /// No deals yet.
    pub fn new(domain: Domain) -> Fills {
        Fills { domain, deals: Layered::default(), by_order: Layered::default(), orphans: 0, prints: Prints::default() }
    }

    /// Whether `deal` would be kept; costs no signature.
    ///
    /// # Errors
    /// [`Rejected::Duplicate`], [`Rejected::LotsTaken`] if its orders have deals enough, or [`Rejected::BookFull`].
    pub fn judge(&self, deal: &StruckDeal, lots: Lots) -> Result<(), Rejected> {
        self.judge_known((deal.terms.id(&self.domain), deal), lots)
    }

    fn judge_known(&self, (id, deal): (Hash, &StruckDeal), lots: Lots) -> Result<(), Rejected> {
        let terms = &deal.terms;
        if self.deals.contains_key(&id) {
            return Err(Rejected::Duplicate);
        }
        let is_last = |side: &OrderRef| {
            let fills = self.by_order.get(&(side.id, side.owner));
            fills.is_some_and(|fills| {
                fills.len() >= fills_max(lots(&side.id)) && fills.iter().all(|fill| fill.deal < id)
            })
        };
        if is_last(&terms.ask) || is_last(&terms.bid) {
            return Err(Rejected::LotsTaken);
        }
        let last = self.last_of((self.deals.len() >= DEALS_MAX, is_orphan(deal, lots)), lots);
        if last.is_none_or(|last| id < last) { Ok(()) } else { Err(Rejected::BookFull) }
    }

    /// The deal that goes if there is no room for one more, an orphan or not.
    fn last_of(&self, (is_full, is_orphan): (bool, bool), lots: Lots) -> Option<Hash> {
        if is_orphan && self.orphans >= ORPHANS_MAX {
            let mut from_last = self.deals.iter().rev();
            return from_last.find(|(_, deal)| self::is_orphan(deal, lots)).map(|(id, _)| *id);
        }
        if is_full { self.deals.keys().next_back().copied() } else { None }
    }

    /// Keeps a verified deal under its id: its lots are taken from the epoch after its own. Gives the deals that had to
    /// go for it.
    ///
    /// # Errors
    /// As [`Fills::judge`].
    pub fn fill(&mut self, (id, deal): (Hash, &Arc<StruckDeal>), lots: Lots) -> Result<Vec<Hash>, Rejected> {
        self.judge_known((id, deal), lots)?;
        let is_orphan = is_orphan(deal, lots);
        let last = self.last_of((self.deals.len() >= DEALS_MAX, is_orphan), lots);
        if is_orphan && last.is_none_or(|_| self.orphans < ORPHANS_MAX) {
            self.orphans += 1;
        }
        last.iter().for_each(|last| self.remove(last));
        self.deals.insert(id, deal.clone());
        self.prints.add(print(&id, deal), counts_from(deal));
        for side in [&deal.terms.ask, &deal.terms.bid] {
            let fills = self.by_order.or_default((side.id, side.owner));
            let (first_lot, end_lot) = (side.first_lot, side.end_lot());
            fills.insert(Fill { first_lot, end_lot, epoch: deal.terms.epoch, deal: id });
        }
        let mut gone: Vec<Hash> = last.into_iter().collect();
        gone.extend(self.trim((deal.terms.ask.id, deal.terms.ask.owner), lots));
        gone.extend(self.trim((deal.terms.bid.id, deal.terms.bid.owner), lots));
        Ok(gone)
    }

    /// Lets the deals of an order go that are too many for its lots; to be called when the order arrives or
    /// leaves. Gives their ids.
    pub fn trim(&mut self, order: (Hash, Address), lots: Lots) -> Vec<Hash> {
        let Some(fills) = self.by_order.get(&order) else { return Vec::new() };
        let surplus = fills.len().saturating_sub(fills_max(lots(&order.0)));
        if surplus == 0 {
            return Vec::new();
        }
        let mut deals: Vec<Hash> = fills.iter().map(|fill| fill.deal).collect();
        deals.sort_unstable();
        let gone = deals.split_off(deals.len() - surplus);
        gone.iter().for_each(|id| self.remove(id));
        gone
    }

    fn remove(&mut self, id: &Hash) {
        let Some(deal) = self.deals.remove(id) else { return };
        self.prints.take(print(id, &deal), counts_from(&deal));
        for side in [&deal.terms.ask, &deal.terms.bid] {
            let key = (side.id, side.owner);
            if let Some(fills) = self.by_order.get_mut(&key) {
                fills.retain(|fill| fill.deal != *id);
                if fills.is_empty() {
                    self.by_order.remove(&key);
                }
            }
        }
    }

    /// The first proof that `deal` gives beside a kept one: its supplier or its consumer signed a lot twice.
    pub fn clash(&self, deal: &StruckDeal, market: &Parameters) -> Option<Equivocation> {
        let sides = [(Side::Ask, &deal.terms.ask), (Side::Bid, &deal.terms.bid)];
        sides.into_iter().find_map(|(side, lots)| {
            let fills = self.by_order.get(&(lots.id, lots.owner)).into_iter().flatten();
            let fills = fills.filter(|fill| fill.first_lot < lots.end_lot() && lots.first_lot < fill.end_lot);
            let mut others = fills.filter_map(|fill| self.deals.get(&fill.deal));
            others.find_map(|other| Equivocation::of(side, (other, deal), market))
        })
    }

    /// The deal with this id.
    pub fn deal(&self, id: &Hash) -> Option<&Arc<StruckDeal>> {
        self.deals.get(id)
    }

    /// All deals by id.
    pub fn deals(&self) -> impl Iterator<Item = (&Hash, &Arc<StruckDeal>)> {
        self.deals.iter()
    }

    /// How many deals are kept.
    pub fn len(&self) -> usize {
        self.deals.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.deals.is_empty()
    }

    /// At most `max` deals that take lots off one of these orders, each once.
    pub fn of_orders(&self, orders: &[Hash], max: usize) -> Vec<Arc<StruckDeal>> {
        let fills_of = |id: &Hash| self.by_order.range((*id, Address::ZERO)..=(*id, Address([255; 20])));
        let fills = orders.iter().flat_map(fills_of).flat_map(|(_, fills)| fills);
        let ids: BTreeSet<Hash> = fills.map(|fill| fill.deal).take(max).collect();
        ids.iter().filter_map(|id| self.deals.get(id)).cloned().collect()
    }

    /// Whether a deal other than `except` already took one of these lots.
    pub fn is_taken(&self, lots: &OrderRef, except: &Hash) -> bool {
        let overlaps = |fill: &Fill| fill.first_lot < lots.end_lot() && lots.first_lot < fill.end_lot;
        let fills = self.by_order.get(&(lots.id, lots.owner));
        fills.is_some_and(|fills| fills.iter().any(|fill| fill.deal != *except && overlaps(fill)))
    }

    /// The ranges `first..end` of the `lots` of an order of `owner` that no deal before `epoch` took. Deals may name
    /// lots that the order does not have.
    pub fn open_lots(&self, (id, owner): (Hash, Address), lots: u32, epoch: u64) -> Vec<(u32, u32)> {
        let fills = self.by_order.get(&(id, owner));
        let mut open = Vec::new();
        let mut next = 0;
        for fill in fills.into_iter().flatten().filter(|fill| fill.epoch < epoch) {
            if fill.first_lot >= lots {
                break;
            }
            if fill.first_lot > next {
                open.push((next, fill.first_lot));
            }
            next = next.max(fill.end_lot);
        }
        if next < lots {
            open.push((next, lots));
        }
        open
    }

    /// Whether no order here and no epoch from `epoch` on needs this deal.
    pub fn is_over(deal: &StruckDeal, epoch: u64, lots: Lots) -> bool {
        deal.terms.epoch.saturating_add(ORPHAN_EPOCHS) <= epoch && is_orphan(deal, lots)
    }

    /// Forgets the deals that no order here and no epoch from `epoch` on needs; gives their ids.
    pub fn prune(&mut self, epoch: u64, lots: Lots) -> Vec<Hash> {
        let mut orphans = 0;
        let mut gone = Vec::new();
        for (id, deal) in self.deals.iter() {
            match Fills::is_over(deal, epoch, lots) {
                true => gone.push(*id),
                false => orphans += usize::from(is_orphan(deal, lots)),
            }
        }
        self.orphans = orphans;
        gone.iter().for_each(|id| self.remove(id));
        self.prints.settle(epoch);
        gone
    }

    /// What tells these deals from others, by the epochs from which their lots count as taken.
    pub(crate) fn prints(&self) -> &Prints {
        &self.prints
    }

    /// Makes all of it a base that others may share.
    pub(crate) fn fold(&mut self) {
        self.deals.fold();
        self.by_order.fold();
    }

    /// Shares what `other` holds, which must be the same deals.
    pub(crate) fn share(&mut self, other: &Fills) {
        self.deals.adopt(&other.deals);
        self.by_order.adopt(&other.by_order);
    }
}

fn print(id: &Hash, deal: &StruckDeal) -> Fingerprint {
    Fingerprint::of(id, [&deal.supplier, &deal.consumer])
}

fn counts_from(deal: &StruckDeal) -> u64 {
    deal.terms.epoch.saturating_add(1)
}

fn fills_max(lots: Option<u32>) -> usize {
    lots.map_or(FILLS_UNKNOWN_MAX, |lots| lots as usize + FILLS_SPARE)
}

fn is_orphan(deal: &StruckDeal, lots: Lots) -> bool {
    lots(&deal.terms.ask.id).is_none() && lots(&deal.terms.bid.id).is_none()
}
