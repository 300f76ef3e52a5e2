//! The book: for each owner's slot the winning heads, minus fills, minus what expired, and proofs against owners.
//! Independent of arrival order. Every change is told, so that sketches and the disk follow.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::talk::Item;
use protocol::{Address, Domain, Entry, Equivocation, Hash, Rejected, StruckDeal};

use crate::fills::Fills;
use crate::proofs::Proofs;
use crate::sealed::{SealedBook, SealedOrder};

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

/// One thing of the replicated set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// A head of a slot.
    Head(Arc<Head>),
    /// A struck deal.
    Deal(Arc<StruckDeal>),
    /// A proof against an owner.
    Proof(Arc<Equivocation>),
}

impl Kept {
    /// The same as it is told and stored.
    pub fn to_item(&self) -> Item {
        match self {
            Kept::Head(head) => Item::Entry(head.entry.clone()),
            Kept::Deal(deal) => Item::Deal(Box::new((**deal).clone())),
            Kept::Proof(proof) => Item::Proof(Box::new((**proof).clone())),
        }
    }
}

/// What became of the replicated set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// This is in it from now on.
    In(Hash, Kept),
    /// This is in it no longer.
    Out(Hash),
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
    fills: Fills,
    proofs: Proofs,
    /// What came and went since it was last asked; the caller takes it after each step.
    changes: Vec<Change>,
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
            fills: Fills::new(domain),
            proofs: Proofs::new(domain),
            changes: Vec::new(),
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
        self.admit_known(id, entry)
    }

    /// As [`Book::admit`]; `id` must be the entry's.
    pub(crate) fn admit_known(&mut self, id: Hash, entry: Entry) -> Result<Arc<Head>, Rejected> {
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
        self.changes.push(Change::In(id, Kept::Head(head.clone())));
        self.eviction.insert((expiry, id, owner, slot));
        gone.iter().for_each(|step| self.forget(step));
        let deals = self.fills.trim((id, owner), &|id| lots_of(&self.ids, id));
        self.changes.extend(deals.into_iter().map(Change::Out));
        while self.len() > self.heads_max {
            let Some((_, id, owner, slot)) = self.eviction.last().copied() else { break };
            self.remove(&id, (owner, slot));
        }
        Ok(head)
    }

    /// Whether `deal` would be kept; costs no signature.
    ///
    /// # Errors
    /// As [`Fills::judge`].
    pub fn judge_deal(&self, deal: &StruckDeal) -> Result<(), Rejected> {
        self.fills.judge(deal, &|id| lots_of(&self.ids, id))
    }

    /// Takes the lots of a verified deal off both orders. They count from the epoch after the deal's.
    ///
    /// # Errors
    /// As [`Fills::judge`].
    pub fn fill(&mut self, deal: StruckDeal) -> Result<(), Rejected> {
        let id = deal.terms.id(&self.domain);
        self.fill_known(id, deal)
    }

    /// As [`Book::fill`]; `id` must be the deal's.
    pub(crate) fn fill_known(&mut self, id: Hash, deal: StruckDeal) -> Result<(), Rejected> {
        let deal = Arc::new(deal);
        let gone = self.fills.fill((id, &deal), &|id| lots_of(&self.ids, id))?;
        self.changes.push(Change::In(id, Kept::Deal(deal)));
        self.changes.extend(gone.into_iter().map(Change::Out));
        Ok(())
    }

    /// The deals that take lots off these heads.
    pub fn fills(&self) -> &Fills {
        &self.fills
    }

    /// Owners that are proven to have signed the same lots twice.
    pub fn proofs(&self) -> &Proofs {
        &self.proofs
    }

    /// Remembers a verified proof.
    ///
    /// # Errors
    /// As [`Proofs::judge`].
    pub fn remember(&mut self, proof: Equivocation) -> Result<Arc<Equivocation>, Rejected> {
        let id = proof.id(&self.domain);
        self.remember_known(id, proof)
    }

    /// As [`Book::remember`]; `id` must be the proof's.
    pub(crate) fn remember_known(&mut self, id: Hash, proof: Equivocation) -> Result<Arc<Equivocation>, Rejected> {
        let proof = Arc::new(proof);
        let gone = self.proofs.remember((id, proof.clone()))?;
        self.changes.push(Change::In(id, Kept::Proof(proof.clone())));
        self.changes.extend(gone.into_iter().map(Change::Out));
        Ok(proof)
    }

    /// The thing with this id.
    pub fn kept(&self, id: &Hash) -> Option<Kept> {
        let head = || self.ids.get(id).cloned().map(Kept::Head);
        let deal = || self.fills.deal(id).cloned().map(Kept::Deal);
        head().or_else(deal).or_else(|| self.proofs.find(id).cloned().map(Kept::Proof))
    }

    /// The ids of everything in the replicated set.
    pub fn kept_ids(&self) -> impl Iterator<Item = &Hash> {
        let deals = self.fills.deals().map(|(id, _)| id);
        self.ids.keys().chain(deals).chain(self.proofs.ids())
    }

    /// Whether no epoch from `epoch` on needs this: what [`Book::prune`] would not leave here.
    pub(crate) fn is_over(&self, item: &Item, epoch: u64) -> bool {
        match item {
            Item::Entry(entry) => entry.epochs().1 <= epoch,
            Item::Deal(deal) => Fills::is_over(deal, epoch, &|id| lots_of(&self.ids, id)),
            Item::Proof(proof) => Proofs::is_over(proof.epoch(), epoch),
        }
    }

    /// What came and went since this was last asked, in order.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        core::mem::take(&mut self.changes)
    }

    /// The ranges `first..end` of an order's lots that no deal before `epoch` took.
    pub fn open_lots(&self, order: &Head, epoch: u64) -> Vec<(u32, u32)> {
        let lots = order.order().map_or(0, |order| order.lots);
        self.fills.open_lots((order.id, order.entry.place().0), lots, epoch)
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
        let deals = self.fills.prune(epoch, &|id| lots_of(&self.ids, id));
        let proofs = self.proofs.prune(epoch);
        self.changes.extend(deals.into_iter().chain(proofs).map(Change::Out));
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
        self.changes.push(Change::Out(head.id));
        self.eviction.remove(&(head.entry.epochs().1, head.id, owner, slot));
    }
}

fn lots_of(ids: &BTreeMap<Hash, Arc<Head>>, id: &Hash) -> Option<u32> {
    ids.get(id).and_then(|head| head.order()).map(|order| order.lots)
}

#[cfg(test)]
mod tests;
