//! What tells one kept set from another at once, inside one process. Not for peers: whoever wants two sets to have one
//! fingerprint can make them so with some effort, so it decides nothing but what machines of one simulation share.

use alloc::collections::BTreeMap;
use core::hash::{Hash as _, Hasher};

use protocol::{Authority, Hash};
use siphasher::sip::SipHasher13;

use crate::seed::mixed;

/// The sum of what stands for each thing of a set, lane by lane: the same for the same set however it came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fingerprint([u64; 4]);

impl Fingerprint {
    /// Of one thing: of its id, and of the signatures on it, since the same order may come under several.
    pub(crate) fn of<'a>(id: &Hash, authorities: impl IntoIterator<Item = &'a Authority>) -> Fingerprint {
        let mut signed = SipHasher13::new();
        authorities.into_iter().for_each(|authority| authority.hash(&mut signed));
        let signed = signed.finish();
        let word = |lane: usize| u64::from_le_bytes(core::array::from_fn(|byte| id.0[8 * lane + byte]));
        Fingerprint(core::array::from_fn(|lane| mixed(word(lane) ^ signed.rotate_left(16 * lane as u32))))
    }

    /// With one more, or with all of another.
    pub(crate) fn add(&mut self, other: Fingerprint) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, lane)| *sum = sum.wrapping_add(lane));
    }

    /// Without it.
    pub(crate) fn take(&mut self, other: Fingerprint) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, lane)| *sum = sum.wrapping_sub(lane));
    }
}

/// The fingerprint of a set whose things count from an epoch on, and of those that count by an epoch that is not over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prints {
    all: Fingerprint,
    /// Of those that count from later than `since` on, by when: the next epochs, and at most one each thing.
    later: BTreeMap<u64, Fingerprint>,
    since: u64,
}

impl Prints {
    pub(crate) fn add(&mut self, print: Fingerprint, from: u64) {
        self.all.add(print);
        if from > self.since {
            self.later.entry(from).or_default().add(print);
        }
    }

    pub(crate) fn take(&mut self, print: Fingerprint, from: u64) {
        self.all.take(print);
        if let Some(later) = self.later.get_mut(&from) {
            later.take(print);
        }
    }

    /// Of the whole set.
    pub(crate) fn all(&self) -> Fingerprint {
        self.all
    }

    /// Of what counts in `epoch`; `None` if that is no longer told apart.
    pub(crate) fn counting(&self, epoch: u64) -> Option<Fingerprint> {
        let mut counting = self.all;
        self.later.range(epoch.checked_add(1)?..).for_each(|(_, later)| counting.take(*later));
        (epoch >= self.since).then_some(counting)
    }

    /// No epoch before `epoch` will be asked for again.
    pub(crate) fn settle(&mut self, epoch: u64) {
        self.since = self.since.max(epoch);
        while let Some(first) = self.later.first_entry().filter(|first| *first.key() <= self.since) {
            first.remove();
        }
    }
}
