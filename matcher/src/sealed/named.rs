//! Owners whose orders stand apart because the other side names them: as the only counterparty, as excluded, or because
//! they stand there themselves, and nobody trades with itself.

use alloc::vec;
use alloc::vec::Vec;

use protocol::{Address, Hash};

use super::SealedOrder;

/// Owners that are told apart on each side, ascending.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub asks: Vec<Address>,
    pub bids: Vec<Address>,
}

impl Named {
    /// `key` scatters owners; the result does not depend on it.
    pub fn of(asks: &[SealedOrder], bids: &[SealedOrder], key: &Hash) -> Named {
        let both = owners_of_both(asks, bids, key.prefix_u64() | 1);
        let mut named = Named { asks: named_by(bids), bids: named_by(asks) };
        for side in [&mut named.asks, &mut named.bids] {
            side.extend_from_slice(&both);
            side.sort_unstable();
            side.dedup();
        }
        named
    }
}

/// Every owner that the orders name.
fn named_by(orders: &[SealedOrder]) -> Vec<Address> {
    let mut named = Vec::new();
    for order in orders.iter().map(SealedOrder::order) {
        named.extend_from_slice(&order.excluded);
        named.extend((!order.counterparty.is_zero()).then_some(order.counterparty));
    }
    named
}

fn owners_of_both(asks: &[SealedOrder], bids: &[SealedOrder], key: u64) -> Vec<Address> {
    let seen = Seen::of(bids, key);
    let mut maybe: Vec<Address> = asks.iter().map(|ask| ask.order().owner).filter(|owner| seen.has(owner)).collect();
    maybe.sort_unstable();
    maybe.dedup();
    if maybe.is_empty() {
        return maybe;
    }
    let mut is_both = vec![false; maybe.len()];
    for bid in bids {
        if let Ok(at) = maybe.binary_search(&bid.order().owner) {
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
    fn of(orders: &[SealedOrder], key: u64) -> Seen {
        let size = (orders.len() * 16).next_power_of_two().max(64);
        let mut seen = Seen { bits: vec![0; size / 64], key, shift: 64 - size.trailing_zeros() };
        for order in orders {
            let at = seen.place(&order.order().owner);
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
