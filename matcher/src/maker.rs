//! This node's own offers: what a user wants stands in a slot, and is signed anew as lots go, come back or time runs.

mod choosing;
mod placing;
mod signing;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use protocol::order::EXCLUDED_MAX;
use protocol::{Address, Authority, Cancel, Entry, Hash, Order, Scope, Side, Signature, Signed};
use serde::{Deserialize, Serialize};

use crate::effect::{Effect, Event, Placed, Record, Refused};
use crate::input::Draft;
use crate::market::Market;
use choosing::Shunned;

pub(crate) use signing::Recovered;

/// After a version of an own offer was refused, the next one is tried so much later.
const RETRY_MS: u64 = 1_000;

/// What a user wants, in its slot, and the version that stands for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The slot.
    pub slot: u16,
    /// What the user wants, capacity rounded.
    pub draft: Draft,
    /// The first version of this wish; deals of lower versions belong to an earlier one.
    pub first_version: u64,
    /// The newest signed head, or the unsigned order while it is being signed.
    pub entry: Entry,
    /// The newest head's id.
    pub id: Hash,
    /// Whether the user took it back; the empty slot is kept until it expires.
    pub is_withdrawn: bool,
    /// Suppliers that failed this bid and until when (unix ms) all bids of this node leave them out, oldest first. Whom
    /// its newest version leaves out in the end, and whom it names, say [`Standing::left_out`] and [`Standing::named`].
    pub avoided: Vec<(Address, u64)>,
}

impl Standing {
    /// Version and expiry of the newest head.
    pub fn version_and_expiry(&self) -> (u64, u64) {
        (self.entry.place().2, self.entry.epochs().1)
    }

    /// Remembers that `supplier` failed it; the only one that the user would trade with is asked again.
    fn avoid(&mut self, supplier: Address, until_ms: u64) {
        if self.draft.counterparty != supplier {
            self.avoided.retain(|(owner, _)| *owner != supplier);
            self.avoided.push((supplier, until_ms));
            let surplus = self.avoided.len().saturating_sub(EXCLUDED_MAX);
            self.avoided.drain(..surplus);
        }
    }
}

/// Own offers by slot.
#[derive(Debug, Default)]
pub(crate) struct Maker {
    pub(crate) standings: BTreeMap<u16, Standing>,
    /// Slots whose next version is being signed.
    issuing: BTreeSet<u16>,
    /// Slots whose newest version may no longer say what is on offer.
    stale: BTreeSet<u16>,
    /// Slots whose last version was refused, and when to try again.
    retry_ms: BTreeMap<u16, u64>,
    /// Versions that what happens just now gave rise to, at most one a slot: signed together when it is handled.
    due: Vec<OwnHead>,
    /// Whom own bids keep clear of.
    shunned: Shunned,
    /// What became so far of orders that a user placed together; each that is open holds a slot.
    lists: BTreeMap<u64, Vec<Option<Result<Placed, Refused>>>>,
}

/// An own head on its way to being signed and verified.
#[derive(Debug)]
pub(crate) struct OwnHead {
    asker: Option<Asker>,
    standing: Standing,
}

/// The user who waits for an own head.
#[derive(Debug, Clone, Copy)]
enum Asker {
    /// For this one alone.
    One(u64),
    /// For a whole list, in which it has this place.
    List(u64, usize),
}

impl Maker {
    /// A slot for an order that lives until `expiry`: an unused one, else a withdrawn one whose empty head would not
    /// outlive the order, else one in which something stands that the owner signed elsewhere.
    fn free_slot(&self, slots: u16, expiry: u64, is_held: impl Fn(&u16) -> bool) -> Option<u16> {
        let is_unused = |slot: &u16| !self.standings.contains_key(slot) && !self.issuing.contains(slot);
        let is_over = |slot: &u16| {
            let standing = self.standings.get(slot).filter(|standing| standing.is_withdrawn);
            standing.is_some_and(|standing| standing.version_and_expiry().1 <= expiry) && !self.issuing.contains(slot)
        };
        let free = (0..slots).find(|slot| is_unused(slot) && !is_held(slot));
        free.or_else(|| (0..slots).find(is_over)).or_else(|| (0..slots).find(is_unused))
    }
}

