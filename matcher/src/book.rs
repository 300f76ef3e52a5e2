//! The book: for each owner's slot the winning heads, minus fills, minus what expired. Independent of arrival order.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::{Address, Domain, Entry, Hash, OrderRef, Rejected, StruckDeal};

use crate::sealed::{SealedBook, SealedOrder};

/// Deals that are kept because their orders may still stand; beyond it new ones are not taken off the book.
const DEALS_MAX: usize = 100_000;
/// Of these, deals of which neither order is here; beyond it more such deals are not kept.
const ORPHANS_MAX: usize = 4_096;
/// Epochs that a deal is kept for orders that have not arrived.
const ORPHAN_EPOCHS: u64 = 60;
/// Heads that stand in one slot together: one for each first epoch that is still told apart. The epoch that was last
/// cleared, the running one, the next, and one more by a clock that is ahead.
pub const STEPS_MAX: usize = 4;

/// A verified entry and its id; immutable and shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The entry.
    pub entry: Entry,
    /// Its id.
    pub id: Hash,
}

impl Head {
    /// The order, unless the slot is empty.
    pub fn order(&self) -> Option<&protocol::Order> {
        match &self.entry {
            Entry::Order(order) => Some(&order.body),
            Entry::Cancel(_) => None,
        }
    }

    /// Higher wins: the higher version, then the lower id.
    fn rank(&self) -> (u64, core::cmp::Reverse<Hash>) {
        (self.entry.place().2, core::cmp::Reverse(self.id))
    }
}

/// A range of lots that a deal took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fill {
    first_lot: u32,
    end_lot: u32,
    epoch: u64,
    deal: Hash,
}

/// The replicated set of live heads.
///
/// A slot holds a staircase: heads of rising rank whose first epochs rise too, so that what was signed for the next
/// epoch does not change the running one.
#[derive(Debug)]
pub struct Book {
    domain: Domain,
    heads_max: usize,
    slots: BTreeMap<(Address, u16), Vec<Arc<Head>>>,
    /// Who leaves first when the book is full: the last of these.
    eviction: BTreeSet<(u64, Hash, Address, u16)>,
    ids: BTreeMap<Hash, Arc<Head>>,
    /// By order and owner: terms may name any id beside their own signer, but only the order's owner takes its lots.
    fills: BTreeMap<(Hash, Address), BTreeSet<Fill>>,
    deals: BTreeMap<Hash, StruckDeal>,
    /// Upper bound of the deals of which neither order is here.
    orphans: usize,
    /// No epoch before this one will be looked at again: earlier first epochs count as this one.
    horizon: u64,
}

impl Book {
    /// An empty book that keeps at most `heads_max` heads.
    pub fn new(domain: Domain, heads_max: u32) -> Book {
        Book {
            domain,
            heads_max: heads_max as usize,
            slots: BTreeMap::new(),
            eviction: BTreeSet::new(),
            ids: BTreeMap::new(),
            fills: BTreeMap::new(),
            deals: BTreeMap::new(),
            orphans: 0,
            horizon: 0,
        }
    }

    /// No epoch before `epoch` will be looked at again. First epochs before it are no longer told apart, which bounds
    /// the heads of one slot.
    pub(crate) fn look_from(&mut self, epoch: u64) {
        self.horizon = epoch;
    }

    fn first_epoch(&self, entry: &Entry) -> u64 {
        entry.epochs().0.max(self.horizon)
    }

    /// The highest version in a slot, 0 if there is none.
    pub fn top_version(&self, owner: Address, slot: u16) -> u64 {
        let top = self.slots.get(&(owner, slot)).and_then(|steps| steps.last());
        top.map_or(0, |step| step.entry.place().2)
    }

    /// Heads in the book, empty slots included.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The head with this id.
    pub fn head(&self, id: &Hash) -> Option<&Arc<Head>> {
        self.ids.get(id)
    }

    /// Whether `entry` with `id` would enter; costs no signature.
    ///
    /// # Errors
    /// [`Rejected::Duplicate`], [`Rejected::Stale`] or [`Rejected::BookFull`].
    pub fn judge(&self, entry: &Entry, id: &Hash) -> Result<(), Rejected> {
        if self.ids.contains_key(id) {
            return Err(Rejected::Duplicate);
        }
        let (owner, slot, version) = entry.place();
        let (from, expiry) = (self.first_epoch(entry), entry.epochs().1);
        let rank = (version, core::cmp::Reverse(*id));
        let steps = self.slots.get(&(owner, slot)).map_or(&[][..], Vec::as_slice);
        if steps.iter().any(|step| step.rank() > rank && self.first_epoch(&step.entry) <= from) {
            return Err(Rejected::Stale);
        }
        let is_more = !steps.iter().any(|step| step.rank() < rank && self.first_epoch(&step.entry) >= from);
        let is_last = self.eviction.last().is_some_and(|last| (expiry, *id, owner, slot) > *last);
        match is_more && self.len() >= self.heads_max && is_last {
            true => Err(Rejected::BookFull),
            false => Ok(()),
        }
    }

