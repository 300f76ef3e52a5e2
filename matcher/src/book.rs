//! The book: for each owner's slot the winning heads, minus fills, minus what expired, and proofs against owners.
//! Independent of arrival order. Every change is told, so that sketches and the disk follow.

pub(crate) mod fingerprint;
mod ids;
mod sharing;
mod slots;
mod standing;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::talk::Item;
use protocol::{Address, Domain, Entry, Equivocation, Hash, Identity, Rejected, StruckDeal};

pub use self::fingerprint::Fingerprint;
use self::ids::Ids;
pub use self::sharing::SealKey;
use self::slots::{Place, Slots};
pub use self::standing::Quota;
use self::standing::Standing;
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
    slots: Slots,
    /// Who leaves first when the book is full.
    standing: Standing,
    ids: Ids,
    fills: Fills,
    proofs: Proofs,
    /// What came and went since it was last asked; the caller takes it after each step.
    changes: Vec<Change>,
    /// No epoch before this one will be looked at again: earlier first epochs count as this one.
    horizon: u64,
    /// Counts what could let in again what was refused or replaced: heads that left and were not replaced.
    losses: u64,
}

impl Book {
    /// An empty book that keeps at most `heads_max` heads, whatever the number of their slots.
    pub fn new(domain: Domain, heads_max: u32) -> Book {
        Book::with_quota(domain, heads_max, Quota::unbounded())
    }