fn order(draft: &Draft, (owner, slot): (Address, u16), version: u64, epochs: (u64, u64)) -> Order {
    Order {
        side: draft.side,
        owner,
        slot,
        version,
        capacity: draft.capacity.clone(),
        lots: draft.lots,
        price: draft.price,
        duration_min_s: draft.duration_min_s,
        duration_max_s: draft.duration_max_s,
        billed_min_s: draft.billed_min_s,
        from_epoch: epochs.0,
        expiry_epoch: epochs.1,
        counterparty: draft.counterparty,
        excluded: draft.excluded.clone(),
        identity_min: draft.identity_min,
        flags: draft.flags,
        tag: draft.tag,
    }
}

fn unsigned<T>(body: T) -> Signed<T> {
    Signed { body, authority: Authority::own(Signature([0; 65])) }
}

impl Market {
    /// First epoch and expiry of a head that is signed now and lives `life_s`, at least until `expiry_min`; never longer
    /// than this node may sign. Empty if it may not.
    fn epochs(&self, now: u64, life_s: u32, expiry_min: u64) -> (u64, u64) {
        let parameters = &self.parameters;
        let from = parameters.epoch_to_sign(now);
        let longest = from + parameters.epochs_in(parameters.order_life_max_s.into());
        let allowed = self.mandate.ends_s().map_or(u64::MAX, |ends_s| parameters.epoch_at(ends_s.saturating_mul(1000)));
        (from, (from + parameters.epochs_in(life_s.into())).max(expiry_min).min(longest).min(allowed))
    }

    pub(crate) fn on_withdraw(&mut self, user: u64, order: &Hash, now: u64) {
        let is_it = |standing: &&Standing| {
            let is_older = self.book.head(order).is_some_and(|head| {
                let (owner, slot, _) = head.entry.place();
                owner == self.owner && slot == standing.slot
            });
            !standing.is_withdrawn && (standing.id == *order || is_older)
        };
        let found = self.maker.standings.values().find(is_it).cloned();
        let busy = |standing: &Standing| self.maker.issuing.contains(&standing.slot);
        match found {
            None => self.effects.push(Effect::Answer { user, answer: Err(Refused::UnknownOrder) }),
            Some(standing) if busy(&standing) => {
                self.effects.push(Effect::Answer { user, answer: Err(Refused::Busy) });
            }
            Some(mut standing) => {
                match self.may_sign(Scope::CANCEL, now).and_then(|()| self.empty_head(&standing, now)) {
                    Ok(entry) => standing.entry = entry,
                    Err(refused) => return self.effects.push(Effect::Answer { user, answer: Err(refused) }),
                }
                standing.id = standing.entry.id(&self.domain);
                standing.is_withdrawn = true;
                self.issue(Some(Asker::One(user)), standing);
            }
        }
    }

    fn empty_head(&self, standing: &Standing, now: u64) -> Result<Entry, Refused> {
        let (owner, slot) = (self.owner, standing.slot);
        let version = self.next_version(slot, now);
        let expiry = standing.version_and_expiry().1.max(self.parameters.epoch_to_sign(now) + 1);
        let (from_epoch, expiry_epoch) = self.epochs(now, 0, expiry);
        match from_epoch < expiry_epoch {
            true => Ok(Entry::Cancel(unsigned(Cancel { owner, slot, version, from_epoch, expiry_epoch }))),
            false => Err(Refused::DelegationOver),
        }
    }

    /// Somebody else signed a newer head for this owner's slot: the owner's word, which counts before what stands here.
    pub(crate) fn yield_slot(&mut self, slot: u16, version: u64) {
        let is_older = |standing: &Standing| standing.version_and_expiry().0 < version;
        if self.maker.standings.get(&slot).is_some_and(is_older) {
            self.maker.standings.remove(&slot);
            self.maker.stale.remove(&slot);
            self.effects.push(Effect::Store(Record::Gone { slot }));
            self.effects.push(Effect::Tell(Event::Superseded { slot, version }));
        }
    }

    /// Lots of a standing wish that are neither in a live deal nor, for a bid, already served.
    pub(crate) fn lots_left(&self, standing: &Standing) -> u32 {
        let side = standing.draft.side;
        let gone = self.deals.of_standing(side, standing).fold(0u32, |sum, deal| sum.saturating_add(deal.lots()));
        standing.draft.lots.saturating_sub(gone)
    }

    /// Lots that everyone sees on offer in the newest version, less those that this node is dealing about.
    fn lots_offered(&self, standing: &Standing) -> u32 {
        let Some(head) = self.book.head(&standing.id) else { return 0 };
        let open: u32 = self.book.open_lots(head, u64::MAX).iter().map(|(first, end)| end - first).sum();
        let proposed = self.deals.proposed(&standing.id).fold(0u32, |sum, deal| sum.saturating_add(deal.lots()));
        open.saturating_sub(proposed)
    }