    /// Takes a verified entry in.
    ///
    /// # Errors
    /// As [`Book::judge`].
    pub fn admit(&mut self, entry: Entry) -> Result<Arc<Head>, Rejected> {
        let id = entry.id(&self.domain);
        self.judge(&entry, &id)?;
        let (owner, slot, _) = entry.place();
        let (from, expiry) = (self.first_epoch(&entry), entry.epochs().1);
        let head = Arc::new(Head { entry, id });
        let rank = head.rank();
        let steps = self.slots.remove(&(owner, slot)).unwrap_or_default();
        let (gone, mut kept): (Vec<_>, Vec<_>) =
            steps.into_iter().partition(|step| step.rank() < rank && self.first_epoch(&step.entry) >= from);
        kept.push(head.clone());
        kept.sort_by_key(|step| step.rank());
        self.slots.insert((owner, slot), kept);
        self.ids.insert(id, head.clone());
        self.eviction.insert((expiry, id, owner, slot));
        gone.iter().for_each(|step| self.forget(step));
        while self.len() > self.heads_max {
            let Some((_, id, owner, slot)) = self.eviction.last().copied() else { break };
            self.remove(&id, (owner, slot));
        }
        Ok(head)
    }

    /// Whether `deal` would be kept; costs no signature. One that takes no lot that others have not taken already
    /// changes nothing, so it is not kept; this bounds the deals of an order by its lots.
    ///
    /// # Errors
    /// [`Rejected::Duplicate`], [`Rejected::LotsTaken`] or [`Rejected::BookFull`].
    pub fn judge_deal(&self, deal: &StruckDeal) -> Result<(), Rejected> {
        let terms = &deal.terms;
        if self.deals.contains_key(&terms.id(&self.domain)) {
            return Err(Rejected::Duplicate);
        }
        let is_room = self.deals.len() < DEALS_MAX && (self.orphans < ORPHANS_MAX || !self.is_orphan(deal));
        let is_covered = |side: &OrderRef| {
            let fills = self.fills.get(&(side.id, side.owner)).into_iter().flatten();
            let mut next = side.first_lot;
            for fill in fills.filter(|fill| fill.epoch <= terms.epoch) {
                if fill.first_lot > next {
                    break;
                }
                next = next.max(fill.end_lot);
            }
            next >= side.end_lot()
        };
        match (is_room, is_covered(&terms.ask) && is_covered(&terms.bid)) {
            (_, true) => Err(Rejected::LotsTaken),
            (false, _) => Err(Rejected::BookFull),
            _ => Ok(()),
        }
    }

    /// Takes the lots of a verified deal off both orders. They count from the epoch after the deal's.
    ///
    /// # Errors
    /// As [`Book::judge_deal`].
    pub fn fill(&mut self, deal: StruckDeal) -> Result<(), Rejected> {
        self.judge_deal(&deal)?;
        let id = deal.terms.id(&self.domain);
        for side in [&deal.terms.ask, &deal.terms.bid] {
            let fills = self.fills.entry((side.id, side.owner)).or_default();
            let (first_lot, end_lot) = (side.first_lot, side.end_lot());
            fills.insert(Fill { first_lot, end_lot, epoch: deal.terms.epoch, deal: id });
        }
        self.orphans += usize::from(self.is_orphan(&deal));
        self.deals.insert(id, deal);
        Ok(())
    }

    fn is_orphan(&self, deal: &StruckDeal) -> bool {
        !self.ids.contains_key(&deal.terms.ask.id) && !self.ids.contains_key(&deal.terms.bid.id)
    }

    /// Whether this deal is known.
    pub fn has_deal(&self, id: &Hash) -> bool {
        self.deals.contains_key(id)
    }

    /// The deals that take lots off these heads.
    pub fn deals(&self) -> impl Iterator<Item = &StruckDeal> {
        self.deals.values()
    }

