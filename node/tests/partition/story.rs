//! The story: connect, trade, part for twenty seconds, trade on both sides, heal, and be one market again. Knows what
//! must come of it and in what time.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use crate::fleet::{EPOCH_MS, Fleet, Seal};
use crate::lan::Lan;
use crate::relay::{DELAY, HALF, LOST_PER_MILLE};

const NODES: usize = 12;
/// Where the others begin: one node of each half.
const FIRST: [usize; 2] = [0, 6];
const PARTED: Duration = Duration::from_secs(20);
/// Epochs within which all nodes seal one root, the first being the one that begins after the halves are connected.
const EPOCHS_MAX: u64 = 2;
/// Epochs that are looked at before giving up.
const EPOCHS_SEEN: u64 = 12;

/// Tells it, and prints its figures.
pub fn run() {
    let start = Instant::now();
    let lan = Lan::new(NODES);
    let built = start.elapsed();
    let mut fleet = Fleet::start(lan, NODES, &FIRST);
    let connected = fleet
        .wait("every node has met most others", |fleet| (0..NODES).all(|index| fleet.peers(index).len() >= NODES / 2));
    let mut placed: Vec<String> = (0..NODES).map(|index| fleet.bid(index, "0.01SNM/h")).collect();
    placed.extend(FIRST.map(|index| fleet.ask(index)));
    let spread = fleet.wait("the first orders are everywhere", |fleet| has_all(fleet, &placed, 0..NODES));

    fleet.lan.relay().part();
    let parted = Instant::now();
    let halves = trade_apart(&fleet);
    thread::sleep(PARTED.saturating_sub(parted.elapsed()));
    check_apart(&fleet, &placed, &halves);
    placed.extend(halves.concat());
    let stopped = fleet.lan.relay().frames().stopped;
    let before = meetings_across(&fleet);

    fleet.lan.relay().heal();
    let healed = Instant::now();
    // A TCP connection may have outlived the partition, so that all is told without a new one.
    fleet
        .wait("the halves are connected", |fleet| meetings_across(fleet) > before || has_all(fleet, &placed, 0..NODES));
    let (back, first_epoch) = (healed.elapsed(), fleet.epoch() + 1);
    let (epochs, seal) = first_equal_seal(&fleet, first_epoch, placed.len());
    let sealed = healed.elapsed();
    fleet.wait("every order is everywhere", |fleet| has_all(fleet, &placed, 0..NODES));
    let frames = fleet.lan.relay().frames();

    eprintln!(
        "{NODES} nodes, {} ms each way, {LOST_PER_MILLE} of 1000 frames lost; parted for {} s\n\
         network made in {} ms; connected in {} ms; {} orders everywhere within {} ms\n\
         healed: a connection across after {} ms; one sealed root in epoch {epochs} after that \
         ({} orders, seen {} ms after the healing)\n\
         {} orders on every book once, {} of them placed while parted\n\
         frames: {} delivered, {} lost, {stopped} stopped between the halves; {} s in all",
        DELAY.as_millis(),
        PARTED.as_secs(),
        built.as_millis(),
        connected.as_millis(),
        NODES + FIRST.len(),
        spread.as_millis(),
        back.as_millis(),
        seal.orders,
        sealed.as_millis(),
        placed.len(),
        halves.concat().len(),
        frames.delivered,
        frames.lost,
        start.elapsed().as_secs(),
    );
    assert!(stopped > 0 && frames.lost > 0, "the network was a bad one: {frames:?}");
    assert!(epochs <= EPOCHS_MAX, "one root only in epoch {epochs}, not in {EPOCHS_MAX}\n{}", fleet.logs());
}

/// Every node places two more orders, early and late in the partition; the ids by half.
fn trade_apart(fleet: &Fleet) -> [Vec<String>; 2] {
    let mut halves = [Vec::new(), Vec::new()];
    for (price, pause) in [("0.02SNM/h", Duration::from_secs(12)), ("0.03SNM/h", Duration::ZERO)] {
        for index in 0..NODES {
            halves[usize::from(index >= HALF.into())].push(fleet.bid(index, price));
        }
        thread::sleep(pause);
    }
    halves
}

/// The network was parted: each half has its own orders and none of the other's.
fn check_apart(fleet: &Fleet, before: &[String], halves: &[Vec<String>; 2]) {
    for (half, own) in halves.iter().enumerate() {
        let nodes = half * NODES / 2..(half + 1) * NODES / 2;
        let expected = [before, own].concat();
        fleet.wait("each half has its own orders", |fleet| has_all(fleet, &expected, nodes.clone()));
    }
}

/// How often a node has told that it met one of the other half.
fn meetings_across(fleet: &Fleet) -> usize {
    let is_across = |one: &usize, other: &usize| (*one < HALF.into()) != (*other < HALF.into());
    (0..NODES).map(|index| fleet.meetings(index).iter().filter(|other| is_across(&index, other)).count()).sum()
}

/// Whether each of these nodes has exactly these orders, each once.
fn has_all(fleet: &Fleet, ids: &[String], mut nodes: std::ops::Range<usize>) -> bool {
    let mut expected = ids.to_vec();
    expected.sort();
    nodes.all(|index| {
        let book = fleet.book(index);
        let distinct: BTreeSet<&String> = book.iter().collect();
        assert_eq!(distinct.len(), book.len(), "node {index} has an order twice");
        assert!(book.iter().all(|id| expected.binary_search(id).is_ok()), "node {index} has an order of nobody");
        book == expected
    })
}

/// The first epoch from `first` on that all nodes sealed alike with all orders in it, counted from one.
fn first_equal_seal(fleet: &Fleet, first: u64, orders: usize) -> (u64, Seal) {
    for epoch in first..first + EPOCHS_SEEN {
        let seals: Vec<Option<Seal>> = (0..NODES).map(|index| sealed(fleet, index, epoch)).collect();
        let is_one = seals.windows(2).all(|pair| pair[0] == pair[1]);
        match &seals[0] {
            Some(seal) if is_one && seal.orders == orders as u64 => return (epoch + 1 - first, seal.clone()),
            _ => eprintln!("epoch {} after the halves met: {}", epoch + 1 - first, groups(&seals)),
        }
    }
    panic!("the nodes did not come to one root within {EPOCHS_SEEN} epochs\n{}", fleet.logs());
}

/// Waits until a node has sealed an epoch.
fn sealed(fleet: &Fleet, index: usize, epoch: u64) -> Option<Seal> {
    let deadline = Instant::now() + Duration::from_millis(3 * EPOCH_MS);
    loop {
        let seal = fleet.seal(index, epoch);
        if seal.is_some() || Instant::now() > deadline {
            return seal;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// How many nodes sealed how many orders.
fn groups(seals: &[Option<Seal>]) -> String {
    let mut counts: Vec<u64> = seals.iter().map(|seal| seal.as_ref().map_or(0, |seal| seal.orders)).collect();
    counts.sort_unstable();
    format!("orders sealed by each node: {counts:?}")
}
