//! `clear`: the pure function from a sealed book to matches that every peer computes alone.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use protocol::deal::{duration, is_feasible};
use protocol::{Hash, Identity, Order, OrderRef, Price, keccak256};
use serde::{Deserialize, Serialize};

use crate::sealed::{SealedBook, SealedOrder};

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

/// The result of one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clearing {
    /// The epoch.
    pub epoch: u64,
    /// Root of the set that was cleared.
    pub sealed_root: Hash,
    /// Orders in that set.
    pub orders: usize,
    /// The matches, in the order they were found.
    pub matches: Vec<Match>,
    /// Keccak-256 over the sealed root and every match.
    pub root: Hash,
}

/// Clears `book`: bids from the highest limit price down, each served by the cheapest asks that may serve it, at the
/// ask's price. Equals are ranked by `H(seed, owner, slot)`. Orders that demand an identity level find no partner as
/// long as there is no chain to attest one.
pub fn clear(book: &SealedBook) -> Clearing {
    let seed = book.seed();
    let mut asks: Vec<Side> = book.asks.iter().map(|order| Side::new(order, &seed)).collect();
    let mut bids: Vec<Side> = book.bids.iter().map(|order| Side::new(order, &seed)).collect();
    asks.sort_by_key(|ask| (ask.order.price, ask.rank));
    bids.sort_by_key(|bid| (core::cmp::Reverse(bid.order.price), bid.rank));
    let mut matches = Vec::new();
    for bid in &mut bids {
        let affordable = asks.partition_point(|ask| ask.order.price <= bid.order.price);
        let mut is_one_sold_out = false;
        for ask in asks[..affordable].iter_mut().filter(|ask| may_serve(ask.order, bid.order)) {
            pair(ask, bid, &mut matches);
            is_one_sold_out |= ask.open.is_empty();
            if bid.open.is_empty() {
                break;
            }
        }
        if is_one_sold_out {
            asks.retain(|ask| !ask.open.is_empty());
        }
    }
    let root = root(&book.root, &matches);
    Clearing { epoch: book.epoch, sealed_root: book.root, orders: book.len(), matches, root }
}

/// One order while it is being matched.
struct Side<'a> {
    sealed: &'a SealedOrder,
    order: &'a Order,
    open: VecDeque<(u32, u32)>,
    rank: Hash,
}

impl<'a> Side<'a> {
    fn new(sealed: &'a SealedOrder, seed: &Hash) -> Side<'a> {
        let order = sealed.order();
        let rank = keccak256(&[&seed.0, &order.owner.0, &order.slot.to_be_bytes()]);
        Side { sealed, order, open: sealed.open.iter().copied().collect(), rank }
    }

    /// Takes up to `wanted` lots off the first open range.
    fn take(&mut self, wanted: u32) -> OrderRef {
        let (first, end) = self.open.pop_front().expect("taken from only while lots are open");
        let taken = wanted.min(end - first);
        if first + taken < end {
            self.open.push_front((first + taken, end));
        }
        self.sealed.lots(first, taken)
    }
}

fn may_serve(ask: &Order, bid: &Order) -> bool {
    let is_open_to_all = ask.identity_min == Identity::Anonymous && bid.identity_min == Identity::Anonymous;
    is_open_to_all && is_feasible(ask, bid)
}

/// Matches open lots of the two until one side has none left.
fn pair(ask: &mut Side, bid: &mut Side, matches: &mut Vec<Match>) {
    let Some(duration_s) = duration(ask.order, bid.order) else { return };
    while let (Some(a), Some(b)) = (ask.open.front(), bid.open.front()) {
        let lots = (a.1 - a.0).min(b.1 - b.0);
        matches.push(Match {
            ask: ask.take(lots),
            bid: bid.take(lots),
            price: ask.order.price,
            duration_s,
            billed_min_s: ask.order.billed_min_s,
        });
    }
}

fn root(sealed_root: &Hash, matches: &[Match]) -> Hash {
    let mut bytes = Vec::with_capacity(32 + matches.len() * 104);
    bytes.extend_from_slice(&sealed_root.0);
    for found in matches {
        for side in [&found.ask, &found.bid] {
            bytes.extend_from_slice(&side.id.0);
            bytes.extend_from_slice(&side.first_lot.to_be_bytes());
            bytes.extend_from_slice(&side.lots.to_be_bytes());
        }
        bytes.extend_from_slice(&found.price.0.to_be_bytes());
        bytes.extend_from_slice(&found.duration_s.to_be_bytes());
        bytes.extend_from_slice(&found.billed_min_s.to_be_bytes());
    }
    keccak256(&[&bytes])
}

#[cfg(test)]
mod tests;