    /// At most `max` deals that take lots off one of these orders, each once.
    pub fn deals_of(&self, orders: &[Hash], max: usize) -> Vec<StruckDeal> {
        let fills_of = |id: &Hash| self.fills.range((*id, Address::ZERO)..=(*id, Address([255; 20])));
        let fills = orders.iter().flat_map(fills_of).flat_map(|(_, fills)| fills);
        let ids: BTreeSet<Hash> = fills.map(|fill| fill.deal).take(max).collect();
        ids.iter().filter_map(|id| self.deals.get(id)).cloned().collect()
    }

    /// Whether a deal already took one of these lots, other than the deal `except`.
    pub fn is_taken(&self, lots: &OrderRef, except: &Hash) -> bool {
        self.fills.get(&(lots.id, lots.owner)).is_some_and(|fills| {
            fills
                .iter()
                .any(|fill| fill.deal != *except && fill.first_lot < lots.end_lot() && lots.first_lot < fill.end_lot)
        })
    }

    /// The ranges `first..end` of an order's lots that no deal before `epoch` took. Deals may name lots that the order
    /// does not have.
    pub fn open_lots(&self, order: &Head, epoch: u64) -> Vec<(u32, u32)> {
        let lots = order.order().map_or(0, |order| order.lots);
        let fills = self.fills.get(&(order.id, order.entry.place().0));
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

    /// The head that counts in `epoch` in each slot, in order of owner and slot.
    pub fn effective(&self, epoch: u64) -> impl Iterator<Item = &Arc<Head>> {
        self.slots.values().filter_map(move |steps| {
            steps.iter().rev().find(|step| step.entry.epochs().0 <= epoch).filter(|step| step.entry.epochs().1 > epoch)
        })
    }

    /// The set that is cleared for `epoch`: what counts and has arrived by now.
    pub fn seal(&self, epoch: u64) -> SealedBook {
        let orders = self.effective(epoch).filter(|head| head.order().is_some());
        let sealed = orders.filter_map(|head| {
            let open = self.open_lots(head, epoch);
            (!open.is_empty()).then(|| SealedOrder { head: head.clone(), open })
        });
        SealedBook::new(self.domain.market(), epoch, sealed.collect())
    }

    /// Every head from the one after `after` on, in order of owner and slot.
    pub fn heads_after(&self, after: Option<(Address, u16)>) -> impl Iterator<Item = &Arc<Head>> {
        use core::ops::Bound;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.slots.range((start, Bound::Unbounded)).flat_map(|(_, steps)| steps)
    }

    /// Forgets what no epoch from `epoch` on needs: expired heads, and heads that a later one replaced.
    pub fn prune(&mut self, epoch: u64) {
        let mut gone = Vec::new();
        self.slots.retain(|_, steps| {
            let effective = steps.iter().rposition(|step| step.entry.epochs().0 <= epoch).unwrap_or(0);
            gone.extend(steps.drain(..effective));
            steps.retain(|step| {
                let is_live = step.entry.epochs().1 > epoch;
                if !is_live {
                    gone.push(step.clone());
                }
                is_live
            });
            !steps.is_empty()
        });
        gone.iter().for_each(|head| self.forget(head));
        let ids = &self.ids;
        let is_needed = |side: &OrderRef| ids.contains_key(&side.id);
        let mut orphans = 0;
        self.deals.retain(|_, deal| {
            let is_orphan = !is_needed(&deal.terms.ask) && !is_needed(&deal.terms.bid);
            let is_kept = !is_orphan || deal.terms.epoch.saturating_add(ORPHAN_EPOCHS) > epoch;
            orphans += usize::from(is_orphan && is_kept);
            is_kept
        });
        self.orphans = orphans;
        let deals = &self.deals;
        self.fills.retain(|_, fills| {
            fills.retain(|fill| deals.contains_key(&fill.deal));
            !fills.is_empty()
        });
    }

    fn remove(&mut self, id: &Hash, place: (Address, u16)) {
        let Some(head) = self.ids.get(id).cloned() else { return };
        if let Some(steps) = self.slots.get_mut(&place) {
            steps.retain(|step| step.id != *id);
            if steps.is_empty() {
                self.slots.remove(&place);
            }
        }
        self.forget(&head);
    }

    fn forget(&mut self, head: &Head) {
        let (owner, slot, _) = head.entry.place();
        self.ids.remove(&head.id);
        self.eviction.remove(&(head.entry.epochs().1, head.id, owner, slot));
    }
}

#[cfg(test)]
mod tests;
