//! The total surplus of a clearing, in integers that hold any book.

use core::fmt;

use protocol::Side;
use serde::{Deserialize, Serialize};

use super::prices::Traded;
use crate::sealed::SealedBook;

/// SNM wei a second, as `high * 2^128 + low`; no book has more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Surplus {
    /// Whole multiples of 2^128: zero in any market of this world.
    pub high: u64,
    /// The rest.
    #[serde(with = "protocol::money::decimal")]
    pub low: u128,
}

impl Surplus {
    /// Adds `price` for each of `lots` lots.
    pub fn add(&mut self, price: u128, lots: u32) {
        let (high, low) = product(price, lots);
        let (low, carry) = self.low.overflowing_add(low);
        *self = Surplus { high: self.high + high + u64::from(carry), low };
    }

    /// Takes away `price` for each of `lots` lots.
    pub fn take(&mut self, price: u128, lots: u32) {
        let (high, low) = product(price, lots);
        let (low, borrow) = self.low.overflowing_sub(low);
        *self = Surplus { high: self.high - high - u64::from(borrow), low };
    }
}

/// `price * lots` as a multiple of 2^128 and the rest.
fn product(price: u128, lots: u32) -> (u64, u128) {
    let lots = u128::from(lots);
    let (upper, lower) = ((price >> 64) * lots, (price & u128::from(u64::MAX)) * lots);
    let (low, carry) = (upper << 64).overflowing_add(lower);
    ((upper >> 64) as u64 + u64::from(carry), low)
}

impl fmt::Display for Surplus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.high {
            0 => write!(f, "{}", self.low),
            high => write!(f, "{high} * 2^128 + {}", self.low),
        }
    }
}

/// What the bids that trade would pay at most, less what the asks would take at least.
pub(super) fn of(book: &SealedBook, traded: Traded) -> Surplus {
    let mut surplus = Surplus::default();
    for (price, lots) in book.columns(Side::Bid).price.iter().zip(traded.bids) {
        surplus.add(*price, *lots);
    }
    for (price, lots) in book.columns(Side::Ask).price.iter().zip(traded.asks) {
        surplus.take(*price, *lots);
    }
    surplus
}
