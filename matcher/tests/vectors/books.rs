//! The books of the file, each small enough to be cleared by hand or nearly.

use crate::case::{Case, Row};
use crate::people::{ask, bid, person, scores};
use crate::random::{Shape, beacon, book};

/// The case that is broken on purpose: lots of three in one class.
pub const PLAIN: &str = "one class";

pub fn all() -> Vec<Case> {
    let small = [
        one_class(),
        Case::new("one class with a beacon", Some(beacon()), one_class().orders.iter().map(without_slot).collect()),
        metrics(),
        ties(),
        Case::new("equal prices on both sides make no surplus and trade", None, zero_surplus()),
        lots(),
        gaps(),
        equal_ranks(),
    ];
    let rules = [
        times(),
        flags(),
        identity(),
        counterparties(),
        exclusions(),
        own_orders(),
        refused(),
        cheaper_elsewhere(),
        high(),
    ];
    let empty = [
        Case::new("nobody", None, vec![]),
        Case::new("asks alone", None, vec![ask(5, |_| {}), ask(6, |_| {})]),
        Case::new("bids alone", Some(beacon()), vec![bid(5, |_| {}), bid(6, |row| row.open = vec![(0, 0)])]),
    ];
    let dense = Shape { sides: (40, 40), metrics: 1, values: 3, prices: 30, lots: 4, picky: 12 };
    let sparse = Shape { sides: (40, 36), metrics: 4, values: 4, prices: 100, lots: 6, picky: 2 };
    // Here the branches compete for the same exchanges of partners, so that it shows which of them goes first.
    let branches = Shape { sides: (11, 10), metrics: 2, values: 3, prices: 20, lots: 4, picky: 3 };
    let random = [
        book("partners chosen branch by branch", 239, &branches),
        book("random and dense", 1, &dense),
        book("random and sparse", 2, &sparse),
    ];
    small.into_iter().chain(rules).chain(empty).chain(random).collect()
}

/// The same order before it was given its place.
fn without_slot(row: &Row) -> Row {
    Row { slot: 0, ..row.clone() }
}

fn lots_of(count: u32) -> impl Fn(&mut Row) {
    move |row| row.lots = count
}

fn one_class() -> Case {
    let asks = [3, 5, 8, 13, 21].map(|price| ask(price, lots_of(3)));
    let bids = [40, 20, 17, 9, 4].map(|price| bid(price, lots_of(2)));
    Case::new(PLAIN, None, asks.into_iter().chain(bids).collect())
}

/// Who is strong in one metric and who is strong in all; nobody is alike.
fn metrics() -> Case {
    let asks = [
        (10, &[(1, 4), (5, 1000)][..]),
        (12, &[(1, 8), (5, 1000)]),
        (14, &[(1, 4), (5, 4000), (7, 50)]),
        (30, &[(1, 16), (5, 8000), (7, 100), (13, 2)]),
        (9, &[(1, 2)]),
        (11, &[(1, 8), (5, 2000), (18, u64::MAX)]),
    ];
    let bids = [
        (25, &[(1, 4)][..]),
        (28, &[(1, 4), (5, 1000)]),
        (50, &[(13, 1)]),
        (16, &[(5, 2000)]),
        (31, &[(1, 5), (7, 1)]),
        (20, &[(18, u64::MAX)]),
        (13, &[(1, 1)]),
        (18, &[]),
    ];
    let asks = asks.map(|(price, values)| ask(price, |row| (row.capacity, row.lots) = (scores(values), 2)));
    let bids = bids.map(|(price, values)| bid(price, |row| row.capacity = scores(values)));
    Case::new("many metrics", None, asks.into_iter().chain(bids).collect())
}

fn ties() -> Case {
    let asks = [10; 6].map(|price| ask(price, lots_of(2)));
    let bids = [20; 9].map(|price| bid(price, lots_of(1)));
    let late = [bid(20, lots_of(3)), bid(20, lots_of(5)), ask(10, lots_of(1))];
    Case::new("equal prices within a side", None, asks.into_iter().chain(bids).chain(late).collect())
}

