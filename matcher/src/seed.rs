//! The seed of an epoch: decides which of equals wins and who meets whom, and nothing else.

use protocol::{Address, Hash, MarketId, keccak256};
use serde::{Deserialize, Serialize};

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

    /// The rank of an order among equals, lower is better, from its [`mark`]: the finaliser of MurmurHash3 (Appleby, 2011)
    /// over the mark and the first eight bytes of the seed, big-endian. Different marks have different ranks.
    pub fn rank(&self, mark: u64) -> u64 {
        mixed(mark ^ self.0.prefix_u64())
    }
}

/// What tells two orders apart in every epoch: the first eight bytes of `keccak256(owner || slot)`, big-endian. It is made
/// from an account and a small number, which is all that a maker could choose.
pub fn mark(owner: &Address, slot: u16) -> u64 {
    keccak256(&[&owner.0, &slot.to_be_bytes()]).prefix_u64()
}

/// The finaliser of MurmurHash3: a permutation of 64-bit numbers that scatters them.
pub(crate) fn mixed(mut word: u64) -> u64 {
    word = (word ^ word >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    word = (word ^ word >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    word ^ word >> 33
}
