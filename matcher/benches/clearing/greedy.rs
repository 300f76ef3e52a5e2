//! Matching greedily by price and time, as order books do: what trades is never taken back.

use protocol::Side;

use crate::draw::Drawn;

/// What a matching is worth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    pub surplus: i128,
    pub lots: u64,
}

/// How orders come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coming {
    /// One after the other; each takes the best that rests on the other side and fits, and rests with what is left.
    OneByOne,
    /// All asks rest; bids come as they arrived.
    BidsByArrival,
    /// All asks rest; bids come from the highest price down.
    BidsByPrice,
}

pub const COMINGS: [(&str, Coming); 3] = [
    ("orders by arrival", Coming::OneByOne),
    ("bids by arrival", Coming::BidsByArrival),
    ("bids from the highest", Coming::BidsByPrice),
];

/// Matches `orders` so: cheapest fitting ask first, highest fitting bid first, the earlier one of equals.
pub fn matched(orders: &[Drawn], coming: Coming) -> Outcome {
    let mut sequence: Vec<usize> = (0..orders.len()).collect();
    match coming {
        Coming::OneByOne => {}
        Coming::BidsByArrival => sequence.sort_by_key(|&at| orders[at].side == Side::Bid),
        Coming::BidsByPrice => sequence.sort_by_key(|&at| match orders[at].side {
            Side::Ask => (false, 0),
            Side::Bid => (true, u64::MAX - orders[at].price),
        }),
    }
    let mut rests = Rests { orders, asks: Vec::new(), bids: Vec::new() };
    let mut outcome = Outcome::default();
    for at in sequence {
        let left = rests.take(at, &mut outcome);
        if left > 0 && (orders[at].side == Side::Ask || coming == Coming::OneByOne) {
            rests.rest(at, left);
        }
    }
    outcome
}

/// What rests, best first: numbers of orders and lots.
struct Rests<'a> {
    orders: &'a [Drawn],
    asks: Vec<(usize, u32)>,
    bids: Vec<(usize, u32)>,
}

impl Rests<'_> {
    /// Serves order `at` from what rests; returns the lots that are left of it.
    fn take(&mut self, at: usize, outcome: &mut Outcome) -> u32 {
        let (orders, order) = (self.orders, &self.orders[at]);
        let mut left = order.lots;
        let others = if order.side == Side::Ask { &mut self.bids } else { &mut self.asks };
        for (other, open) in others.iter_mut() {
            let (ask, bid) = if order.side == Side::Ask { (order, &orders[*other]) } else { (&orders[*other], order) };
            if left == 0 || ask.price > bid.price {
                break;
            }
            if ask.capacity.dominates(&bid.capacity) {
                let lots = left.min(*open);
                left -= lots;
                *open -= lots;
                outcome.lots += u64::from(lots);
                outcome.surplus += (i128::from(bid.price) - i128::from(ask.price)) * i128::from(lots);
            }
        }
        others.retain(|(_, open)| *open > 0);
        left
    }

    fn rest(&mut self, at: usize, left: u32) {
        let (orders, order) = (self.orders, &self.orders[at]);
        let is_better = |other: &(usize, u32)| match order.side {
            Side::Ask => orders[other.0].price <= order.price,
            Side::Bid => orders[other.0].price >= order.price,
        };
        let side = if order.side == Side::Ask { &mut self.asks } else { &mut self.bids };
        let place = side.partition_point(is_better);
        side.insert(place, (at, left));
    }
}
