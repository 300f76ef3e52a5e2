//! A sealed book: the set of orders that one epoch clears, in columns and classes, and its root. Knows no clearing.
//!
//! ```text
//! orders, any order --> by id --> columns: price, open lots, class --> classes: who may serve whom
//!                         |
//!                         +-----> root: what two peers compare
//! ```

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;

use protocol::{Address, Hash, Identity, MarketId, Order, OrderRef, Side, keccak256};

use crate::book::Head;
use crate::seed::{Seed, mark};

mod classes;
mod fits;
pub(crate) mod grid;
mod named;

pub(crate) use classes::{Class, Classes, LEFT_OUT};
use named::Named;

/// Ranges `first..end` of an order's lots, ascending and apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenLots {
    /// One range: nearly always the whole order.
    One((u32, u32)),
    /// None, or what deals have left of it.
    Many(Box<[(u32, u32)]>),
}

impl Deref for OpenLots {
    type Target = [(u32, u32)];

    fn deref(&self) -> &[(u32, u32)] {
        match self {
            OpenLots::One(range) => core::slice::from_ref(range),
            OpenLots::Many(ranges) => ranges,
        }
    }
}

impl From<Vec<(u32, u32)>> for OpenLots {
    fn from(ranges: Vec<(u32, u32)>) -> OpenLots {
        match *ranges {
            [range] => OpenLots::One(range),
            _ => OpenLots::Many(ranges.into()),
        }
    }
}

/// One order of a sealed book, its open lots, and what the checkpoint says of its owner.
#[derive(Debug, Clone)]
pub struct SealedOrder {
    /// The order's head; never an empty slot.
    pub head: Arc<Head>,
    /// What is open of it.
    pub open: OpenLots,
    /// The owner's identity level.
    pub identity: Identity,
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

    /// How many lots are open.
    pub fn open_lots(&self) -> u32 {
        self.open.iter().map(|(first, end)| end - first).sum()
    }

    /// Whether an ask and a bid may meet, price aside.
    pub fn may_serve(&self, bid: &SealedOrder) -> bool {
        let (offer, wish) = (self.order(), bid.order());
        let are_known = bid.identity >= offer.identity_min && self.identity >= wish.identity_min;
        are_known && protocol::deal::is_feasible(offer, wish)
    }
}

/// One side of a sealed book: by id, with what clearing reads again and again apart from the orders.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    /// Limit prices.
    pub price: Vec<u128>,
    /// Open lots.
    pub lots: Vec<u32>,
    /// Numbers of classes, or [`LEFT_OUT`].
    pub class: Vec<u32>,
    /// What ranks are made from.
    pub mark: Vec<u64>,
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
    /// Keccak-256 over market, epoch and every order's id, identity level and open lots, by id.
    pub root: Hash,
    pub(crate) ask: Columns,
    pub(crate) bid: Columns,
    pub(crate) classes: Classes,
}

impl SealedBook {
    /// Sorts the orders by id, so that the order of arrival does not matter, takes the root and tells classes apart.
    /// Empty slots, orders without open lots and second copies are left out.
    pub fn new(market: MarketId, epoch: u64, orders: Vec<SealedOrder>) -> SealedBook {
        let (sequence, asks) = sequence(&orders);
        let mut orders: Vec<Option<SealedOrder>> = orders.into_iter().map(Some).collect();
        let mut sides = [Gathered::new(asks), Gathered::new(sequence.len() - asks)];
        let mut rooted = rooted(&market, epoch, sequence.len());
        // Heads lie anywhere in memory, and fetching one takes longer than all that is done with it: one look at each.
        for at in sequence {
            let sealed = orders[at as usize].take().expect("each order has one place");
            let order = sealed.order();
            root_part(&mut rooted, &sealed);
            sides[order.side as usize].add(order, &sealed);
            sides[order.side as usize].orders.push(sealed);
        }
        drop(orders);
        let root = keccak256(&[&rooted]);
        drop(rooted);
        let [asks, bids] = sides;
        let named = Named::of(&asks, &bids, &root);
        let mut book = SealedBook {
            market,
            epoch,
            ask: asks.columns,
            bid: bids.columns,
            asks: asks.orders,
            bids: bids.orders,
            root,
            classes: Classes::default(),
        };
        book.classes = Classes::of(&mut book, &named);
        book
    }

    /// The seed of this epoch in a market without a chain.
    pub fn seed(&self) -> Seed {
        Seed::new(&self.market, self.epoch, None)
    }

