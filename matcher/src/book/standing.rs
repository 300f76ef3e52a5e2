//! Who may stand in the book and who leaves it first: quotas and the order of eviction, by stake at the checkpoint. The
//! same on every peer that knows the same checkpoint.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::cmp::{Ordering, Reverse};

use protocol::{Address, Hash, Parameters};

use super::Head;
use crate::layered::Layered;

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
#[derive(Debug, Clone)]
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
    stakes: Arc<BTreeMap<Address, u128>>,
    /// Heads of owners without stake: the last leaves first.
    unstaked: Layered<Ranked, ()>,
    /// The others, by stake, the greatest first: these leave after all of those.
    staked: Layered<(Reverse<u128>, Ranked), ()>,
}

impl Standing {
    pub(super) fn new(quota: Quota) -> Standing {
        let stakes = Arc::new(BTreeMap::new());
        Standing { quota, stakes, unstaked: Layered::default(), staked: Layered::default() }
    }

    /// Slots of this owner.
    pub(super) fn slots_of(&self, owner: &Address) -> u16 {
        self.quota.slots_with(self.stake_of(owner).0)
    }

    fn stake_of(&self, owner: &Address) -> Reverse<u128> {
        Reverse(self.stakes.get(owner).copied().unwrap_or(0))
    }

    pub(super) fn insert(&mut self, head: Arc<Head>) {
        match self.stake_of(&head.entry.place().0) {
            Reverse(0) => self.unstaked.insert(Ranked::of(head), ()),
            stake => self.staked.insert((stake, Ranked::of(head)), ()),
        }
    }

    pub(super) fn remove(&mut self, head: Arc<Head>) {
        match self.stake_of(&head.entry.place().0) {
            Reverse(0) => self.unstaked.remove(&Ranked::of(head)),
            stake => self.staked.remove(&(stake, Ranked::of(head))),
        };
    }

    /// The head that leaves first.
    pub(super) fn last(&self) -> Option<&Arc<Head>> {
        self.last_ranked().map(|(_, ranked)| &ranked.head)
    }

    fn last_ranked(&self) -> Option<(Reverse<u128>, &Ranked)> {
        let unstaked = self.unstaked.last().map(|(ranked, ())| (Reverse(0), ranked));
        unstaked.or_else(|| self.staked.last().map(|((stake, ranked), ())| (*stake, ranked)))
    }

    /// The heads that expire by the end of `epoch`, by stake.
    pub(super) fn expired(&self, epoch: u64) -> impl Iterator<Item = &Arc<Head>> {
        let unstaked = self.unstaked.keys().take_while(move |ranked| ranked.expiry <= epoch);
        let staked = self.staked.keys().filter(move |(_, ranked)| ranked.expiry <= epoch);
        unstaked.chain(staked.map(|(_, ranked)| ranked)).map(|ranked| &ranked.head)
    }

    /// Whether a head of `owner` with this expiry and id would have to leave before all that stand.
    pub(super) fn is_last(&self, owner: &Address, expiry: u64, id: &Hash) -> bool {
        let Some((stake, last)) = self.last_ranked() else { return false };
        (self.stake_of(owner), (expiry, id.prefix_u64(), id)) > (stake, last.key())
    }

    /// Ranks every head by the stakes of a new checkpoint.
    pub(super) fn restake(&mut self, mut stakes: BTreeMap<Address, u128>) {
        let unstaked = core::mem::take(&mut self.unstaked);
        let staked = core::mem::take(&mut self.staked);
        stakes.retain(|_, stake| *stake > 0);
        self.stakes = Arc::new(stakes);
        let ranked = unstaked.keys().chain(staked.keys().map(|(_, ranked)| ranked));
        ranked.for_each(|ranked| self.insert(ranked.head.clone()));
    }

    /// Whether `other` goes by the same stakes.
    pub(super) fn has_stakes_of(&self, other: &Standing) -> bool {
        Arc::ptr_eq(&self.stakes, &other.stakes) || self.stakes == other.stakes
    }

    /// Makes all of it a base that others may share.
    pub(super) fn fold(&mut self) {
        self.unstaked.fold();
        self.staked.fold();
    }

    /// Shares what `other` holds, which must be the same heads by the same stakes.
    pub(super) fn share(&mut self, other: &Standing) {
        self.stakes = other.stakes.clone();
        self.unstaked.adopt(&other.unstaked);
        self.staked.adopt(&other.staked);
    }
}
