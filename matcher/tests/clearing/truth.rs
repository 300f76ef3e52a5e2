//! Whether a consumer of one lot would gain by naming another limit than its own.

use std::collections::BTreeSet;

use matcher::{SealedBook, SealedOrder, clear};
use protocol::{Hash, Price, Side};

use crate::books::{address, book, changed, small_orders};
use crate::runs::{count, over};

/// Owners of bids, one order each, are numbered from here; those of asks below.
const CONSUMERS: u64 = 5_000;

/// What the owner of the bid `id` has of this clearing, its true limit being `limit`.
fn utility(book: &SealedBook, id: &Hash, limit: u128) -> i128 {
    let clearing = clear(book, book.seed());
    let pair = clearing.pairs.iter().find(|pair| book.bids[pair.bid as usize].head.id == *id);
    pair.map_or(0, |pair| limit as i128 - pair.price.0 as i128)
}

/// How many other limits were tried, none of which gains anything.
fn tempt(seed: u64) -> Result<u64, String> {
    let mut orders = small_orders(seed);
    for (order, number) in orders.iter_mut().zip(CONSUMERS..) {
        if order.order().side == Side::Bid {
            *order = changed(order, |order| order.owner = address(number));
        }
    }
    let prices: BTreeSet<u128> = orders.iter().map(|order| order.order().price.0).collect();
    let limits: BTreeSet<u128> = prices.iter().flat_map(|&price| price - 1..=price + 1).collect();
    let with = |at: usize, order: SealedOrder| {
        let mut orders = orders.clone();
        orders[at] = order;
        book(seed, orders)
    };
    let mut tried = 0;
    for (at, bid) in orders.iter().enumerate() {
        if bid.order().side == Side::Ask || bid.open_lots() > 1 {
            continue;
        }
        let limit = bid.order().price.0;
        let honest = utility(&with(at, bid.clone()), &bid.head.id, limit);
        for &other in limits.iter().filter(|&&other| other != limit) {
            let lie = changed(bid, |order| order.price = Price(other));
            let gained = utility(&with(at, lie), &bid.head.id, limit);
            if gained > honest {
                return Err(format!("bid {at} has {honest} at its limit {limit}, but {gained} if it says {other}"));
            }
            tried += 1;
        }
    }
    Ok(tried)
}

#[test]
fn a_consumer_of_one_lot_gains_nothing_by_naming_another_limit() {
    let books = count(10_000);
    let tried = over(books, tempt);
    assert!(tried > 20 * books || books < 2, "{tried} limits tried");
}
