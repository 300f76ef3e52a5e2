//! Who may stand in the book and who leaves it first: quotas and the order of eviction, by stake at the checkpoint. The
//! same on every peer that knows the same checkpoint.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use core::cmp::{Ordering, Reverse};

use protocol::{Address, Hash, Parameters};

use super::Head;

/// How many slots an owner may use.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    /// Without stake.
    slots: u16,
    /// With any stake.
    slots_max: u16,
    /// Stake for one more.
    stake_per_slot: u128,
}

impl Quota {
    /// As the market says.
    pub fn of(parameters: &Parameters) -> Quota {
        let (slots, slots_max) = (parameters.slots_per_owner, parameters.slots_per_owner_max);
        Quota { slots, slots_max, stake_per_slot: parameters.stake_per_slot }
    }

    /// Every slot that has a number.
    pub fn unbounded() -> Quota {
        Quota { slots: u16::MAX, slots_max: u16::MAX, stake_per_slot: 0 }
    }

    fn slots_with(&self, stake: u128) -> u16 {
        let more = stake.checked_div(self.stake_per_slot).unwrap_or(0);
        let slots = u128::from(self.slots).saturating_add(more).min(self.slots_max.into());
        slots.try_into().expect("the greatest quota is a 16-bit number")
    }
}

/// A head among those of equal stake: what expires later leaves first, then the higher id.
#[derive(Debug)]
struct Ranked {
    expiry: u64,
    prefix: u64,
    head: Arc<Head>,
}

impl Ranked {
    fn of(head: Arc<Head>) -> Ranked {
        Ranked { expiry: head.entry.epochs().1, prefix: head.id.prefix_u64(), head }
    }

    fn key(&self) -> (u64, u64, &Hash) {
        (self.expiry, self.prefix, &self.head.id)
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Ranked) -> Ordering {
        // The id itself lies elsewhere in memory: it is looked at only where all else is equal.
        (self.expiry, self.prefix).cmp(&(other.expiry, other.prefix)).then_with(|| self.head.id.cmp(&other.head.id))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Ranked) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Ranked) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

/// Stakes, and all heads in the order in which they would have to leave.
#[derive(Debug)]
pub(super) struct Standing {
    quota: Quota,
    /// Owners that have any, at the checkpoint.
    stakes: BTreeMap<Address, u128>,
    /// By stake, the greatest first: the last of the last leaves first. No set is empty.
    by_stake: BTreeMap<Reverse<u128>, BTreeSet<Ranked>>,
}

impl Standing {
    pub(super) fn new(quota: Quota) -> Standing {
        Standing { quota, stakes: BTreeMap::new(), by_stake: BTreeMap::new() }
    }

    /// Slots of this owner.
    pub(super) fn slots_of(&self, owner: &Address) -> u16 {
        self.quota.slots_with(self.stake_of(owner).0)
    }

    fn stake_of(&self, owner: &Address) -> Reverse<u128> {
        Reverse(self.stakes.get(owner).copied().unwrap_or(0))
    }

    pub(super) fn insert(&mut self, head: Arc<Head>) {
        let stake = self.stake_of(&head.entry.place().0);
        self.by_stake.entry(stake).or_default().insert(Ranked::of(head));
    }

    pub(super) fn remove(&mut self, head: Arc<Head>) {
        let stake = self.stake_of(&head.entry.place().0);
        if let Some(ranked) = self.by_stake.get_mut(&stake) {
            ranked.remove(&Ranked::of(head));
            if ranked.is_empty() {
                self.by_stake.remove(&stake);
            }
        }
    }

    /// The head that leaves first.
    pub(super) fn last(&self) -> Option<&Arc<Head>> {
        self.by_stake.values().next_back()?.last().map(|ranked| &ranked.head)
    }

    /// Whether a head of `owner` with this expiry and id would have to leave before all that stand.
    pub(super) fn is_last(&self, owner: &Address, expiry: u64, id: &Hash) -> bool {
        let Some((stake, last)) = self.by_stake.last_key_value().and_then(|(stake, set)| Some((stake, set.last()?)))
        else {
            return false;
        };
        (self.stake_of(owner), (expiry, id.prefix_u64(), id)) > (*stake, last.key())
    }

    /// Ranks every head by the stakes of a new checkpoint.
    pub(super) fn restake(&mut self, stakes: BTreeMap<Address, u128>) {
        let ranked = core::mem::take(&mut self.by_stake);
        self.stakes = stakes;
        self.stakes.retain(|_, stake| *stake > 0);
        ranked.into_values().flatten().for_each(|ranked| self.insert(ranked.head));
    }
}
