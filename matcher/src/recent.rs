//! Copies of what was heard a moment ago, told by keyed digests of their bytes before anything is decoded or hashed.
//! Knows no order; a digest says only that these very bytes were judged.

use alloc::collections::{BTreeMap, BTreeSet};
use core::hash::Hasher;

use protocol::{Address, Hash, Recovery, keccak256};
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::book::Book;

/// Messages whose verdict is remembered; the oldest is forgotten.
const MESSAGES_MAX: usize = 4_096;
/// Entries that are known by their bytes; the oldest is forgotten. A second or two of the fastest flow.
const ENTRIES_MAX: usize = 16_384;

/// Trees and delegations whose signers are known; the oldest is forgotten.
const RECOVERIES_MAX: usize = 1_024;

/// Epochs after which messages and entries that nobody sent again are forgotten, at most twice as many: copies of what is
/// gossiped come within seconds.
const COPIES_EPOCHS: u64 = 2;
/// The same for recoveries: whoever signs trees, or by a delegation, does so again.
const RECOVERIES_EPOCHS: u64 = 64;

/// A keyed digest of some bytes.
pub(crate) type Digest = u128;

/// What became of the message that these bytes were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It brought nothing wrong.
    Harmless,
    /// Its sender had to know better.
    Faulty,
}

/// A verified entry.
#[derive(Debug, Clone, Copy)]
struct Known {
    id: Hash,
    /// The book's losses when it had entered; none if it had not. As long as they are the same, it stands, or what
    /// replaced it does.
    losses: Option<u64>,
}

/// Digests of recent bytes. Whoever knows the key could perhaps make bytes that pass for others, so it is drawn by the
/// caller; until then it is made of the owner's address.
#[derive(Debug)]
pub(crate) struct Recent {
    key: (u64, u64),
    messages: Newest<Digest, Repeat>,
    /// Verified entries by the digest of their bytes, signatures included.
    entries: Newest<Digest, Known>,
    /// Recoveries that several entries share and that were good; whole, since a digest would have to be trusted.
    recoveries: Newest<Recovery, ()>,
    /// Entries under recovery; bounded by the messages under way.
    in_flight: BTreeSet<Digest>,
    /// The book's losses when `messages` was last cleared.
    losses: u64,
}

impl Recent {
    pub(crate) fn new(owner: &Address) -> Recent {
        let mut recent = Recent {
            key: (0, 0),
            messages: Newest::new(MESSAGES_MAX),
            entries: Newest::new(ENTRIES_MAX),
            recoveries: Newest::new(RECOVERIES_MAX),
            in_flight: BTreeSet::new(),
            losses: 0,
        };
        recent.seed(&keccak256(&[b"recent", &owner.0]));
        recent
    }

    /// Takes a key from `entropy` and forgets what was told by another.
    pub(crate) fn seed(&mut self, entropy: &Hash) {
        let drawn = keccak256(&[b"recent key", &entropy.0]).0;
        let half = |at: usize| u64::from_le_bytes(core::array::from_fn(|byte| drawn[at + byte]));
        self.key = (half(0), half(8));
        self.messages.clear();
        self.entries.clear();
        // Recoveries under way end with the digests that they began with.
    }

    pub(crate) fn digest(&self, bytes: &[u8]) -> Digest {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        hasher.write(bytes);
        hasher.finish128().as_u128()
    }

    /// Another epoch runs: what is old enough is forgotten, so that a quiet machine keeps nothing.
    pub(crate) fn begin_epoch(&mut self, epoch: u64) {
        self.messages.begin_epoch(epoch / COPIES_EPOCHS);
        self.entries.begin_epoch(epoch / COPIES_EPOCHS);
        self.recoveries.begin_epoch(epoch / RECOVERIES_EPOCHS);
    }

