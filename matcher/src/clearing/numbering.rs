//! Which lots of two orders meet: both count their open lots from the first one up.

use alloc::vec;
use alloc::vec::Vec;

use super::{Pair, Quotes};
use crate::sealed::SealedBook;

/// So many lots of an ask and a bid meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Met {
    pub ask: u32,
    pub bid: u32,
    pub lots: u32,
}

/// How far an order's open lots are given away.
#[derive(Debug, Clone, Copy, Default)]
struct Cursor {
    range: u32,
    used: u32,
}

/// Numbers the lots of what met, in order of ask and bid; where a range ends on either side, a pair is split.
pub(super) fn number(book: &SealedBook, met: &[Met], quotes: &Quotes) -> Vec<Pair> {
    let mut asks = vec![Cursor::default(); book.asks.len()];
    let mut bids = vec![Cursor::default(); book.bids.len()];
    let mut pairs = Vec::with_capacity(met.len());
    for met in met {
        let (ask, bid) = (&book.asks[met.ask as usize], &book.bids[met.bid as usize]);
        let price = quotes.asks[book.ask.class[met.ask as usize] as usize].price;
        let mut left = met.lots;
        while left > 0 {
            let (ask_at, bid_at) = (&mut asks[met.ask as usize], &mut bids[met.bid as usize]);
            let (ask_lot, ask_room) = ask_at.next(&ask.open);
            let (bid_lot, bid_room) = bid_at.next(&bid.open);
            let lots = left.min(ask_room).min(bid_room);
            ask_at.used += lots;
            bid_at.used += lots;
            left -= lots;
            pairs.push(Pair { ask: met.ask, bid: met.bid, ask_lot, bid_lot, lots, price });
        }
    }
    pairs
}

impl Cursor {
    /// The next open lot and how many follow in its range.
    fn next(&mut self, open: &[(u32, u32)]) -> (u32, u32) {
        let (first, end) = open[self.range as usize];
        if first + self.used < end {
            return (first + self.used, end - first - self.used);
        }
        *self = Cursor { range: self.range + 1, used: 0 };
        let (first, end) = open[self.range as usize];
        (first, end - first)
    }
}
