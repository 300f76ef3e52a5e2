//! The lowest competitive prices: the least that every winning ask accepts and no losing bid would top, carried along to
//! whoever could have what they have. For consumers of one lot these are the Vickrey-Clarke-Groves payments
//! (Leonard, 1983; Demange, Gale and Sotomayor, 1986).

use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

use protocol::{Price, Side};
use serde::{Deserialize, Serialize};

use crate::sealed::grid;
use crate::sealed::{LEFT_OUT, SealedBook};

/// Why a class's price is not lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Because {
    /// It is zero.
    Zero,
    /// This order of the class: an ask that trades at no less, or a bid that would pay as much and does not trade whole.
    Order(u32),
    /// This class of the other side has the price already: of an ask class, bids that the asks may serve; of a bid class,
    /// asks that serve some of the bids.
    Class(u32),
}

/// The price of a class for one lot and one second, and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// What its bids pay or its asks get.
    pub price: Price,
    /// Why not less.
    pub because: Because,
}

/// The prices of all classes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Quotes {
    /// A quote an ask class.
    pub asks: Vec<Quote>,
    /// A quote a bid class.
    pub bids: Vec<Quote>,
}

/// Lots of each ask and of each bid that trade.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traded<'a> {
    pub asks: &'a [u32],
    pub bids: &'a [u32],
}

/// The lowest competitive prices, given who trades and which bid classes each ask class serves.
pub(super) fn lowest(book: &SealedBook, traded: Traded, served: &[Vec<u32>]) -> Quotes {
    let (asks, bids) = (book.classes.asks.len(), book.classes.bids.len());
    let unset = Quote { price: Price(0), because: Because::Zero };
    let mut quotes = Quotes { asks: vec![unset; asks], bids: vec![unset; bids] };
    let (mut asks_left, mut bids_left) = (grid::all(asks), grid::all(bids));
    for (price, side, class, order) in floors(book, traded) {
        let left = if side == Side::Ask { &mut asks_left } else { &mut bids_left };
        if !grid::has(left, class as usize) {
            continue;
        }
        grid::drop(left, class as usize);
        let first = Quote { price: Price(price), because: Because::Order(order) };
        let mut reached = vec![(side, class, first)];
        while let Some((side, class, quote)) = reached.pop() {
            if side == Side::Ask {
                quotes.asks[class as usize] = quote;
                for &bid in served[class as usize].iter() {
                    if grid::has(&bids_left, bid as usize) {
                        grid::drop(&mut bids_left, bid as usize);
                        reached.push((Side::Bid, bid, Quote { because: Because::Class(class), ..quote }));
                    }
                }
            } else {
                quotes.bids[class as usize] = quote;
                let row = book.classes.fits.row(class as usize);
                for (at, (fit, left)) in row.iter().zip(&mut asks_left).enumerate() {
                    let new = fit & *left;
                    *left &= !new;
                    let next = Quote { because: Because::Class(class), ..quote };
                    reached.extend(grid::each(at, new).map(|ask| (Side::Ask, ask as u32, next)));
                }
            }
        }
    }
    quotes
}

/// What each class's own orders hold its price up to, highest first: the dearest ask that trades, the best bid that does
/// not trade whole.
fn floors(book: &SealedBook, traded: Traded) -> Vec<(u128, Side, u32, u32)> {
    let mut floors = Vec::new();
    for (side, lots) in [(Side::Ask, traded.asks), (Side::Bid, traded.bids)] {
        let columns = book.columns(side);
        let classes = if side == Side::Ask { book.classes.asks.len() } else { book.classes.bids.len() };
        let mut best: Vec<Option<(u128, u32)>> = vec![None; classes];
        for order in 0..columns.price.len() {
            let holds = if side == Side::Ask { lots[order] > 0 } else { lots[order] < columns.lots[order] };
            let class = columns.class[order];
            if holds && class != LEFT_OUT {
                let best = &mut best[class as usize];
                if best.is_none_or(|(price, _)| price < columns.price[order]) {
                    *best = Some((columns.price[order], order as u32));
                }
            }
        }
        let found = best.into_iter().zip(0..).filter_map(|(best, class)| best.map(|best| (best, class)));
        floors.extend(found.map(|((price, order), class)| (price, side, class, order)));
    }
    floors.sort_unstable_by_key(|&(price, side, class, _)| (Reverse(price), side, class));
    floors
}
