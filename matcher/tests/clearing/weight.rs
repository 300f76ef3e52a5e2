//! Books of a hundred thousand orders that share no class: what clearing does at its bound, and for how long.

use std::time::{Duration, Instant};

use matcher::{SealedBook, SealedOrder};
use protocol::{Capacity, Metric, Side};

use crate::adversary::sound;
use crate::books::{Random, book, plain, sealed};

/// Half of them asks. Every other is as the first says, with a longest duration that nobody else has.
fn crowd(asks: u64, bids: u64, change: impl Fn(&mut Random, &mut protocol::Order)) -> Vec<SealedOrder> {
    let mut random = Random(1);
    let sides = (0..asks).map(|_| Side::Ask).chain((0..bids).map(|_| Side::Bid));
    let order = |(side, number): (Side, u64)| {
        let base = if side == Side::Ask { 0 } else { 500 };
        let mut order = plain(side, number, u128::from(1 + base + random.below(1_000)));
        order.duration_max_s = 1_000 + number as u32;
        change(&mut random, &mut order);
        sealed(order, number)
    };
    sides.zip(0..).map(order).collect()
}

/// Seals, clears and judges; how long sealing and clearing took.
fn timed(name: &str, orders: Vec<SealedOrder>) -> (SealedBook, matcher::Clearing, Duration) {
    let start = Instant::now();
    let book = book(1_000, orders);
    let sealed = start.elapsed();
    let start = Instant::now();
    let clearing = matcher::clear(&book, book.seed());
    let cleared = start.elapsed();
    println!(
        "{name}: {} orders in {:?} classes, {} pairs; sealed in {} ms, cleared in {} ms",
        book.len(),
        book.class_counts(),
        clearing.pairs.len(),
        sealed.as_millis(),
        cleared.as_millis()
    );
    assert_eq!(sound(&book), clearing);
    (book, clearing, sealed + cleared)
}

#[test]
fn w1_all_fit() {
    timed("all fit", crowd(50_000, 50_000, |_, _| {}));
}
#[test]
fn w2_one_giant_ask() {
    timed("giant", crowd(1, 9_999, |_, order| if order.side == Side::Ask { order.lots = 1 << 20 }));
    timed("giant", crowd(1, 19_999, |_, order| if order.side == Side::Ask { order.lots = 1 << 20 }));
    timed("giant", crowd(1, 39_999, |_, order| if order.side == Side::Ask { order.lots = 1 << 20 }));
}
#[test]
fn w3_two_metrics() {
    timed("two metrics", crowd(50_000, 50_000, |random, order| {
        order.capacity = Capacity::new([(Metric::CpuHash, 1 + random.below(1000)), (Metric::MemSize, 1 + random.below(1000))]);
    }));
}
#[test]
fn w4_small_bids_giant_asks() {
    timed("ten giants", crowd(10, 20_000, |random, order| {
        if order.side == Side::Ask { order.lots = 1 << 20 }
        order.capacity = Capacity::new([(Metric::CpuHash, 1 + random.below(1000)), (Metric::MemSize, 1 + random.below(1000))]);
    }));
}
#[test]
fn w5_one_giant_bid() {
    timed("giant bid", crowd(19_999, 1, |_, order| if order.side == Side::Bid { order.lots = 1 << 20 }));
}
