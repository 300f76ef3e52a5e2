//! `clear`: the pure function from a sealed book to matches that every peer computes alone, and nobody can argue with.
//!
//! ```text
//! SealedBook, Seed          classes, and who fits whom: sealed/
//!   v
//! winners                   who trades: the maximum of total surplus
//!   v
//! pairing                   which winners meet: canonical, hardly disturbed by a missing order
//!   v
//! prices                    the lowest competitive ones --> quotes: the certificate, with which `verify` checks all of it
//!   v                                                       without clearing again
//! numbering, root           which lots --> Clearing { pairs, certificate, root }
//! ```
//!
//! docs/clearing.md says what the result is, so that another implementation reaches the same root.

use alloc::vec::Vec;

use protocol::deal::duration;
use protocol::{Hash, OrderRef, Price, keccak256};
use serde::{Deserialize, Serialize};

use crate::sealed::SealedBook;
use crate::seed::Seed;

pub mod explain;
mod flow;
mod numbering;
mod pairing;
mod prices;
mod surplus;
mod verify;
mod winners;

pub use prices::{Because, OrderAt, Quote, Quotes};
pub use surplus::Surplus;
pub use verify::{Violation, verify};

use prices::Traded;

/// One proposed trade: equal numbers of lots of one ask and one bid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// The supplier's lots.
    pub ask: OrderRef,
    /// The consumer's lots.
    pub bid: OrderRef,
    /// Price of one lot for one second.
    pub price: Price,
    /// How long the deal would run, in seconds.
    pub duration_s: u32,
    /// Seconds billed at least.
    pub billed_min_s: u32,
}

/// A match as a clearing holds it: orders by their places in the sealed book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pair {
    /// The ask's place.
    pub ask: u32,
    /// The bid's place.
    pub bid: u32,
    /// The ask's first lot in this match.
    pub ask_lot: u32,
    /// The bid's first lot in this match.
    pub bid_lot: u32,
    /// How many lots.
    pub lots: u32,
    /// Price of one lot for one second.
    pub price: Price,
}

/// What shows that a clearing is the right one: [`verify`] needs nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The price of each class and what holds it up.
    pub quotes: Quotes,
    /// Keccak-256 over the quotes: several could show the same, but a clearing comes with one.
    pub digest: Hash,
}

/// The result of one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clearing {
    /// The epoch.
    pub epoch: u64,
    /// What decided among equals.
    pub seed: Seed,
    /// Root of the set that was cleared.
    pub sealed_root: Hash,
    /// Orders in that set.
    pub orders: u32,
    /// Total surplus for one second: what bids would have paid at most, less what asks would have taken at least.
    pub surplus: Surplus,
    /// The matches, by ask, bid and lot.
    pub pairs: Vec<Pair>,
    /// Why it is the right one.
    pub certificate: Certificate,
    /// Keccak-256 over seed, sealed root and every match.
    pub root: Hash,
}

/// A part of the work of [`clear`], in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Who trades.
    Winners,
    /// Which winners meet.
    Pairing,
    /// At what prices, and what holds these up.
    Prices,
    /// Lots are numbered, the surplus is summed up.
    Numbering,
    /// The root is taken.
    Root,
}

/// Clears `book`: the maximum of total surplus over all feasible matchings of lots, at the lowest competitive prices; equals
/// are ranked and partners chosen by `seed`.
pub fn clear(book: &SealedBook, seed: Seed) -> Clearing {
    clear_in_stages(book, seed, &mut |_| {})
}

/// As [`clear`]; tells when each stage is done, so that a caller with a clock can time them.
pub fn clear_in_stages(book: &SealedBook, seed: Seed, is_done: &mut dyn FnMut(Stage)) -> Clearing {
    let winners = winners::winners(book, &seed);
    is_done(Stage::Winners);
    let lots = (&winners.ask_lots[..], &winners.bid_lots[..]);
    let met = pairing::pair(book, &seed, lots, winners.flow.given);
    is_done(Stage::Pairing);
    let given = pairing::flow_of(book, &met);
    let traded = Traded { asks: &winners.ask_lots, bids: &winners.bid_lots };
    let quotes = prices::lowest(book, &seed, traded, &given);
    is_done(Stage::Prices);
    let pairs = numbering::number(book, &met, &quotes);
    let surplus = surplus::of(book, traded);
    is_done(Stage::Numbering);
    let root = root(book, &seed, &pairs);
    is_done(Stage::Root);
    let certificate = Certificate { digest: quotes.digest(), quotes };
    let orders = book.len() as u32;
    Clearing { epoch: book.epoch, seed, sealed_root: book.root, orders, surplus, pairs, certificate, root }
}

impl Clearing {
    /// The matches as terms name them; `book` is the one that was cleared.
    pub fn matches<'a>(&'a self, book: &'a SealedBook) -> impl Iterator<Item = Match> + 'a {
        self.pairs.iter().map(|pair| {
            let (ask, bid) = (&book.asks[pair.ask as usize], &book.bids[pair.bid as usize]);
            Match {
                ask: ask.lots(pair.ask_lot, pair.lots),
                bid: bid.lots(pair.bid_lot, pair.lots),
                price: pair.price,
                duration_s: duration(ask.order(), bid.order()).expect("a pair fits"),
                billed_min_s: ask.order().billed_min_s,
            }
        })
    }
}

/// Keccak-256 over seed, sealed root, and every pair: places and lots as 32-bit, the price as 128-bit big-endian numbers.
pub(crate) fn root(book: &SealedBook, seed: &Seed, pairs: &[Pair]) -> Hash {
    let mut bytes = Vec::with_capacity(64 + pairs.len() * 36);
    bytes.extend_from_slice(&seed.0.0);
    bytes.extend_from_slice(&book.root.0);
    for pair in pairs {
        for number in [pair.ask, pair.bid, pair.ask_lot, pair.bid_lot, pair.lots] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&pair.price.0.to_be_bytes());
    }
    keccak256(&[&bytes])
}

#[cfg(test)]
mod tests;
