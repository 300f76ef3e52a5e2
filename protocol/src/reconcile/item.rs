//! What a pair of neighbours makes of one id, and the hash of a whole set of them. Knows no symbols.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
        // The id is mixed in once for all five: each is then SipHash-2-4 of the id, or of the id and the lane's number.
        let keyed = Keyed::new(&self.0, id);
        let lanes = core::array::from_fn(|lane| keyed.finish(33 << 56 | lane as u64));
        Item { short: keyed.finish(32 << 56), lanes }
    }

    /// The short id of `id` alone, for less.
    pub fn short(&self, id: &Hash) -> u64 {
        Keyed::new(&self.0, id).finish(32 << 56)
    }
}

/// SipHash-2-4 (Aumasson and Bernstein, 2012) after the 32 bytes of an id.
#[derive(Clone, Copy)]
struct Keyed([u64; 4]);

impl Keyed {
    fn new(key: &[u8; 16], id: &Hash) -> Keyed {
        let word = |bytes: &[u8], at: usize| u64::from_le_bytes(core::array::from_fn(|byte| bytes[8 * at + byte]));
        let (low, high) = (word(key, 0), word(key, 1));
        let mut keyed = Keyed([
            low ^ 0x736f_6d65_7073_6575,
            high ^ 0x646f_7261_6e64_6f6d,
            low ^ 0x6c79_6765_6e65_7261,
            high ^ 0x7465_6462_7974_6573,
        ]);
        (0..4).for_each(|at| keyed.compress(word(&id.0, at)));
        keyed
    }

    fn compress(&mut self, block: u64) {
        self.0[3] ^= block;
        self.round();
        self.round();
        self.0[0] ^= block;
    }

    /// With the last block: the bytes that are left, and the length of all in the highest byte.
    fn finish(mut self, last: u64) -> u64 {
        self.compress(last);
        self.0[2] ^= 0xff;
        (0..4).for_each(|_| self.round());
        self.0.iter().fold(0, |hash, part| hash ^ part)
    }

    #[inline(always)]
    fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.0;
        a = a.wrapping_add(b);
        c = c.wrapping_add(d);
        b = b.rotate_left(13) ^ a;
        d = d.rotate_left(16) ^ c;
        a = a.rotate_left(32).wrapping_add(d);
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        d = d.rotate_left(21) ^ a;
        self.0 = [a, b, c.rotate_left(32), d];
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

#[cfg(test)]
mod tests {
    use siphasher::sip::SipHasher24;

    use super::*;

    #[test]
    fn an_item_is_the_siphash_of_its_id_and_of_its_lanes() {
        for seed in 0..100u8 {
            let (salt, id) =
                (Salt(core::array::from_fn(|at| seed ^ (at as u8).wrapping_mul(37))), keccak256(&[&[seed]]));
            let keyed = SipHasher24::new_with_key(&salt.0);
            let lanes = core::array::from_fn(|lane| keyed.hash(&[&id.0[..], &[lane as u8]].concat()));
            let short = keyed.hash(&id.0);
            assert_eq!((salt.item(&id), salt.short(&id)), (Item { short, lanes }, short));
        }
    }
}