fn zero_surplus() -> Vec<Row> {
    let asks = [10, 10, 10, 9].map(|price| ask(price, lots_of(2)));
    let bids = [10, 10, 9, 10, 8, 10].map(|price| bid(price, lots_of(1)));
    asks.into_iter().chain(bids).collect()
}

fn lots() -> Case {
    let most = 1 << 20;
    let asks = [(7, most), (8, 1), (9, most - 1), (12, 700_000)].map(|(price, lots)| ask(price, lots_of(lots)));
    let bids = [(20, 999_999), (11, most), (10, 300_000), (9, 12)].map(|(price, lots)| bid(price, lots_of(lots)));
    Case::new("many lots", None, asks.into_iter().chain(bids).collect())
}

/// Lots that deals have left over, on both sides; an order with none has no place.
fn gaps() -> Case {
    let open = |lots, ranges: &[(u32, u32)]| {
        let ranges = ranges.to_vec();
        move |row: &mut Row| (row.lots, row.open) = (lots, ranges)
    };
    let orders = vec![
        ask(10, open(10, &[(0, 2), (5, 6), (8, 10)])),
        ask(11, open(9, &[(1, 4), (7, 8)])),
        ask(1, open(3, &[(0, 0)])),
        bid(20, open(7, &[(0, 1), (2, 3), (4, 7)])),
        bid(19, open(4, &[(3, 4)])),
        bid(99, open(5, &[(2, 2)])),
        bid(15, open(6, &[(0, 3), (5, 6)])),
    ];
    Case::new("gaps in open lots split matches", None, orders)
}

/// No book holds two orders of one slot; if one did, places would decide: of one kind which bids trade, of the other
/// which asks, and who meets whom.
fn equal_ranks() -> Case {
    let kind = |metric, owner, at: u16| {
        move |row: &mut Row| {
            // The case adds the order's number to the slot, so this takes it away.
            (row.owner, row.slot, row.lots) = (person(owner), 50 - at, 1 + u32::from(at) % 3);
            row.capacity = scores(&[(metric, 5)]);
        }
    };
    let asks = (0..4).map(|at| ask(10, kind(1, 1, at))).chain((4..8).map(|at| ask(10, kind(2, 2, at))));
    let bids = (8..14).map(|at| bid(12, kind(1, 3, at))).chain((14..16).map(|at| bid(30, kind(2, 4, at))));
    let both = |row: &mut Row| {
        kind(1, 1, 16)(row);
        (row.lots, row.capacity) = (4, scores(&[(1, 5), (2, 5)]));
    };
    let rest = [ask(8, both), ask(25, kind(1, 1, 17)), bid(9, kind(1, 3, 18)), bid(30, kind(2, 3, 19))];
    Case::new("equal ranks", None, asks.chain(bids).chain(rest).collect())
}

fn times() -> Case {
    let span = |min, max, billed| {
        move |row: &mut Row| (row.min_duration, row.max_duration, row.min_billed) = (min, max, billed)
    };
    let orders = vec![
        ask(10, span(10, 600, 60)),
        ask(11, span(600, 1200, 60)),
        ask(12, span(601, 1200, 0)),
        ask(13, span(1, 100, 61)),
        ask(14, span(100, 100, 10)),
        bid(30, span(10, 600, 60)),
        bid(29, span(300, 600, 60)),
        bid(28, span(1201, 2000, 60)),
        bid(27, span(1, 100, 9)),
        bid(26, span(100, 100, 61)),
        bid(25, span(1200, 1200, 0)),
    ];
    Case::new("durations and billed time", None, orders)
}

fn flags() -> Case {
    let flags = |flags| move |row: &mut Row| row.flags = flags;
    let asks = [(10, 0), (12, 1), (14, 2), (16, 3)].map(|(price, set)| ask(price, flags(set)));
    let bids = [(20, 3), (19, 1), (18, 2), (17, 0), (15, 3)].map(|(price, set)| bid(price, flags(set)));
    Case::new("flags", None, asks.into_iter().chain(bids).collect())
}

