//! Books of a hundred thousand orders that share no class: what clearing does at its bound, and for how long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use matcher::{Clearing, SealedBook, SealedOrder, clear};
use protocol::{Capacity, Hash, Metric, Order, Side};

use crate::adversary::sound;
use crate::books::{Random, book, plain, sealed};

/// Orders of owners of their own, each with a longest duration that nobody else has.
fn crowd(asks: u64, bids: u64, change: impl Fn(&mut Random, &mut Order)) -> Vec<SealedOrder> {
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
fn timed(name: &str, orders: Vec<SealedOrder>) -> (SealedBook, Clearing, Duration) {
    let start = Instant::now();
    let book = book(1_000, orders);
    let sealed = start.elapsed();
    let start = Instant::now();
    let clearing = clear(&book, book.seed());
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

/// Far more than any of these takes, and than the machine is slow at times: who breaks it has lost a bound.
const LONGEST: Duration = Duration::from_secs(120);

/// Orders of a crowd: fewer where a build is not optimised.
const CROWD: u64 = if cfg!(debug_assertions) { 4_000 } else { 50_000 };

fn two_metrics(random: &mut Random) -> Capacity {
    Capacity::new([(Metric::CpuHash, 1 + random.below(1_000)), (Metric::MemSize, 1 + random.below(1_000))])
}

#[test]
fn a_hundred_thousand_orders_of_as_many_classes_clear_in_bounded_time() {
    let (_, clearing, took) = timed("all fit", crowd(CROWD, CROWD, |_, _| {}));
    assert!(!clearing.pairs.is_empty() && took < LONGEST, "{took:?}");
    let parted = crowd(CROWD, CROWD, |random, order| order.capacity = two_metrics(random));
    let (book, clearing, took) = timed("two metrics", parted);
    let (asks, bids) = book.class_counts();
    assert!(!clearing.pairs.is_empty() && took < LONGEST && asks * bids <= 1 << 27, "{took:?}");
}

#[test]
fn classes_of_several_orders_stay_in_however_many_strangers_there_are() {
    let mut orders = crowd(CROWD, CROWD, |_, order| order.duration_min_s = order.duration_max_s);
    // They fit each other alone, and would leave no surplus to anybody else.
    for number in 200_000..200_100 {
        for (at, side, price) in [(0, Side::Ask, 700), (1, Side::Bid, 701)] {
            let mut order = plain(side, 2 * number + at, price);
            (order.duration_min_s, order.duration_max_s) = (7, 8);
            orders.push(sealed(order, 2 * number + at));
        }
    }
    let (book, clearing, took) = timed("honest", orders);
    let honest = clearing.pairs.iter().filter(|pair| book.asks[pair.ask as usize].order().duration_min_s == 7);
    assert_eq!(honest.map(|pair| pair.lots).sum::<u32>(), 100);
    assert!(took < LONGEST, "{took:?}");
}

#[test]
fn a_giant_against_as_many_classes_as_orders_clears_in_bounded_time() {
    let count = CROWD / 2;
    let giant = |side| {
        move |_: &mut Random, order: &mut Order| {
            if order.side == side {
                order.lots = 1 << 20;
            }
        }
    };
    for (name, side, asks, bids) in [("one giant ask", Side::Ask, 1, count), ("one giant bid", Side::Bid, count, 1)] {
        let (book, clearing, took) = timed(name, crowd(asks, bids, giant(side)));
        let gains = |order: &SealedOrder| match side {
            Side::Ask => order.order().price >= book.asks[0].order().price,
            Side::Bid => order.order().price <= book.bids[0].order().price,
        };
        let others = if side == Side::Ask { &book.bids } else { &book.asks };
        assert_eq!(clearing.pairs.len(), others.iter().filter(|order| gains(order)).count());
        assert!(clearing.pairs.len() as u64 > count / 2 && took < LONGEST, "{took:?}");
    }
    // The first half may have either ask, the other half the giant alone: the first must give way, one by one.
    let mut orders = crowd(0, count, |_, order| {
        let size = if order.duration_max_s % 2 == 0 { 5 } else { 10 };
        order.capacity = Capacity::new([(Metric::CpuHash, size)]);
    });
    for (number, size) in [(1_000_000, 10), (1_000_001, 5)] {
        let mut ask = plain(Side::Ask, number, 1);
        (ask.lots, ask.duration_max_s) = (count as u32 / 2, u32::MAX);
        ask.capacity = Capacity::new([(Metric::CpuHash, size)]);
        orders.push(sealed(ask, number));
    }
    let (_, clearing, took) = timed("giving way", orders);
    assert!(clearing.pairs.len() as u64 == count && took < LONGEST, "{} pairs, {took:?}", clearing.pairs.len());
}

/// Chains of one, two, three and more links: a bid fits its own ask and the next one, the last bid its own alone. Ids make
/// every bid find the next one first, so that the last is served only if a whole chain gives way, at each length anew.
#[test]
fn chains_in_which_all_must_give_way_to_the_last_are_served_whole_in_bounded_time() {
    let mut random = Random(3);
    let mut orders = Vec::new();
    let links = (1..)
        .take_while(|length| length * (length + 1) < CROWD / 3)
        .flat_map(|length| (0..length).map(move |link| (link, length)));
    for ((link, length), number) in links.zip(1u64..) {
        let mut ask = plain(Side::Ask, number, u128::from(1 + random.below(1_000)));
        let mut bid = plain(Side::Bid, 1_000_000 + number, u128::from(2_000 + random.below(1_000)));
        for order in [&mut ask, &mut bid] {
            order.capacity = Capacity::new([(Metric::MemSize, number)]);
        }
        (ask.duration_min_s, ask.duration_max_s) = (number as u32, 1_000_000);
        let last = if link + 1 == length { number } else { number + 1 };
        (bid.duration_min_s, bid.duration_max_s) = (1, last as u32);
        for (order, id) in [(ask, u64::MAX - number), (bid, number)] {
            let mut sealed = sealed(order, id);
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&id.to_be_bytes());
            Arc::get_mut(&mut sealed.head).unwrap().id = Hash(bytes);
            orders.push(sealed);
        }
    }
    let (links, (book, clearing, took)) = (orders.len() / 2, timed("chains", orders));
    assert_eq!(book.class_counts(), (links, links));
    let are_own = clearing.pairs.iter().all(|pair| book.asks.len() - 1 - pair.ask as usize == pair.bid as usize);
    assert!(clearing.pairs.len() == links && are_own && took < LONGEST, "{took:?}");
}
