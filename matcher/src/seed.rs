//! The seed of an epoch: decides which of equals wins and who meets whom, and nothing else.

use core::hash::Hasher;

use protocol::{Address, Hash, MarketId, keccak256};
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher24;

/// `keccak256(market || epoch || beacon)`: no maker chooses it, and no peer's own history is in it.
///
/// What is left to grind: whoever may open many accounts can look for an owner that ranks well in a coming epoch. That
/// decides only ties and partners; it moves no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seed(pub Hash);

impl Seed {
    /// The seed of `epoch`; `beacon` is a recent block's hash at the checkpoint, nothing without a chain.
    pub fn new(market: &MarketId, epoch: u64, beacon: Option<&Hash>) -> Seed {
        let beacon: &[u8] = beacon.map_or(&[], |hash| &hash.0);
        Seed(keccak256(&[&market.0.0, &epoch.to_be_bytes(), beacon]))
    }

    /// The rank of an order among equals, lower is better: SipHash-2-4 of `owner || slot` (big-endian) under the first
    /// sixteen bytes of the seed. Its input is an account, which nobody chooses freely, so a keyed 64-bit hash does here
    /// what Keccak-256 would, twenty times faster.
    pub fn rank(&self, owner: &Address, slot: u16) -> u64 {
        let key = self.0.0.first_chunk().expect("a hash has 32 bytes");
        let mut hasher = SipHasher24::new_with_key(key);
        hasher.write(&owner.0);
        hasher.write(&slot.to_be_bytes());
        hasher.finish()
    }
}