    /// A deal of this slot began, ended or failed: its newest version may have to be replaced.
    pub(crate) fn look_at_offer(&mut self, slot: u16) {
        self.maker.stale.insert(slot);
    }

    /// The bid in `slot` failed with `supplier`: it and all other bids of this node leave it out for a while.
    pub(crate) fn avoid(&mut self, slot: u16, supplier: Address, now: u64) {
        let until_ms = self.shun(supplier, now);
        if let Some(standing) = self.maker.standings.get_mut(&slot) {
            standing.avoid(supplier, until_ms);
            self.maker.stale.insert(slot);
        }
    }

    /// Signs a new version of every offer that no longer says what is on offer: more lots, fewer, none, or none for
    /// suppliers to keep clear of.
    pub(crate) fn mend_offers(&mut self, now: u64) {
        if self.maker.stale.is_empty() {
            return;
        }
        self.gather_shunned(now);
        for slot in core::mem::take(&mut self.maker.stale) {
            let is_early = self.maker.retry_ms.get(&slot).is_some_and(|&retry_ms| now < retry_ms);
            if is_early || self.maker.issuing.contains(&slot) {
                self.maker.stale.insert(slot);
                continue;
            }
            let Some(standing) = self.maker.standings.get(&slot).filter(|standing| !standing.is_withdrawn) else {
                continue;
            };
            let (left, offered) = (self.lots_left(standing), self.lots_offered(standing));
            let is_bound = self.is_waiting(standing);
            let is_other = || self.is_to_change(standing) || self.deals.is_spent(&standing.id);
            if left != offered || is_bound || (left > 0 && is_other()) {
                self.reissue(slot, now);
            }
            self.note_mended(slot);
        }
    }

    /// Signs the slot's next version with the lots that are left, or empties it if none are. An offer that is not
    /// renewed keeps its end.
    pub(crate) fn reissue(&mut self, slot: u16, now: u64) {
        let Some(mut next) = self.maker.standings.get(&slot).cloned() else { return };
        let lots = self.lots_left(&next);
        let expiry = next.version_and_expiry().1;
        let life_s = if next.draft.is_renewed { next.draft.life_s } else { 0 };
        let epochs = self.epochs(now, life_s, expiry);
        let scope = match (lots, next.draft.side) {
            (0, _) => Scope::CANCEL,
            (_, Side::Ask) => Scope::ASK,
            (_, Side::Bid) => Scope::BID,
        };
        if epochs.0 >= epochs.1 || self.may_sign(scope, now).is_err() {
            return;
        }
        next.entry = match lots {
            0 => match self.empty_head(&next, now) {
                Ok(entry) => entry,
                Err(_) => return,
            },
            _ => {
                let mut order = order(&next.draft, (self.owner, slot), self.next_version(slot, now), epochs);
                order.lots = lots;
                self.keep_clear(&mut order, &next.draft);
                Entry::Order(unsigned(order))
            }
        };
        next.id = next.entry.id(&self.domain);
        self.issue(None, next);
    }

    /// Renews what is about to expire and lets go of what is over.
    pub(crate) fn tick_maker(&mut self, now: u64) {
        self.forgive(now);
        let epoch = self.parameters.epoch_at(now);
        let mut due: Vec<u16> = Vec::new();
        let mut gone: Vec<u16> = Vec::new();
        for (slot, standing) in self.maker.standings.iter().filter(|(slot, _)| !self.maker.issuing.contains(slot)) {
            let (from, expiry) = standing.entry.epochs();
            let is_mine = standing.draft.is_renewed && !standing.is_withdrawn;
            let is_late = expiry.saturating_sub(epoch) <= (expiry.saturating_sub(from) / 5).max(1);
            if !is_late {
                continue;
            }
            let left = self.lots_left(standing);
            let is_served = standing.draft.side == Side::Bid
                && left == 0
                && self.deals.of_standing(Side::Bid, standing).all(|deal| !deal.is_live());
            let is_longer = self.epochs(now, standing.draft.life_s, expiry).1 > expiry;
            if expiry <= epoch && (!is_mine || is_served) {
                gone.push(*slot);
            } else if is_mine && left > 0 && is_longer && self.maker.retry_ms.get(slot).is_none_or(|&at| now >= at) {
                due.push(*slot);
            }
        }
        for slot in gone {
            self.maker.standings.remove(&slot);
            self.effects.push(Effect::Store(Record::Gone { slot }));
        }
        for slot in due {
            self.reissue(slot, now);
        }
    }
}
