//! Owners whose orders stand apart because the other side names them: as the only counterparty, as excluded, or because
//! they stand there themselves, and nobody trades with itself.

use alloc::vec;
use alloc::vec::Vec;

use protocol::{Address, Hash};

use super::Gathered;

/// Owners that are told apart on each side, ascending.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub asks: Vec<Address>,
    pub bids: Vec<Address>,
}

impl Named {
    /// `key` scatters owners; the result does not depend on it.
    pub fn of(asks: &Gathered, bids: &Gathered, key: &Hash) -> Named {
        let both = owners_of_both(&asks.owners, &bids.owners, key.prefix_u64() | 1);
        let told_apart = |names: &[Address]| {
            let mut named = [names, &both].concat();
            named.sort_unstable();
            named.dedup();
            named
        };
        Named { asks: told_apart(&bids.names), bids: told_apart(&asks.names) }
    }
}

fn owners_of_both(asks: &[Address], bids: &[Address], key: u64) -> Vec<Address> {
    let seen = Seen::of(bids, key);
    let mut maybe: Vec<Address> = asks.iter().copied().filter(|owner| seen.has(owner)).collect();
    maybe.sort_unstable();
    maybe.dedup();
    if maybe.is_empty() {
        return maybe;
    }
    let mut is_both = vec![false; maybe.len()];
    for bid in bids {
        if let Ok(at) = maybe.binary_search(bid) {
            is_both[at] = true;
        }
    }
    let both = maybe.into_iter().zip(is_both).filter(|(_, is_both)| *is_both);
    both.map(|(owner, _)| owner).collect()
}

/// A set of owners that sometimes says yes where the answer is no.
struct Seen {
    bits: Vec<u64>,
    key: u64,
    shift: u32,
}

impl Seen {
    fn of(owners: &[Address], key: u64) -> Seen {
        let size = (owners.len() * 16).next_power_of_two().max(64);
        let mut seen = Seen { bits: vec![0; size / 64], key, shift: 64 - size.trailing_zeros() };
        for owner in owners {
            let at = seen.place(owner);
            super::grid::add(&mut seen.bits, at);
        }
        seen
    }

    fn place(&self, owner: &Address) -> usize {
        let head = owner.0.first_chunk().expect("an address has 20 bytes");
        (u64::from_le_bytes(*head).wrapping_mul(self.key) >> self.shift) as usize
    }

    fn has(&self, owner: &Address) -> bool {
        super::grid::has(&self.bits, self.place(owner))
    }
}
