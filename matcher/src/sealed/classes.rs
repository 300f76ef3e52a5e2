//! Classes: orders of equal capacity and constraints, which clearing need not tell apart. An order whose owner is named by
//! the other side stands in a class of that owner.

use alloc::vec;
use alloc::vec::Vec;

use protocol::{Address, Hash, Order, Side};

use super::grid::Grid;
use super::named::Named;
use super::{Columns, SealedBook, SealedOrder, fits};
use crate::seed::Seed;

/// Pairs of classes that are looked at. Where there are more, classes are left out of the epoch: those of fewest orders
/// first, among these by a hash that changes with the epoch, so that nobody is left out for long.
const PAIRS_MAX: usize = 1 << 27;
/// The class of an order that is left out.
pub(crate) const LEFT_OUT: u32 = u32::MAX;

/// Orders that clearing does not tell apart but by price and rank.
#[derive(Debug, Clone)]
pub(crate) struct Class {
    /// The first of them, by id: what holds for it holds for all.
    pub first: u32,
    /// How many.
    pub orders: u32,
    /// Whose they are, if the other side names owners of them.
    pub owner: Option<Address>,
}

/// The classes of both sides and who may serve whom.
#[derive(Debug, Clone, Default)]
pub(crate) struct Classes {
    /// By the first order's id.
    pub asks: Vec<Class>,
    /// By the first order's id.
    pub bids: Vec<Class>,
    /// A row a bid class: the ask classes that may serve it, price aside.
    pub fits: Grid,
}

impl Classes {
    /// Tells the orders of `book` apart and writes their classes' numbers into its columns.
    pub(super) fn of(book: &mut SealedBook, named: &Named) -> Classes {
        let asks = grouped((&book.asks, &mut book.ask), &named.asks, &book.root);
        let bids = grouped((&book.bids, &mut book.bid), &named.bids, &book.root);
        let seed = book.seed();
        let (asks_max, bids_max) = room(asks.len(), bids.len());
        let asks = kept(&mut book.ask, asks, (asks_max, &seed));
        let bids = kept(&mut book.bid, bids, (bids_max, &seed));
        let fits = fits::grid((&book.asks, &asks), (&book.bids, &bids));
        Classes { asks, bids, fits }
    }
}

impl Classes {
    /// The classes of one side.
    pub fn of_side(&self, side: Side) -> &[Class] {
        match side {
            Side::Ask => &self.asks,
            Side::Bid => &self.bids,
        }
    }
}

/// How many classes of each side may stay.
fn room(asks: usize, bids: usize) -> (usize, usize) {
    if asks.saturating_mul(bids) <= PAIRS_MAX {
        return (asks, bids);
    }
    let even = PAIRS_MAX.isqrt();
    match (asks > even, bids > even) {
        (true, true) => (even, even),
        (true, false) => (PAIRS_MAX / bids, bids),
        _ => (asks, PAIRS_MAX / asks),
    }
}

/// Groups one side; classes are numbered as they first appear.
fn grouped((orders, columns): (&[SealedOrder], &mut Columns), named: &[Address], key: &Hash) -> Vec<Class> {
    let mut classes: Vec<Class> = Vec::new();
    let mut table = Table::new(key.prefix_u64());
    for (at, sealed) in orders.iter().enumerate() {
        let order = sealed.order();
        let owner = (!named.is_empty() && named.binary_search(&order.owner).is_ok()).then_some(order.owner);
        let mark = table.mark(sealed, owner.as_ref());
        let is_same = |class: &Class| class.owner == owner && is_alike(&orders[class.first as usize], sealed);
        let class = table.find_or_add(mark, classes.len() as u32, |number| is_same(&classes[number as usize]));
        match classes.get_mut(class as usize) {
            Some(known) => known.orders += 1,
            None => classes.push(Class { first: at as u32, orders: 1, owner }),
        }
        columns.class.push(class);
    }
    classes
}

