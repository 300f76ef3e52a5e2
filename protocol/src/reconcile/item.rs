//! What a pair of neighbours makes of one id, and the hash of a whole set of them. Knows no symbols.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use siphasher::sip::SipHasher24;

use crate::hash::{Hash, hex_decode, hex_encode, keccak256};

/// The keys of one pair of neighbours, the same for both: who is not one of them cannot make ids that collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Salt(pub [u8; 16]);

impl Salt {
    /// The salt of two neighbours from the salts of their hellos, in any order.
    pub fn of_pair(a: &Hash, b: &Hash) -> Salt {
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        let mixed = keccak256(&[b"souk reconcile", &low.0, &high.0]);
        let mut salt = [0; 16];
        salt.copy_from_slice(&mixed.0[..16]);
        Salt(salt)
    }

    /// What the pair makes of `id`.
    pub fn item(&self, id: &Hash) -> Item {
        let keyed = SipHasher24::new_with_key(&self.0);
        let mut bytes = [0; 33];
        bytes[..32].copy_from_slice(&id.0);
        let lanes = core::array::from_fn(|lane| {
            bytes[32] = lane as u8;
            keyed.hash(&bytes)
        });
        Item { short: keyed.hash(&id.0), lanes }
    }

    /// The short id of `id` alone, for less.
    pub fn short(&self, id: &Hash) -> u64 {
        SipHasher24::new_with_key(&self.0).hash(&id.0)
    }
}

/// What a pair makes of one id: 64 bits that symbols carry, and 256 that the hash of a set sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    short: u64,
    lanes: [u64; 4],
}

impl Item {
    /// The id that symbols carry.
    pub fn short(&self) -> u64 {
        self.short
    }
}

/// The sum of all items of a set, lane by lane: the same for the same set, in whatever order it came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MultisetHash(pub [u64; 4]);

impl MultisetHash {
    /// With one more item.
    pub fn add(&mut self, item: &Item) {
        for (sum, lane) in self.0.iter_mut().zip(item.lanes) {
            *sum = sum.wrapping_add(lane);
        }
    }

    /// With one item less.
    pub fn remove(&mut self, item: &Item) {
        for (sum, lane) in self.0.iter_mut().zip(item.lanes) {
            *sum = sum.wrapping_sub(lane);
        }
    }

    /// 32 bytes: the lanes, each little-endian.
    pub fn to_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (part, lane) in bytes.chunks_exact_mut(8).zip(self.0) {
            part.copy_from_slice(&lane.to_le_bytes());
        }
        bytes
    }

    /// What [`MultisetHash::to_bytes`] gave.
    pub fn from_bytes(bytes: &[u8; 32]) -> MultisetHash {
        let mut lanes = [0; 4];
        for (lane, part) in lanes.iter_mut().zip(bytes.chunks_exact(8)) {
            *lane = part.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
        }
        MultisetHash(lanes)
    }
}

impl Serialize for MultisetHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = self.to_bytes();
        if serializer.is_human_readable() {
            serializer.serialize_str(&hex_encode(&bytes))
        } else {
            bytes.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for MultisetHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = if deserializer.is_human_readable() {
            hex_decode(&alloc::string::String::deserialize(deserializer)?).map_err(D::Error::custom)?
        } else {
            <[u8; 32]>::deserialize(deserializer)?
        };
        Ok(MultisetHash::from_bytes(&bytes))
    }
}