    /// An empty book that keeps at most `heads_max` heads in slots within the quota of their owners.
    pub fn with_quota(domain: Domain, heads_max: u32, quota: Quota) -> Book {
        Book {
            domain,
            heads_max: heads_max as usize,
            slots: Slots::default(),
            standing: Standing::new(quota),
            ids: Ids::default(),
            fills: Fills::new(domain),
            proofs: Proofs::new(domain),
            changes: Vec::new(),
            horizon: 0,
            losses: 0,
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
        self.slots.steps((owner, slot)).map_or(0, |steps| steps.top.entry.place().2)
    }

    /// Heads in the book, empty slots included.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The head with this id.
    pub fn head(&self, id: &Hash) -> Option<&Arc<Head>> {
        self.ids.find(id)
    }

    /// Whether `entry` with `id` would enter; costs no signature.
    ///
    /// # Errors
    /// [`Rejected::Duplicate`], [`Rejected::Quota`], [`Rejected::Expired`], [`Rejected::Stale`] or [`Rejected::BookFull`].
    pub fn judge(&self, entry: &Entry, id: &Hash) -> Result<(), Rejected> {
        if self.ids.find(id).is_some() {
            return Err(Rejected::Duplicate);
        }
        let (owner, slot, version) = entry.place();
        if slot >= self.standing.slots_of(&owner) {
            return Err(Rejected::Quota);
        }
        let (from, expiry) = (self.first_epoch(entry), entry.epochs().1);
        if expiry <= self.horizon {
            return Err(Rejected::Expired);
        }
        let rank = (version, core::cmp::Reverse(*id));
        let steps = self.slots.steps((owner, slot));
        let steps = || steps.into_iter().flat_map(|steps| steps.iter());
        if steps().any(|step| step.rank() > rank && self.first_epoch(&step.entry) <= from) {
            return Err(Rejected::Stale);
        }
        let is_more = !steps().any(|step| step.rank() < rank && self.first_epoch(&step.entry) >= from);
        match is_more && self.len() >= self.heads_max && self.standing.is_last(&owner, expiry, id) {
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
        self.admit_as(entry, id)
    }

    /// Takes a verified entry in whose id is known.
    ///
    /// # Errors
    /// As [`Book::judge`].
    pub fn admit_as(&mut self, entry: Entry, id: Hash) -> Result<Arc<Head>, Rejected> {
        self.judge(&entry, &id)?;
        let (owner, slot, _) = entry.place();
        let from = self.first_epoch(&entry);
        let head = Arc::new(Head { entry, id });
        let rank = head.rank();
        let (gone, mut kept): (Vec<_>, Vec<_>) = self
            .slots
            .steps((owner, slot))
            .into_iter()
            .flat_map(|steps| steps.iter())
            .cloned()
            .partition(|step| step.rank() < rank && self.first_epoch(&step.entry) >= from);
        kept.push(head.clone());
        kept.sort_by_key(|step| step.rank());
        self.slots.set((owner, slot), kept);
        self.ids.insert(head.clone());
        self.changes.push(Change::In(id, Kept::Head(head.clone())));
        self.standing.insert(head.clone());
        gone.into_iter().for_each(|step| self.forget(step));
        let deals = self.fills.trim((id, owner), &|id| lots_of(&self.ids, id));
        self.changes.extend(deals.into_iter().map(Change::Out));
        while self.len() > self.heads_max {
            let Some(last) = self.standing.last().cloned() else { break };
            self.remove(last);
        }
        Ok(head)
    }

    /// Takes note of the stakes at a checkpoint: heads are ranked by them from now on, and those in slots beyond the
    /// quota of their owners leave.
    pub fn restake(&mut self, stakes: BTreeMap<Address, u128>) {
        self.standing.restake(stakes);
        let is_beyond = |head: &&Arc<Head>| {
            let (owner, slot, _) = head.entry.place();
            slot >= self.standing.slots_of(&owner)
        };
        let beyond: Vec<Arc<Head>> = self.heads_after(None).filter(is_beyond).cloned().collect();
        beyond.into_iter().for_each(|head| self.remove(head));
        // What was refused before may be welcome now.
        self.losses += 1;
    }

    /// Slots that this owner may use.
    pub fn slots_of(&self, owner: &Address) -> u16 {
        self.standing.slots_of(owner)
    }

    /// Grows whenever something that was refused could be welcome now.
    pub(crate) fn losses(&self) -> u64 {
        self.losses
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
        // What is over already would come and go at every epoch's end, handed on by whoever had it last.
        if Fills::is_over(&deal, self.horizon, &|id| lots_of(&self.ids, id)) {
            return Err(Rejected::Expired);
        }
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
        let head = || self.ids.find(id).cloned().map(Kept::Head);
        let deal = || self.fills.deal(id).cloned().map(Kept::Deal);
        head().or_else(deal).or_else(|| self.proofs.find(id).cloned().map(Kept::Proof))
    }

    /// The ids of everything in the replicated set.
    pub fn kept_ids(&self) -> impl Iterator<Item = &Hash> {
        let deals = self.fills.deals().map(|(id, _)| id);
        self.ids.all().map(|head| &head.id).chain(deals).chain(self.proofs.ids())
    }

    /// How many things are in the replicated set.
    pub fn kept_len(&self) -> u64 {
        (self.ids.len() + self.fills.len() + self.proofs.len()) as u64
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
        self.slots.after(None).filter_map(move |steps| {
            let mut steps = steps.iter().rev();
            steps.find(|step| step.entry.epochs().0 <= epoch).filter(|step| step.entry.epochs().1 > epoch)
        })
    }

    /// The set that is cleared for `epoch`: what counts and has arrived by now.
    pub fn seal(&self, epoch: u64) -> SealedBook {
        let orders = self.effective(epoch).filter(|head| head.order().is_some());
        let sealed = orders.filter_map(|head| {
            let open = self.open_lots(head, epoch);
            let identity = Identity::Anonymous;
            (!open.is_empty()).then(|| SealedOrder { head: head.clone(), open: open.into(), identity })
        });
        SealedBook::new(self.domain.market(), epoch, sealed.collect())
    }

    /// Every head from the one after `after` on, in order of owner and slot.
    pub fn heads_after(&self, after: Option<(Address, u16)>) -> impl Iterator<Item = &Arc<Head>> {
        self.slots.after(after).flat_map(|steps| steps.iter())
    }

    /// Forgets what no epoch from `epoch` on needs: expired heads, and heads that a later one replaced.
    pub fn prune(&mut self, epoch: u64) {
        let mut changed: Vec<(Place, Vec<Arc<Head>>)> = Vec::new();
        let mut gone = Vec::new();
        let expired = self.standing.expired(epoch).map(|head| head.entry.place()).map(|(owner, slot, _)| (owner, slot));
        let places: BTreeSet<Place> = expired.chain(self.slots.shared_places()).collect();
        for place in places {
            let Some(steps) = self.slots.steps(place) else { continue };
            let counting = steps.iter().enumerate().filter(|(_, step)| step.entry.epochs().0 <= epoch);
            let effective = counting.last().map_or(0, |(at, _)| at);
            let is_needed = |at: usize, step: &Head| at >= effective && step.entry.epochs().1 > epoch;
            if steps.iter().enumerate().all(|(at, step)| is_needed(at, step)) {
                continue;
            }
            let (kept, left): (Vec<_>, Vec<_>) =
                steps.iter().cloned().enumerate().partition(|(at, step)| is_needed(*at, step));
            changed.push((place, kept.into_iter().map(|(_, step)| step).collect()));
            gone.extend(left.into_iter().map(|(_, step)| step));
        }
        self.losses += u64::from(!gone.is_empty());
        changed.into_iter().for_each(|(place, steps)| self.slots.set(place, steps));
        gone.into_iter().for_each(|head| self.forget(head));
        self.ids.settle(epoch);
        let deals = self.fills.prune(epoch, &|id| lots_of(&self.ids, id));
        let proofs = self.proofs.prune(epoch);
        self.changes.extend(deals.into_iter().chain(proofs).map(Change::Out));
    }

    /// Takes a head out that nothing replaces.
    fn remove(&mut self, head: Arc<Head>) {
        let (owner, slot, _) = head.entry.place();
        let steps = self.slots.steps((owner, slot)).into_iter().flat_map(|steps| steps.iter());
        let steps = steps.filter(|step| step.id != head.id).cloned().collect();
        self.slots.set((owner, slot), steps);
        self.losses += 1;
        self.forget(head);
    }

    fn forget(&mut self, head: Arc<Head>) {
        self.ids.remove(&head.id);
        self.changes.push(Change::Out(head.id));
        // Fewer deals are kept of an order that is not here: whoever never had it keeps no more either.
        let order = (head.id, head.entry.place().0);
        self.standing.remove(head);
        let deals = self.fills.trim(order, &|id| lots_of(&self.ids, id));
        self.changes.extend(deals.into_iter().map(Change::Out));
    }
}

fn lots_of(ids: &Ids, id: &Hash) -> Option<u32> {
    ids.find(id).and_then(|head| head.order()).map(|order| order.lots)
}

#[cfg(test)]
mod tests;