/// Whether nothing but price, lots and owner tells two orders of a side apart.
fn is_alike(one: &SealedOrder, other: &SealedOrder) -> bool {
    let key = |sealed: &'_ SealedOrder| {
        let order = sealed.order();
        let times = (order.duration_min_s, order.duration_max_s, order.billed_min_s);
        (times, order.flags, order.identity_min, order.counterparty, sealed.identity)
    };
    let (a, b) = (one.order(), other.order());
    key(one) == key(other) && a.capacity == b.capacity && a.excluded == b.excluded
}

/// Drops classes until at most `max` are left.
fn kept(columns: &mut Columns, classes: Vec<Class>, (max, seed): (usize, &Seed)) -> Vec<Class> {
    if classes.len() <= max {
        return classes;
    }
    let rank = |class: &Class| {
        let rank = seed.rank(columns.mark[class.first as usize]);
        (core::cmp::Reverse(class.orders), rank, class.first)
    };
    let mut ranked: Vec<u32> = (0..classes.len() as u32).collect();
    ranked.sort_unstable_by_key(|&number| rank(&classes[number as usize]));
    let mut number = vec![LEFT_OUT; classes.len()];
    ranked[..max].iter().for_each(|&stays| number[stays as usize] = 0);
    for (stays, next) in number.iter_mut().filter(|number| **number == 0).zip(0..) {
        *stays = next;
    }
    columns.class.iter_mut().for_each(|class| *class = number[*class as usize]);
    classes.into_iter().zip(number).filter(|(_, number)| *number != LEFT_OUT).map(|(class, _)| class).collect()
}

/// Finds the class of an order by a mark of what tells classes apart. Marks are keyed, so nobody makes them collide; if two
/// do, the classes are compared.
struct Table {
    key: u64,
    /// Marks and numbers; [`LEFT_OUT`] where nothing is. At most half full.
    places: Vec<(u64, u32)>,
    filled: usize,
}

impl Table {
    fn new(key: u64) -> Table {
        Table { key, places: vec![(0, LEFT_OUT); 64], filled: 0 }
    }

    fn mark(&self, sealed: &SealedOrder, owner: Option<&Address>) -> u64 {
        let order: &Order = sealed.order();
        let mut mark = self.key;
        let mut mix = |word: u64| {
            let wide = u128::from(mark ^ word) * 0x9e37_79b9_7f4a_7c15;
            mark = (wide >> 64) as u64 ^ wide as u64;
        };
        for score in order.capacity.scores() {
            mix(score.value.rotate_left(u32::from(score.metric)) ^ u64::from(score.metric) << 48);
        }
        mix(u64::from(order.duration_min_s) << 32 | u64::from(order.duration_max_s));
        mix(u64::from(order.billed_min_s) << 32 | u64::from(order.flags.0));
        mix((sealed.identity as u64) << 8 | order.identity_min as u64);
        for address in order.excluded.iter().chain(owner).chain([&order.counterparty]) {
            let (head, tail) = address.0.split_first_chunk::<8>().expect("an address has 20 bytes");
            mix(u64::from_le_bytes(*head));
            mix(tail.iter().fold(0, |sum, &byte| sum << 5 ^ u64::from(byte)));
        }
        mark
    }

    /// The number under `mark` that `is_it`; `fresh` if there is none, which is then noted.
    fn find_or_add(&mut self, mark: u64, fresh: u32, is_it: impl Fn(u32) -> bool) -> u32 {
        if (self.filled + 1) * 2 > self.places.len() {
            self.grow();
        }
        let last = self.places.len() - 1;
        let mut at = mark as usize & last;
        while self.places[at].1 != LEFT_OUT {
            let (known, number) = self.places[at];
            if known == mark && is_it(number) {
                return number;
            }
            at = (at + 1) & last;
        }
        self.places[at] = (mark, fresh);
        self.filled += 1;
        fresh
    }

    fn grow(&mut self) {
        let size = self.places.len() * 2;
        let old = core::mem::replace(&mut self.places, vec![(0, LEFT_OUT); size]);
        for (mark, number) in old.into_iter().filter(|(_, number)| *number != LEFT_OUT) {
            let mut at = mark as usize & (size - 1);
            while self.places[at].1 != LEFT_OUT {
                at = (at + 1) & (size - 1);
            }
            self.places[at] = (mark, number);
        }
    }
}
