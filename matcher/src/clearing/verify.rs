//! `verify`: whether a clearing is the one that its book and seed have, from its certificate and without clearing again.

use alloc::vec;
use alloc::vec::Vec;

use protocol::{Price, Side};

use super::numbering::{self, Met};
use super::prices::{self, Because, OrderAt, Quote, Quotes};
use super::{Clearing, Traded, pairing, surplus};
use crate::sealed::{LEFT_OUT, SealedBook, grid};
use crate::seed::Seed;

mod quotes;

/// What is wrong with a clearing. Pairs are named by their places in it, orders by theirs in the sealed book, classes by
/// their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Epoch, sealed root or number of orders are not the book's.
    #[error("it is the clearing of another book")]
    Book,
    /// The certificate does not speak of the book's classes.
    #[error("its certificate is made for other classes than the book has")]
    Shape,
    /// A pair names an order that the book does not have or that takes no part.
    #[error("match {pair} is of an order that takes no part in this epoch")]
    Stranger {
        /// The pair.
        pair: usize,
    },
    /// Pairs are not in order of ask and bid.
    #[error("match {pair} is out of order")]
    Disorder {
        /// The pair.
        pair: usize,
    },
    /// An ask may not serve the bid.
    #[error("match {pair} joins an ask and a bid that do not fit")]
    Misfit {
        /// The pair.
        pair: usize,
    },
    /// A pair's lots are not open, or not the ones whose turn it is.
    #[error("match {pair} is not of the lots whose turn it is")]
    Lots {
        /// The pair.
        pair: usize,
    },
    /// A pair's price is not that of its classes.
    #[error("match {pair} is not at the price of its class")]
    PairPrice {
        /// The pair.
        pair: usize,
    },
    /// A class's price is not that of the order said to set it.
    #[error("the price of {side} class {class} is not what the order at its level asks or bids")]
    Level {
        /// The class's side.
        side: Side,
        /// The class.
        class: u32,
    },
    /// Bids could have a cheaper ask.
    #[error("bids of class {bids} pay more than asks of class {asks} get, which may serve them")]
    Envy {
        /// The bid class.
        bids: u32,
        /// The ask class.
        asks: u32,
    },
    /// An order is better than its class's level and does not trade whole.
    #[error("{side} {order} should trade whole at the price of its class")]
    Unserved {
        /// The order's side.
        side: Side,
        /// The order.
        order: u32,
    },
    /// An order is worse than its class's level and trades.
    #[error("{side} {order} should not trade at the price of its class")]
    Overserved {
        /// The order's side.
        side: Side,
        /// The order.
        order: u32,
    },
    /// What is said to hold a price up does not.
    #[error("nothing holds the price of {side} class {class} up: it could be lower")]
    Unsupported {
        /// The class's side.
        side: Side,
        /// The class.
        class: u32,
    },
    /// Others should have met.
    #[error("ask {ask} and bid {bid} should meet before others that do")]
    Pairing {
        /// The ask.
        ask: u32,
        /// The bid.
        bid: u32,
    },
    /// The total is wrong.
    #[error("the surplus is not the sum over its matches")]
    Surplus,
    /// The digest is wrong.
    #[error("the certificate's digest is not that of its content")]
    Digest,
    /// The root is wrong.
    #[error("the root is not that of its matches")]
    Root,
}

