//! Copies of what was heard a moment ago, told by keyed digests of their bytes before anything is decoded or hashed.
//! Knows no order; a digest says only that these very bytes were judged.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::hash::Hasher;

use protocol::{Address, Hash, keccak256};
use siphasher::sip128::{Hasher128, SipHasher13};

/// Messages whose verdict is remembered; the oldest is forgotten.
const MESSAGES_MAX: usize = 4_096;
/// Entries that are known by their bytes; the oldest is forgotten. A second or two of the fastest flow.
const ENTRIES_MAX: usize = 16_384;

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

/// Digests of recent bytes. Whoever knows the key could perhaps make bytes that pass for others, so it is drawn by the
/// caller; until then it is made of the owner's address.
#[derive(Debug)]
pub(crate) struct Recent {
    key: (u64, u64),
    messages: Ring<Repeat>,
    /// The ids of verified entries by the digest of their bytes, signatures included.
    entries: Ring<Hash>,
    /// Entries under recovery; bounded by the messages under way.
    in_flight: BTreeSet<Digest>,
    /// The book's losses when `messages` was last cleared.
    losses: u64,
}

impl Recent {
    pub(crate) fn new(owner: &Address) -> Recent {
        let mut recent = Recent {
            key: (0, 0),
            messages: Ring::new(MESSAGES_MAX),
            entries: Ring::new(ENTRIES_MAX),
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

    /// The verdict on a message with this digest, as long as the book has lost nothing since.
    pub(crate) fn verdict(&mut self, message: Digest, losses: u64) -> Option<Repeat> {
        if self.losses != losses {
            self.messages.clear();
            self.losses = losses;
        }
        self.messages.find(message).copied()
    }

    pub(crate) fn judged(&mut self, message: Digest, verdict: Repeat) {
        self.messages.insert(message, verdict);
    }

    /// The id of the verified entry with these bytes.
    pub(crate) fn id_of(&self, entry: Digest) -> Option<&Hash> {
        self.entries.find(entry)
    }

    pub(crate) fn is_in_flight(&self, entry: Digest) -> bool {
        self.in_flight.contains(&entry)
    }

    pub(crate) fn takes_off(&mut self, entry: Digest) {
        self.in_flight.insert(entry);
    }

    /// The recovery of an entry is done; its id if it was verified.
    pub(crate) fn lands(&mut self, entry: Digest, verified: Option<Hash>) {
        self.in_flight.remove(&entry);
        if let Some(id) = verified {
            self.entries.insert(entry, id);
        }
    }
}

/// The newest of what was put in.
#[derive(Debug)]
struct Ring<T> {
    max: usize,
    by_digest: BTreeMap<Digest, T>,
    order: VecDeque<Digest>,
}

impl<T> Ring<T> {
    fn new(max: usize) -> Ring<T> {
        Ring { max, by_digest: BTreeMap::new(), order: VecDeque::new() }
    }

    fn find(&self, digest: Digest) -> Option<&T> {
        self.by_digest.get(&digest)
    }

    fn insert(&mut self, digest: Digest, value: T) {
        if self.by_digest.insert(digest, value).is_none() {
            self.order.push_back(digest);
        }
        if self.order.len() > self.max
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_digest.remove(&oldest);
        }
    }

    fn clear(&mut self) {
        self.by_digest.clear();
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_has_a_bound_and_the_oldest_goes() {
        let mut ring = Ring::new(3);
        for digest in [1, 2, 1, 3, 4, 5] {
            ring.insert(digest, digest);
            assert!(ring.by_digest.len() <= 3 && ring.by_digest.len() == ring.order.len());
        }
        assert_eq!([1, 2, 3, 4, 5].map(|digest| ring.find(digest).is_some()), [false, false, true, true, true]);
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