    /// Orders on both sides.
    pub fn len(&self) -> usize {
        self.asks.len() + self.bids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many classes of asks and of bids are told apart.
    pub fn class_counts(&self) -> (usize, usize) {
        (self.classes.asks.len(), self.classes.bids.len())
    }

    /// Pairs of classes that may meet.
    pub fn edges(&self) -> u64 {
        self.classes.fits.count()
    }

    /// Bytes that it takes, heads aside.
    pub fn bytes(&self) -> usize {
        let columns = core::mem::size_of::<SealedOrder>() + 32;
        let ranges = self.asks.iter().chain(&self.bids).filter(|order| order.open.len() > 1);
        let ranges: usize = ranges.map(|order| order.open.len() * 8).sum();
        let classes = (self.classes.asks.len() + self.classes.bids.len()) * core::mem::size_of::<Class>();
        self.len() * columns + ranges + classes + self.classes.fits.bytes()
    }

    /// The orders of one side.
    pub fn side(&self, side: Side) -> &[SealedOrder] {
        match side {
            Side::Ask => &self.asks,
            Side::Bid => &self.bids,
        }
    }

    pub(crate) fn columns(&self, side: Side) -> &Columns {
        match side {
            Side::Ask => &self.ask,
            Side::Bid => &self.bid,
        }
    }

    /// The head with this id.
    pub(crate) fn head(&self, id: &Hash) -> Option<&Arc<Head>> {
        self.find(id).map(|(side, at)| &self.side(side)[at].head)
    }

    /// The place of an order in its side.
    pub fn find(&self, id: &Hash) -> Option<(Side, usize)> {
        [Side::Ask, Side::Bid].into_iter().find_map(|side| {
            let at = self.side(side).binary_search_by_key(id, |order| order.head.id);
            at.ok().map(|at| (side, at))
        })
    }
}

/// What one look at each order of a side brings.
#[derive(Debug)]
struct Gathered {
    orders: Vec<SealedOrder>,
    columns: Columns,
    owners: Vec<Address>,
    /// Every owner that the orders name.
    names: Vec<Address>,
}

impl Gathered {
    fn new(orders: usize) -> Gathered {
        Gathered {
            orders: Vec::with_capacity(orders),
            columns: Columns {
                price: Vec::with_capacity(orders),
                lots: Vec::with_capacity(orders),
                class: Vec::with_capacity(orders),
                mark: Vec::with_capacity(orders),
            },
            owners: Vec::with_capacity(orders),
            names: Vec::new(),
        }
    }

    fn add(&mut self, order: &Order, sealed: &SealedOrder) {
        self.columns.price.push(order.price.0);
        self.columns.lots.push(sealed.open_lots());
        self.columns.mark.push(mark(&order.owner, order.slot));
        self.owners.push(order.owner);
        self.names.extend_from_slice(&order.excluded);
        self.names.extend((!order.counterparty.is_zero()).then_some(order.counterparty));
    }
}

/// The places of the orders that count, by id, each id once; and how many of them are asks.
fn sequence(orders: &[SealedOrder]) -> (Vec<u32>, usize) {
    let counts = |sealed: &SealedOrder| sealed.head.order().is_some() && sealed.open_lots() > 0;
    let counted = orders.iter().zip(0..).filter(|(sealed, _)| counts(sealed));
    // The first bytes of an id nearly always decide, so that sorting need not look at orders.
    let is_ask = |sealed: &SealedOrder| sealed.order().side == Side::Ask;
    let mut asks = 0;
    let key = |(sealed, at): (&SealedOrder, u32)| {
        asks += usize::from(is_ask(sealed));
        (sealed.head.id.prefix_u64(), at)
    };
    let mut keys: Vec<(u64, u32)> = counted.map(key).collect();
    keys.sort_unstable();
    let id = |at: u32| orders[at as usize].head.id;
    if keys.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        keys.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| id(a.1).cmp(&id(b.1))));
        keys.dedup_by(|a, b| {
            let is_copy = a.0 == b.0 && id(a.1) == id(b.1);
            asks -= usize::from(is_copy && is_ask(&orders[a.1 as usize]));
            is_copy
        });
    }
    (keys.into_iter().map(|(_, at)| at).collect(), asks)
}

/// The bytes under the root before those of the orders.
fn rooted(market: &MarketId, epoch: u64, orders: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(40 + orders * 45);
    bytes.extend_from_slice(&market.0.0);
    bytes.extend_from_slice(&epoch.to_be_bytes());
    bytes
}

fn root_part(bytes: &mut Vec<u8>, order: &SealedOrder) {
    bytes.extend_from_slice(&order.head.id.0);
    bytes.push(order.identity as u8);
    bytes.extend_from_slice(&(order.open.len() as u32).to_be_bytes());
    for (first, end) in order.open.iter() {
        bytes.extend_from_slice(&first.to_be_bytes());
        bytes.extend_from_slice(&end.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::world::people::{market, order};

    /// An order whose id begins with the same eight bytes as any other's here.
    fn alike(side: Side, last: u8) -> SealedOrder {
        let authority = protocol::Authority::own(protocol::Signature([0; 65]));
        let entry = protocol::Entry::Order(protocol::Signed { body: order(side, 10, 1), authority });
        let mut id = Hash([7; 32]);
        id.0[31] = last;
        SealedOrder { head: Arc::new(Head { entry, id }), open: vec![(0, 1)].into(), identity: Identity::Anonymous }
    }

    #[test]
    fn ids_that_begin_alike_are_sorted_whole_and_copies_count_once() {
        let seal = |orders: Vec<SealedOrder>| SealedBook::new(market().id(), 1, orders);
        let orders = [(Side::Ask, 3), (Side::Bid, 2), (Side::Ask, 1)].map(|(side, last)| alike(side, last));
        let book = seal([&orders[..], &orders[..2]].concat());
        assert_eq!(book.asks.iter().map(|ask| ask.head.id.0[31]).collect::<Vec<_>>(), [1, 3]);
        assert_eq!((book.bids.len(), book.root), (1, seal(orders.to_vec()).root));
        let mut none = alike(Side::Bid, 9);
        none.open = vec![].into();
        assert_eq!(seal([&orders[..], &[none]].concat()).root, book.root);
    }
}
