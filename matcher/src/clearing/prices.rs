//! The lowest competitive prices: the least that every winning ask accepts and no losing bid would top, carried along to
//! whoever could have what they have. For consumers of one lot these are the Vickrey-Clarke-Groves payments
//! (Leonard, 1983; Demange, Gale and Sotomayor, 1986).

use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

use protocol::{Hash, Price, Side, keccak256};
use serde::{Deserialize, Serialize};

use super::pairing::Given;
use crate::sealed::grid;
use crate::sealed::{LEFT_OUT, SealedBook};
use crate::seed::Seed;

/// An order by its place in the sealed book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderAt {
    /// Its side.
    pub side: Side,
    /// Its place there.
    pub place: u32,
}

/// What holds a class's price up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Because {
    /// Nothing: it is zero.
    Nothing,
    /// An order of the class itself: an ask that trades, or a bid that does not trade whole.
    Own,
    /// This class of the other side has the same level. To an ask class: bids that it may serve. To a bid class: asks that
    /// serve some of its bids.
    Class(u32),
}

/// The price of a class for one lot and one second, and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// What its bids pay or its asks get: the limit of the order at the level.
    pub price: Price,
    /// The order that sets the price. Ranked by price and among equals, what is better than it trades whole, and what is
    /// worse does not trade.
    pub level: Option<OrderAt>,
    /// How that order comes to set this class's price.
    pub because: Because,
}

/// The quotes of all classes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Quotes {
    /// A quote an ask class.
    pub asks: Vec<Quote>,
    /// A quote a bid class.
    pub bids: Vec<Quote>,
}

impl Quotes {
    /// Keccak-256 over every quote, asks first: price (16 bytes), side and place of the order at the level (1 and 4), what
    /// holds it up (1) and which class (4); zeros for what is not there.
    pub fn digest(&self) -> Hash {
        let mut bytes = Vec::with_capacity(26 * (self.asks.len() + self.bids.len()) + 8);
        bytes.extend_from_slice(&(self.asks.len() as u64).to_be_bytes());
        for quote in self.asks.iter().chain(&self.bids) {
            bytes.extend_from_slice(&quote.price.0.to_be_bytes());
            let (side, place) = quote.level.map_or((0, 0), |level| (1 + level.side as u8, level.place));
            bytes.push(side);
            bytes.extend_from_slice(&place.to_be_bytes());
            let (because, class) = match quote.because {
                Because::Nothing => (0, 0),
                Because::Own => (1, 0),
                Because::Class(class) => (2, class),
            };
            bytes.push(because);
            bytes.extend_from_slice(&class.to_be_bytes());
        }
        keccak256(&[&bytes])
    }
}

/// Lots of each ask and of each bid that trade.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traded<'a> {
    pub asks: &'a [u32],
    pub bids: &'a [u32],
}

impl Traded<'_> {
    /// Whether an order holds its class's price up: an ask that trades, a bid that does not trade whole.
    pub fn is_floor(&self, book: &SealedBook, order: OrderAt) -> bool {
        let place = order.place as usize;
        match order.side {
            Side::Ask => self.asks[place] > 0,
            Side::Bid => self.bids[place] < book.bid.lots[place],
        }
    }
}

/// The place of an order among those of equal price: asks before bids, then by rank and place; of bids the better ones
/// come last, as if they paid more.
pub(super) fn tie_key(book: &SealedBook, seed: &Seed, OrderAt { side, place }: OrderAt) -> u128 {
    let rank = seed.rank(book.columns(side).mark[place as usize]);
    match side {
        Side::Ask => u128::from(rank) << 32 | u128::from(place),
        Side::Bid => 1 << 96 | u128::from(!rank) << 32 | u128::from(!place),
    }
}

/// The place of an order among all: price, then [`tie_key`].
pub(super) fn key(book: &SealedBook, seed: &Seed, order: OrderAt) -> (u128, u128) {
    (book.columns(order.side).price[order.place as usize], tie_key(book, seed, order))
}

/// The lowest competitive prices, given who trades and what each ask class gives to which bid class.
pub(super) fn lowest(book: &SealedBook, seed: &Seed, traded: Traded, given: &Given) -> Quotes {
    let (asks, bids) = (book.classes.asks.len(), book.classes.bids.len());
    let unset = Quote { price: Price(0), level: None, because: Because::Nothing };
    let mut quotes = Quotes { asks: vec![unset; asks], bids: vec![unset; bids] };
    let mut left = (grid::all(asks), grid::all(bids));
    for floor in floors(book, seed, traded) {
        let bits = if floor.order.side == Side::Ask { &mut left.0 } else { &mut left.1 };
        if !grid::has(bits, floor.class as usize) {
            continue;
        }
        grid::drop(bits, floor.class as usize);
        let (price, level) = (Price(floor.price), Some(floor.order));
        let mut reached = vec![(floor.order.side, floor.class, Because::Own)];
        while let Some((side, class, because)) = reached.pop() {
            let quote = Quote { price, level, because };
            if side == Side::Ask {
                quotes.asks[class as usize] = quote;
                for &bid in given[class as usize].keys() {
                    if grid::has(&left.1, bid as usize) {
                        grid::drop(&mut left.1, bid as usize);
                        reached.push((Side::Bid, bid, Because::Class(class)));
                    }
                }
            } else {
                quotes.bids[class as usize] = quote;
                let row = book.classes.fits.row(class as usize);
                for (at, (fit, left)) in row.iter().zip(&mut left.0).enumerate() {
                    let new = fit & *left;
                    *left &= !new;
                    reached.extend(grid::each(at, new).map(|ask| (Side::Ask, ask as u32, Because::Class(class))));
                }
            }
        }
    }
    quotes
}

/// The order that holds the price of its class up most.
struct Floor {
    price: u128,
    order: OrderAt,
    class: u32,
}

/// What each class's own orders hold its price up to, highest first.
fn floors(book: &SealedBook, seed: &Seed, traded: Traded) -> Vec<Floor> {
    let mut floors = Vec::new();
    for side in [Side::Ask, Side::Bid] {
        let columns = book.columns(side);
        let classes = book.classes.of_side(side).len();
        let mut best: Vec<Option<(u128, u32)>> = vec![None; classes];
        for (place, (&price, &class)) in columns.price.iter().zip(&columns.class).enumerate() {
            let order = OrderAt { side, place: place as u32 };
            if class == LEFT_OUT || !traded.is_floor(book, order) {
                continue;
            }
            let best = &mut best[class as usize];
            let is_higher = best.is_none_or(|(highest, holder)| match highest == price {
                true => tie_key(book, seed, order) > tie_key(book, seed, OrderAt { side, place: holder }),
                false => highest < price,
            });
            if is_higher {
                *best = Some((price, order.place));
            }
        }
        let found = best.into_iter().zip(0..).filter_map(|(best, class)| best.map(|best| (best, class)));
        floors.extend(found.map(|((price, place), class)| Floor { price, order: OrderAt { side, place }, class }));
    }
    floors.sort_by_cached_key(|floor| Reverse(key(book, seed, floor.order)));
    floors
}