fn identity() -> Case {
    let levels = |own, least| move |row: &mut Row| (row.identity, row.min_identity) = (own, least);
    let asks = [(10, 0, 0), (9, 0, 2), (11, 3, 0), (12, 2, 1), (8, 1, 3)];
    let bids = [(20, 0, 0), (21, 3, 0), (19, 1, 2), (22, 2, 3), (18, 0, 1)];
    let asks = asks.map(|(price, own, least)| ask(price, levels(own, least)));
    let bids = bids.map(|(price, own, least)| bid(price, levels(own, least)));
    Case::new("identity levels", None, asks.into_iter().chain(bids).collect())
}

/// Owners 1 to 5 who would trade with one, or with all but some; whoever they refuse offers the better price.
fn counterparties() -> Case {
    let only = |owner, other| move |row: &mut Row| (row.owner, row.counterparty) = (person(owner), person(other));
    let orders = vec![
        ask(5, only(1, 3)),
        ask(6, only(2, 4)),
        ask(7, |_| {}),
        bid(30, only(4, 1)),
        bid(29, only(3, 1)),
        bid(28, only(5, 2)),
        bid(27, |_| {}),
    ];
    Case::new("counterparties", None, orders)
}

fn exclusions() -> Case {
    let without = |owner, others: &[u8]| {
        let others = others.iter().copied().map(person).collect();
        move |row: &mut Row| (row.owner, row.excluded) = (person(owner), others)
    };
    let orders = vec![
        ask(5, without(1, &[5, 6])),
        ask(6, without(2, &[])),
        ask(20, without(3, &[])),
        bid(30, without(5, &[])),
        bid(29, without(6, &[2])),
        bid(28, without(7, &[1, 2, 9])),
        bid(10, without(8, &[2, 4])),
    ];
    Case::new("exclusions", None, orders)
}

/// Nobody trades with itself, however good both its prices are.
fn own_orders() -> Case {
    let owned = |owner| move |row: &mut Row| row.owner = person(owner);
    let orders = vec![ask(5, owned(1)), bid(30, owned(1)), ask(20, owned(2)), bid(10, owned(3)), ask(8, owned(3))];
    Case::new("one's own orders", None, orders)
}

/// Strong asks serve everybody, weak asks only the modest; whoever wins is short of strong lots, so that a modest bid must
/// not take one, or not so many, however well the two are ranked.
fn refused() -> Case {
    let strong = |lots| move |row: &mut Row| (row.lots, row.capacity) = (lots, scores(&[(1, 8)]));
    let weak = |lots| move |row: &mut Row| (row.lots, row.capacity) = (lots, scores(&[(1, 2)]));
    let asks = [ask(10, strong(5)), ask(9, strong(3)), ask(11, weak(4)), ask(8, weak(2)), ask(10, weak(1))];
    let bids = [bid(30, strong(4)), bid(31, weak(3)), bid(29, weak(2)), bid(40, strong(3)), bid(30, weak(3))];
    Case::new("pairs that would leave others without a partner", None, asks.into_iter().chain(bids).collect())
}

/// A price that goes on from class to class: who is left over raises it for those who could take his lots' place.
fn cheaper_elsewhere() -> Case {
    let sized = |size, lots| move |row: &mut Row| (row.lots, row.capacity) = (lots, scores(&[(1, size)]));
    let asks = [(2, 1, 2), (3, 2, 2), (5, 3, 3), (4, 4, 2)];
    let bids = [(50, 1, 1), (40, 2, 2), (30, 3, 2), (20, 4, 1), (19, 1, 2), (18, 2, 2), (17, 3, 2), (16, 4, 3)];
    let asks = asks.map(|(price, size, lots)| ask(price, sized(size, lots)));
    let bids = bids.map(|(price, size, lots)| bid(price, sized(size, lots)));
    Case::new("who is left over sets prices", None, asks.into_iter().chain(bids).collect())
}

fn high() -> Case {
    let asks = [(u128::MAX - 3, 2), (u128::MAX, 1), (1, 3), (u128::MAX / 2, 2)];
    let bids = [(u128::MAX, 2), (u128::MAX - 1, 3), (u128::MAX, 1), (1 << 127, 1), (u128::MAX - 3, 2)];
    let asks = asks.map(|(price, lots)| ask(price, lots_of(lots)));
    let bids = bids.map(|(price, lots)| bid(price, lots_of(lots)));
    Case::new("prices near 2^128", None, asks.into_iter().chain(bids).collect())
}