    /// The verdict on a message with this digest, as long as the book has lost nothing since.
    pub(crate) fn verdict(&mut self, message: Digest, losses: u64) -> Option<Repeat> {
        if self.losses != losses {
            self.messages.clear();
            self.losses = losses;
        }
        self.messages.find(&message).copied()
    }

    pub(crate) fn judged(&mut self, message: Digest, verdict: Repeat) {
        self.messages.insert(message, verdict);
    }

    /// Whether the entry with these bytes was verified and says nothing new to `book`.
    pub(crate) fn is_known(&self, entry: Digest, book: &Book) -> bool {
        let is_there = |known: &Known| known.losses == Some(book.losses()) || book.head(&known.id).is_some();
        self.entries.find(&entry).is_some_and(is_there)
    }

    /// Whether this very recovery was good before.
    pub(crate) fn is_good(&self, recovery: &Recovery) -> bool {
        self.recoveries.find(recovery).is_some()
    }

    pub(crate) fn was_good(&mut self, recovery: Recovery) {
        self.recoveries.insert(recovery, ());
    }

    pub(crate) fn is_in_flight(&self, entry: Digest) -> bool {
        self.in_flight.contains(&entry)
    }

    pub(crate) fn takes_off(&mut self, entry: Digest) {
        self.in_flight.insert(entry);
    }

    /// The recovery of an entry is done.
    pub(crate) fn lands(&mut self, entry: Digest) {
        self.in_flight.remove(&entry);
    }

    /// The entry with these bytes is good; the book's losses once it entered, if it did.
    pub(crate) fn verified(&mut self, entry: Digest, id: Hash, losses: Option<u64>) {
        self.entries.insert(entry, Known { id, losses });
    }
}

/// The newest of what was put in: between half of `max` and all of it, and what is of this age or the last.
#[derive(Debug)]
struct Newest<K, T> {
    max: usize,
    young: BTreeMap<K, T>,
    /// Goes when the young are half of `max` or of the age before, and they take its place.
    old: BTreeMap<K, T>,
    age: u64,
}

impl<K: Ord, T> Newest<K, T> {
    fn new(max: usize) -> Newest<K, T> {
        Newest { max, young: BTreeMap::new(), old: BTreeMap::new(), age: 0 }
    }

    fn find(&self, key: &K) -> Option<&T> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    fn insert(&mut self, key: K, value: T) {
        if self.young.len() >= self.max / 2 {
            self.old = core::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    fn begin_epoch(&mut self, age: u64) {
        if age != self.age {
            self.age = age;
            self.old = core::mem::take(&mut self.young);
        }
    }

    fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_has_a_bound_and_the_oldest_goes() {
        let mut newest = Newest::new(4);
        for digest in 0..100u128 {
            newest.insert(digest, digest);
            assert!(newest.young.len() + newest.old.len() <= 4);
            assert_eq!([digest, digest.saturating_sub(1)].map(|known| newest.find(&known).is_some()), [true; 2]);
        }
        assert!((0..96).all(|digest| newest.find(&digest).is_none()));
    }

    #[test]
    fn what_nobody_sends_again_is_forgotten_after_two_ages() {
        let mut newest = Newest::new(100);
        newest.begin_epoch(7);
        newest.insert(1u128, ());
        newest.begin_epoch(7);
        newest.begin_epoch(8);
        assert!(newest.find(&1).is_some());
        newest.begin_epoch(9);
        assert!(newest.find(&1).is_none());
    }

    #[test]
    fn another_key_gives_other_digests_and_forgets() {
        let mut recent = Recent::new(&Address([1; 20]));
        let before = recent.digest(b"bytes");
        recent.judged(before, Repeat::Faulty);
        assert_eq!(recent.verdict(before, 0), Some(Repeat::Faulty));
        recent.seed(&Hash([7; 32]));
        assert_ne!(recent.digest(b"bytes"), before);
        assert_eq!(recent.verdict(before, 0), None);
        assert_ne!(Recent::new(&Address([2; 20])).digest(b"bytes"), before, "owners differ");
    }
}
