//! This node's own offers: what a user wants stands in a slot, and is signed anew as lots go, come back or time runs.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use protocol::capacity::Rounding;
use protocol::{Address, Authority, Cancel, Entry, Hash, Identity, Order, Parameters, Side, Signature, Signed, Typed};
use serde::{Deserialize, Serialize};

use crate::effect::{Answer, Effect, Record, Refused};
use crate::input::Draft;
use crate::market::Market;
use crate::waiting::Next;

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
}

impl Standing {
    /// Version and expiry of the newest head.
    pub fn version_and_expiry(&self) -> (u64, u64) {
        (self.entry.place().2, self.entry.epochs().1)
    }
}

/// Own offers by slot.
#[derive(Debug, Default)]
pub(crate) struct Maker {
    pub(crate) standings: BTreeMap<u16, Standing>,
    /// Slots whose next version is being signed.
    issuing: BTreeMap<u16, ()>,
}

impl Maker {
    fn free_slot(&self, slots: u16) -> Option<u16> {
        (0..slots).find(|slot| !self.standings.contains_key(slot) && !self.issuing.contains_key(slot))
    }
}

fn order(draft: &Draft, owner: Address, slot: u16, version: u64, epochs: (u64, u64)) -> Order {
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

/// First epoch and expiry of a head that is signed now and lives `life_s`, at least until `expiry_min`.
fn epochs(parameters: &Parameters, now: u64, life_s: u32, expiry_min: u64) -> (u64, u64) {
    let from = parameters.epoch_to_sign(now);
    let longest = from + parameters.epochs_in(parameters.order_life_max_s.into());
    (from, (from + parameters.epochs_in(life_s.into())).max(expiry_min).min(longest))
}

impl Market {
    pub(crate) fn on_place(&mut self, user: u64, mut draft: Draft, now: u64) {
        let rounding = if draft.side == Side::Ask { Rounding::Down } else { Rounding::Up };
        draft.capacity = draft.capacity.rounded(rounding);
        draft.excluded.sort_unstable();
        draft.excluded.dedup();
        match self.check_draft(&draft, now) {
            Ok(standing) => self.issue(Some(user), standing),
            Err(refused) => self.effects.push(Effect::Answer { user, answer: Err(refused) }),
        }
    }

    fn check_draft(&self, draft: &Draft, now: u64) -> Result<Standing, Refused> {
        let slots = self.parameters.slots_per_owner;
        let slot = self.maker.free_slot(slots).ok_or(Refused::NoFreeSlot(slots))?;
        let epochs = epochs(&self.parameters, now, draft.life_s, 0);
        let order = order(draft, self.owner, slot, now, epochs);
        order.check(&self.parameters).map_err(Refused::Rejected)?;
        if draft.identity_min != Identity::Anonymous && self.parameters.chain_id == 0 {
            return Err(Refused::Rejected(protocol::Rejected::Flags));
        }
        if draft.side == Side::Ask {
            let measured = self.measured.as_ref().ok_or(Refused::NotMeasured)?;
            let wanted = order.capacity.times(order.lots).ok_or(Refused::Rejected(protocol::Rejected::Lots))?;
            if let Some(wanted) = measured.shortfall(&wanted) {
                let measured = protocol::Score { metric: wanted.metric, value: measured.value(wanted.metric) };
                return Err(Refused::BeyondMeasured { wanted, measured });
            }
        }
        let entry = Entry::Order(unsigned(order));
        let id = entry.id(&self.domain);
        Ok(Standing { slot, draft: draft.clone(), first_version: now, entry, id, is_withdrawn: false })
    }

    /// Has the standing's newest head signed.
    fn issue(&mut self, user: Option<u64>, standing: Standing) {
        self.maker.issuing.insert(standing.slot, ());
        let digest = standing.id;
        let ticket = self.waiting.add(Next::SignHead { user, standing: Box::new(standing) });
        self.effects.push(Effect::Sign { ticket, digest });
    }

    pub(crate) fn on_head_signed(&mut self, user: Option<u64>, mut standing: Standing, signature: Signature, now: u64) {
        match &mut standing.entry {
            Entry::Order(order) => order.authority = Authority::own(signature),
            Entry::Cancel(cancel) => cancel.authority = Authority::own(signature),
        }
        match self.screen(&standing.entry, now) {
            Ok((_, work)) => {
                let ticket = self.waiting.add(Next::OwnHead { user, standing: Box::new(standing) });
                self.effects.push(Effect::Recover { ticket, work });
            }
            Err(rejected) => self.refuse_head(user, &standing, Refused::Rejected(rejected)),
        }
    }

    pub(crate) fn on_own_head_verified(&mut self, user: Option<u64>, standing: Standing, is_valid: bool) {
        let admitted = match is_valid {
            true => self.admit(standing.entry.clone()).map_err(Refused::Rejected),
            false => Err(Refused::Rejected(protocol::Rejected::Signer)),
        };
        if let Err(refused) = admitted {
            return self.refuse_head(user, &standing, refused);
        }
        let (slot, id) = (standing.slot, standing.id);
        let (version, is_withdrawn) = (standing.version_and_expiry().0, standing.is_withdrawn);
        let from_epoch = standing.entry.epochs().0;
        self.publish_heads(alloc::vec![standing.entry.clone()]);
        self.maker.issuing.remove(&slot);
        self.effects.push(Effect::Store(Record::Standing(Box::new(standing.clone()))));
        self.maker.standings.insert(slot, standing);
        if let Some(user) = user {
            let answer = match is_withdrawn {
                true => Answer::Withdrawn { slot },
                false => Answer::Placed { id, slot, version, from_epoch },
            };
            self.effects.push(Effect::Answer { user, answer: Ok(answer) });
        }
    }

    fn refuse_head(&mut self, user: Option<u64>, standing: &Standing, refused: Refused) {
        self.maker.issuing.remove(&standing.slot);
        if let Some(user) = user {
            self.effects.push(Effect::Answer { user, answer: Err(refused) });
        }
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
        let busy = |standing: &Standing| self.maker.issuing.contains_key(&standing.slot);
        match found {
            None => self.effects.push(Effect::Answer { user, answer: Err(Refused::UnknownOrder) }),
            Some(standing) if busy(&standing) => {
                self.effects.push(Effect::Answer { user, answer: Err(Refused::Busy) });
            }
            Some(mut standing) => {
                let (version, expiry) = standing.version_and_expiry();
                let (from_epoch, expiry_epoch) = epochs(&self.parameters, now, 0, expiry);
                let (owner, slot, version) = (self.owner, standing.slot, now.max(version + 1));
                let expiry_epoch = expiry_epoch.max(from_epoch + 1);
                let cancel = Cancel { owner, slot, version, from_epoch, expiry_epoch };
                standing.entry = Entry::Cancel(unsigned(cancel));
                standing.id = standing.entry.id(&self.domain);
                standing.is_withdrawn = true;
                self.issue(Some(user), standing);
            }
        }
    }

    /// Lots of a standing wish that are neither in a live deal nor, for a bid, already served.
    pub(crate) fn lots_left(&self, standing: &Standing) -> u32 {
        let side = standing.draft.side;
        let gone: u32 = self.deals.of_standing(side, standing).map(|deal| deal.lots()).sum();
        standing.draft.lots.saturating_sub(gone)
    }

    /// Signs the slot's next version with the lots that are left, keeping `excluded` out; does nothing if none are.
    pub(crate) fn reissue(&mut self, slot: u16, excluded: Option<Address>, now: u64) {
        let Some(standing) = self.maker.standings.get_mut(&slot) else { return };
        if standing.is_withdrawn {
            return;
        }
        if let Some(excluded) = excluded {
            let list = &mut standing.draft.excluded;
            if list.len() >= protocol::order::EXCLUDED_MAX {
                list.clear();
            }
            list.push(excluded);
            list.sort_unstable();
            list.dedup();
        }
        let mut next = standing.clone();
        let left = self.lots_left(&next);
        if left == 0 || self.maker.issuing.contains_key(&slot) {
            return;
        }
        let (version, expiry) = next.version_and_expiry();
        let epochs = epochs(&self.parameters, now, next.draft.life_s, expiry);
        let mut order = order(&next.draft, self.owner, slot, now.max(version + 1), epochs);
        order.lots = left;
        next.id = self.domain.digest(&order.struct_hash());
        next.entry = Entry::Order(unsigned(order));
        self.issue(None, next);
    }

    /// Renews what is about to expire and lets go of what is over.
    pub(crate) fn tick_maker(&mut self, now: u64) {
        let epoch = self.parameters.epoch_at(now);
        let mut due: Vec<u16> = Vec::new();
        let mut gone: Vec<u16> = Vec::new();
        for (slot, standing) in &self.maker.standings {
            let (from, expiry) = standing.entry.epochs();
            let is_served = standing.draft.side == Side::Bid
                && self.lots_left(standing) == 0
                && self.deals.of_standing(Side::Bid, standing).all(|deal| !deal.is_live());
            let is_mine = standing.draft.is_renewed && !standing.is_withdrawn;
            if expiry <= epoch && (!is_mine || is_served) {
                gone.push(*slot);
            } else if is_mine && !is_served && expiry.saturating_sub(epoch) * 5 < expiry - from {
                due.push(*slot);
            }
        }
        for slot in gone {
            self.maker.standings.remove(&slot);
            self.effects.push(Effect::Store(Record::Gone { slot }));
        }
        for slot in due {
            self.reissue(slot, None, now);
        }
    }

    /// Puts an own offer of an earlier life back into the book and on its way, or renews it.
    pub(crate) fn restore_standing(&mut self, standing: Standing, now: u64) {
        let slot = standing.slot;
        let screened = self.screen(&standing.entry, now);
        self.maker.standings.insert(slot, standing.clone());
        if let Ok((_, work)) = screened {
            self.maker.issuing.insert(slot, ());
            let ticket = self.waiting.add(Next::OwnHead { user: None, standing: Box::new(standing) });
            self.effects.push(Effect::Recover { ticket, work });
        }
    }
}