/// Checks that `clearing` is what [`clear`](super::clear) gives for `book` under the seed that it names. Whether that is the
/// seed of the epoch is the caller's to know.
///
/// Prices and who trades prove each other (complementary slackness): if nobody that fits is cheaper than what a class pays,
/// all that is better than its class's level trades whole, nothing that is worse trades, and only classes of one level
/// trade with each other, then no matching has a greater surplus, and none that has as great a one breaks ties otherwise.
/// If moreover each level is that of an order that holds it up, along steps that each hold, no prices are lower.
///
/// # Errors
/// The first [`Violation`] that is found.
pub fn verify(book: &SealedBook, clearing: &Clearing) -> Result<(), Violation> {
    let is_of_book = (clearing.epoch, clearing.sealed_root) == (book.epoch, book.root);
    ensure(is_of_book && clearing.orders as usize == book.len(), Violation::Book)?;
    let quotes = &clearing.certificate.quotes;
    let classes = &book.classes;
    ensure((quotes.asks.len(), quotes.bids.len()) == (classes.asks.len(), classes.bids.len()), Violation::Shape)?;
    let met = met(book, clearing)?;
    let numbered = numbering::number(book, &met, quotes);
    if let Some(pair) = (0..clearing.pairs.len()).find(|&at| numbered.get(at) != clearing.pairs.get(at)) {
        return Err(Violation::Lots { pair });
    }
    let (asks, bids) = traded(book, &met);
    let traded = Traded { asks: &asks, bids: &bids };
    let given = pairing::flow_of(book, &met);
    quotes::check(book, &clearing.seed, traded, (quotes, &given))?;
    pairing::check(book, &clearing.seed, (&asks, &bids), (&met, given))
        .map_err(|(ask, bid)| Violation::Pairing { ask, bid })?;
    ensure(surplus::of(book, traded) == clearing.surplus, Violation::Surplus)?;
    ensure(quotes.digest() == clearing.certificate.digest, Violation::Digest)?;
    ensure(super::root(book, &clearing.seed, &clearing.pairs) == clearing.root, Violation::Root)
}

fn ensure(holds: bool, violation: Violation) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(violation) }
}

/// What meets whom, each pair of orders once; checks that they take part, fit, are in order and trade no more lots than
/// they have, at the price of their classes.
fn met(book: &SealedBook, clearing: &Clearing) -> Result<Vec<Met>, Violation> {
    let quotes = &clearing.certificate.quotes;
    let mut met: Vec<Met> = Vec::with_capacity(clearing.pairs.len());
    let (mut asks, mut bids) = (book.ask.lots.clone(), book.bid.lots.clone());
    for (at, pair) in clearing.pairs.iter().enumerate() {
        let class =
            |classes: &[u32], place: u32| classes.get(place as usize).copied().filter(|class| *class != LEFT_OUT);
        let found = (class(&book.ask.class, pair.ask), class(&book.bid.class, pair.bid));
        let (Some(ask), Some(bid)) = found else { return Err(Violation::Stranger { pair: at }) };
        ensure(book.classes.fits.has(bid as usize, ask as usize), Violation::Misfit { pair: at })?;
        let quoted = [quotes.asks[ask as usize], quotes.bids[bid as usize]];
        let is_quoted = quoted.iter().all(|quote| quote.price == pair.price) && quoted[0].level == quoted[1].level;
        ensure(is_quoted, Violation::PairPrice { pair: at })?;
        let lots = [&mut asks[pair.ask as usize], &mut bids[pair.bid as usize]];
        for left in lots {
            *left = left.checked_sub(pair.lots).ok_or(Violation::Lots { pair: at })?;
        }
        match met.last_mut() {
            Some(last) if (last.ask, last.bid) == (pair.ask, pair.bid) => last.lots += pair.lots,
            Some(last) if (last.ask, last.bid) > (pair.ask, pair.bid) => return Err(Violation::Disorder { pair: at }),
            _ => met.push(Met { ask: pair.ask, bid: pair.bid, lots: pair.lots }),
        }
    }
    Ok(met)
}

fn traded(book: &SealedBook, met: &[Met]) -> (Vec<u32>, Vec<u32>) {
    let (mut asks, mut bids) = (vec![0; book.asks.len()], vec![0; book.bids.len()]);
    for met in met {
        asks[met.ask as usize] += met.lots;
        bids[met.bid as usize] += met.lots;
    }
    (asks, bids)
}
