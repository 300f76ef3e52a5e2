//! Small random books, judged in full; and the oracle itself, judged by trying everything.

use crate::books::{small, small_orders};
use crate::judge::judge;
use crate::oracle::Oracle;
use crate::runs::{count, over};

#[test]
fn a_hundred_thousand_small_books_have_the_surplus_and_the_prices_of_the_oracle() {
    let books = count(100_000);
    let pairs = over(books, |seed| judge(&small(seed)).map(|clearing| clearing.pairs.len() as u64));
    assert!(pairs > books || books < 2, "{pairs} pairs in {books} books: too little trades to show anything");
}

#[test]
fn the_oracle_finds_what_trying_every_assignment_finds() {
    let tried = over(count(20_000), |seed| {
        let mut orders = small_orders(seed);
        orders.truncate(4);
        orders.extend(small_orders(seed).into_iter().rev().take(4));
        let oracle = Oracle::of(&crate::books::book(seed, orders));
        if oracle.bids.iter().map(|bid| bid.1).sum::<u64>() > 5 {
            return Ok(0);
        }
        match (oracle.surplus(), oracle.tried()) {
            (found, tried) if found == tried => Ok(u64::from(tried > 0)),
            (found, tried) => Err(format!("{found} instead of {tried}")),
        }
    });
    assert!(tried > count(2_000) || count(2_000) < 2, "{tried} books had a surplus");
}
