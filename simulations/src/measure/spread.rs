//! How orders spread: when each was signed, and when it entered whose book. Forgets an order two epochs later, so that
//! memory does not grow with the run.

use std::collections::BTreeMap;

use super::Histogram;
use crate::engine::Nanos;
use crate::network::Network;

/// Arrivals that are remembered at a time; beyond it fewer orders are followed.
const ARRIVALS_MAX: u64 = 4_000_000;

#[derive(Debug)]
struct Order {
    origin: u32,
    at: Nanos,
    epoch: u64,
    /// How long each of the others took, in microseconds, as they came.
    took: Vec<u32>,
}

/// Orders on their way.
#[derive(Debug)]
pub struct Spread {
    /// One order of so many is followed to all peers.
    every: u64,
    orders: BTreeMap<u64, Order>,
    /// From signing to admission, each order and peer.
    pub delivery: Histogram,
    /// From signing to 99 of 100 peers.
    pub reach99: Histogram,
    /// 99 of 100 peers are so near to its origin, summed over the same orders; and the sum of their times.
    direct: u128,
    reached: u128,
    /// Deliveries that were, and that should have been.
    pub delivered: (u64, u64),
    bounds: BTreeMap<u32, Nanos>,
}

impl Spread {
    /// Among so many peers, at so many orders an epoch.
    pub fn new(peers: u32, orders_per_epoch: u64) -> Spread {
        let arrivals = u64::from(peers) * orders_per_epoch.max(1) * 3;
        Spread {
            every: arrivals.div_ceil(ARRIVALS_MAX).max(1),
            orders: BTreeMap::new(),
            delivery: Histogram::default(),
            reach99: Histogram::default(),
            direct: 0,
            reached: 0,
            delivered: (0, 0),
            bounds: BTreeMap::new(),
        }
    }

    fn is_followed(&self, order: u64) -> bool {
        order.is_multiple_of(self.every)
    }

    /// An order entered the book of its own peer.
    pub fn signed(&mut self, order: u64, origin: u32, at: Nanos, epoch: u64) {
        if self.is_followed(order) {
            self.orders.insert(order, Order { origin, at, epoch, took: Vec::new() });
        }
    }

    /// It entered another's. Gives how long that took, if it is known when it was signed.
    pub fn admitted(&mut self, order: u64, at: Nanos) -> Option<Nanos> {
        let known = self.orders.get_mut(&order)?;
        let took = at.saturating_sub(known.at);
        known.took.push(u32::try_from(took / 1_000).unwrap_or(u32::MAX));
        self.delivery.add(took);
        Some(took)
    }

    /// Closes the books on orders of `epoch` and before. `others` are the peers that were up and honest.
    pub fn settle(&mut self, epoch: u64, others: &[u32], network: &Network) {
        let done: Vec<Order> =
            self.orders.extract_if(.., |_, order| order.epoch <= epoch).map(|(_, order)| order).collect();
        for mut order in done {
            let expected = others.len() as u64 - u64::from(others.contains(&order.origin));
            let arrived = (order.took.len() as u64).min(expected);
            self.delivered = (self.delivered.0 + arrived, self.delivered.1 + expected);
            let wanted = (expected * 99).div_ceil(100) as usize;
            if wanted == 0 || order.took.len() < wanted {
                continue;
            }
            order.took.sort_unstable();
            let reached = Nanos::from(order.took[wanted - 1]) * 1_000;
            self.reach99.add(reached);
            self.reached += u128::from(reached);
            self.direct += u128::from(self.bound(order.origin, others, wanted, network));
        }
    }

    /// So many of the others are within this direct latency of the origin.
    fn bound(&mut self, origin: u32, others: &[u32], wanted: usize, network: &Network) -> Nanos {
        *self.bounds.entry(origin).or_insert_with(|| {
            let others = others.iter().filter(|other| **other != origin);
            let mut latencies: Vec<Nanos> = others.map(|other| network.latency(origin, *other)).collect();
            latencies.sort_unstable();
            latencies.get(wanted - 1).copied().unwrap_or(1)
        })
    }

    /// How many times longer than the direct way it takes to reach 99 of 100.
    pub fn over_direct(&self) -> f64 {
        if self.direct == 0 { 0.0 } else { self.reached as f64 / self.direct as f64 }
    }
}
