//! Which winners meet: greedy by a hash that every peer computes alone, never at the cost of a winner.
//!
//! Winners stand at the leaves of a tree, by the digits of their ranks. A node's pairs are gone through after those of its
//! children, by hash; a pair trades as many lots as both have left and as still let all others trade. So whoever meets is
//! close in the tree, and when an order is missing, only few near it meet others: the stable pairing is what makes two
//! peers whose books differ a little propose nearly the same deals. It is unique whatever flow it starts from.

use alloc::vec;
use alloc::vec::Vec;

use protocol::Side;

use super::numbering::Met;
use crate::sealed::SealedBook;
use crate::seed::{Seed, mixed};

mod exchange;
mod tree;

use exchange::Exchange;
use tree::Tree;

/// One order while it is being paired.
#[derive(Debug, Clone, Copy)]
struct Seat {
    rank: u64,
    place: u32,
    class: u32,
    lots: u32,
}

/// Pairs the winners of `book`: `lots` says how many lots of each ask and bid trade, `flow` one way in which classes can
/// serve them, and `parts` which classes cannot be told apart by level.
pub(super) fn pair(book: &SealedBook, seed: &Seed, lots: (&[u32], &[u32]), given: Vec<Vec<(u32, u64)>>) -> Vec<Met> {
    let asks = seats(book, seed, Side::Ask, lots.0);
    let bids = seats(book, seed, Side::Bid, lots.1);
    let exchange = Exchange::new(book, given);
    let mut met = Tree::new(asks, bids, exchange).pair();
    met.sort_unstable();
    met
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

/// The bid classes that each ask class serves.
pub(super) fn served(book: &SealedBook, met: &[Met]) -> Vec<Vec<u32>> {
    flow_of(book, met).into_iter().map(|given| given.into_iter().map(|part| part.0).collect()).collect()
}

/// Lots from each ask class to each bid class, by bid class.
pub(super) fn flow_of(book: &SealedBook, met: &[Met]) -> Vec<Vec<(u32, u64)>> {
    let mut given: Vec<Vec<(u32, u64)>> = vec![Vec::new(); book.classes.asks.len()];
    for met in met {
        let given = &mut given[book.ask.class[met.ask as usize] as usize];
        let bid = book.bid.class[met.bid as usize];
        match given.binary_search_by_key(&bid, |part| part.0) {
            Ok(at) => given[at].1 += u64::from(met.lots),
            Err(at) => given.insert(at, (bid, met.lots.into())),
        }
    }
    given
}
