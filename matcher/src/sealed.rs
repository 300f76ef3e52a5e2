//! A sealed book: the set of orders that one epoch clears, and its root.

use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::{Hash, MarketId, Order, OrderRef, Side, keccak256};

use crate::book::Head;

/// One order of a sealed book and its open lots.
#[derive(Debug, Clone)]
pub struct SealedOrder {
    /// The order's head; never an empty slot.
    pub head: Arc<Head>,
    /// Ranges `first..end` of lots, ascending and apart.
    pub open: Vec<(u32, u32)>,
}

impl SealedOrder {
    /// The order.
    ///
    /// # Panics
    /// If the head is an empty slot, which [`SealedBook::new`] never keeps.
    pub fn order(&self) -> &Order {
        self.head.order().expect("a sealed head holds an order")
    }

    /// A range of its lots, as terms name it.
    pub fn lots(&self, first_lot: u32, lots: u32) -> OrderRef {
        let order = self.order();
        OrderRef { id: self.head.id, owner: order.owner, slot: order.slot, version: order.version, first_lot, lots }
    }
}

/// What one epoch clears. Two peers with the same root clear the same.
#[derive(Debug, Clone)]
pub struct SealedBook {
    /// The market.
    pub market: MarketId,
    /// The epoch.
    pub epoch: u64,
    /// Asks by id.
    pub asks: Vec<SealedOrder>,
    /// Bids by id.
    pub bids: Vec<SealedOrder>,
    /// Keccak-256 over market, epoch and every order's id and open lots, by id.
    pub root: Hash,
}

impl SealedBook {
    /// Sorts the orders by id, so that the order of arrival does not matter, and takes the root.
    pub fn new(market: MarketId, epoch: u64, mut orders: Vec<SealedOrder>) -> SealedBook {
        orders.retain(|order| order.head.order().is_some());
        orders.sort_by_key(|order| order.head.id);
        let mut bytes = Vec::with_capacity(40 + orders.len() * 44);
        bytes.extend_from_slice(&market.0.0);
        bytes.extend_from_slice(&epoch.to_be_bytes());
        for order in &orders {
            bytes.extend_from_slice(&order.head.id.0);
            bytes.extend_from_slice(&(order.open.len() as u32).to_be_bytes());
            for (first, end) in &order.open {
                bytes.extend_from_slice(&first.to_be_bytes());
                bytes.extend_from_slice(&end.to_be_bytes());
            }
        }
        let root = keccak256(&[&bytes]);
        let (asks, bids) = orders.into_iter().partition(|order| order.order().side == Side::Ask);
        SealedBook { market, epoch, asks, bids, root }
    }

    /// Decides which of equals wins: `keccak256(market || epoch || beacon)`, the beacon empty without a chain.
    pub fn seed(&self) -> Hash {
        keccak256(&[&self.market.0.0, &self.epoch.to_be_bytes()])
    }

    /// Orders on both sides.
    pub fn len(&self) -> usize {
        self.asks.len() + self.bids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
