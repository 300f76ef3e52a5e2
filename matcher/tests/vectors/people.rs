//! Made-up owners and plain orders of theirs; no keys, because clearing looks at no signature.

use protocol::{Address, Side};

use crate::case::{Row, Score};

/// An owner.
pub fn person(number: u8) -> Address {
    Address([number; 20])
}

/// An order for one lot of a plain machine; its place in the case makes owner, slot and id later.
fn plain(side: Side, price: u128) -> Row {
    Row {
        id: protocol::Hash::ZERO,
        side: side as u8,
        owner: Address::ZERO,
        slot: 0,
        capacity: scores(&[(2, 10), (5, 1024)]),
        lots: 1,
        price_per_lot_second: price.to_string(),
        min_duration: 10,
        max_duration: 600,
        min_billed: 60,
        counterparty: Address::ZERO,
        excluded: vec![],
        min_identity: 0,
        flags: 0,
        identity: 0,
        open: vec![],
    }
}

/// An ask that differs from the plain one by `change`.
pub fn ask(price: u128, change: impl FnOnce(&mut Row)) -> Row {
    changed(plain(Side::Ask, price), change)
}

/// A bid that differs from the plain one by `change`.
pub fn bid(price: u128, change: impl FnOnce(&mut Row)) -> Row {
    changed(plain(Side::Bid, price), change)
}

fn changed(mut row: Row, change: impl FnOnce(&mut Row)) -> Row {
    change(&mut row);
    row
}

/// A capacity from metrics, ascending, and values.
pub fn scores(values: &[(u16, u64)]) -> Vec<Score> {
    values.iter().map(|&(metric, value)| Score { metric, value: value.to_string() }).collect()
}
