//! Which winners meet: greedy by a hash that every peer computes alone, never at the cost of a winner.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use protocol::Side;

use super::numbering::Met;
use crate::sealed::SealedBook;
use crate::seed::{Seed, mixed};

mod exchange;
mod replay;
mod tree;

use exchange::Exchange;
use replay::Replay;
use tree::Tree;

/// One order while it is being paired.
#[derive(Debug, Clone, Copy)]
struct Seat {
    rank: u64,
    place: u32,
    class: u32,
    lots: u32,
}

/// Lots of each ask class that go to each bid class, never zero.
pub(super) type Given = Vec<BTreeMap<u32, u64>>;

/// Pairs the winners of `book`: `lots` says how many lots of each ask and bid trade, and `given` one way in which classes can
/// serve them. The result does not depend on which.
///
/// Winners stand at the leaves of a tree, by the digits of their ranks. A node's pairs are gone through after those of its
/// children, by hash; a pair trades as many lots as both have left and as still let all others trade. So whoever meets is
/// close in the tree, and when an order is missing, only few near it meet others: two peers whose books differ a little
/// propose nearly the same deals.
pub(super) fn pair(book: &SealedBook, seed: &Seed, lots: (&[u32], &[u32]), given: Given) -> Vec<Met> {
    let (asks, bids) = (seats(book, seed, Side::Ask, lots.0), seats(book, seed, Side::Bid, lots.1));
    let mut met = Tree::new(asks, bids, Exchange::new(book, given)).pair();
    met.sort_unstable();
    met
}

/// Checks that `met` is what [`pair`] gives, if `lots` trade and fit; `given` is how they flow in it.
///
/// # Errors
/// The places of an ask and a bid that should have traded more than they do.
pub(super) fn check(
    book: &SealedBook,
    seed: &Seed,
    lots: (&[u32], &[u32]),
    (met, given): (&[Met], Given),
) -> Result<(), (u32, u32)> {
    let seats = (seats(book, seed, Side::Ask, lots.0), seats(book, seed, Side::Bid, lots.1));
    Replay::new(book, seats, met, Exchange::new(book, given)).check()
}

/// What the pairs of a node are gone through by.
fn hash(ask: u64, bid: u64) -> u64 {
    mixed(bid ^ ask.rotate_left(32))
}

/// The winners of a side by rank.
fn seats(book: &SealedBook, seed: &Seed, side: Side, lots: &[u32]) -> Vec<Seat> {
    let columns = book.columns(side);
    let mut seats: Vec<Seat> = Vec::new();
    for (place, &lots) in lots.iter().enumerate().filter(|(_, lots)| **lots > 0) {
        let rank = seed.rank(columns.mark[place]);
        seats.push(Seat { rank, place: place as u32, class: columns.class[place], lots });
    }
    seats.sort_unstable_by_key(|seat| (seat.rank, seat.place));
    seats
}

/// Pairs of classes up to which flow is summed up in a table.
const TABLE_MAX: usize = 1 << 20;

/// How lots flow between classes, given who meets; by bid class.
pub(super) fn flow_of(book: &SealedBook, met: &[Met]) -> Given {
    let (asks, bids) = (book.classes.asks.len(), book.classes.bids.len());
    let cells = met.iter().map(|met| (book.ask.class[met.ask as usize], book.bid.class[met.bid as usize], met.lots));
    let mut given: Given = vec![BTreeMap::new(); asks];
    if asks.saturating_mul(bids) <= TABLE_MAX {
        let mut table = vec![0u64; asks * bids];
        cells.for_each(|(ask, bid, lots)| table[ask as usize * bids + bid as usize] += u64::from(lots));
        for (given, row) in given.iter_mut().zip(table.chunks_exact(bids.max(1))) {
            given.extend((0..).zip(row).filter(|(_, lots)| **lots > 0).map(|(bid, lots)| (bid, *lots)));
        }
        return given;
    }
    for (ask, bid, lots) in cells {
        *given[ask as usize].entry(bid).or_default() += u64::from(lots);
    }
    given
}
