//! `explain`: why an order did not trade, or not whole, and the smallest single change with which it would have. Reads a
//! sealed book and its clearing; clears nothing again.

use alloc::vec::Vec;

use protocol::{Address, Hash, OrderRef, Price, Side};
use serde::{Deserialize, Serialize};

use super::{Clearing, OrderAt};
use crate::sealed::grid::{self, Bits};
use crate::sealed::{LEFT_OUT, SealedBook};

mod change;
mod obstacles;
mod residual;

pub use change::Change;
pub use obstacles::{Closest, Miss, Obstacle, What};

use residual::Residual;

/// Orders that are named as holding what an order wanted; the rest are only counted.
const HOLDERS_MAX: usize = 8;

/// What became of an order in one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The epoch.
    pub epoch: u64,
    /// The order.
    pub order: Hash,
    /// Its side.
    pub side: Side,
    /// Its limit price.
    pub price: Price,
    /// Lots that were open.
    pub lots: u32,
    /// Lots that traded.
    pub traded: u32,
    /// With whom.
    pub partners: Vec<Partner>,
    /// Orders of the other side that it fits, price aside.
    pub fitting: Fitting,
    /// Why no more lots traded.
    pub why: Why,
    /// What stands between it and the orders that it does not fit, by kind.
    pub obstacles: Vec<Obstacle>,
    /// Of these orders the one that it misses least.
    pub closest: Option<Closest>,
    /// The smallest single change with which it would have traded at least one lot more: the price, if that alone
    /// suffices; else the one number whose change is the least part of the larger of old and new; else flags, identity level,
    /// an exclusion, the counterparty, in this order.
    pub change: Option<Change>,
}

/// Lots that met an order's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partner {
    /// The lots of the other side.
    pub lots: OrderRef,
    /// Price of one lot for one second.
    pub price: Price,
}

/// How much of the other side an order fits, price aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fitting {
    /// Orders.
    pub orders: u32,
    /// Their lots.
    pub lots: u64,
}

/// Another order of the book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Its id.
    pub order: Hash,
    /// Its side.
    pub side: Side,
    /// Its owner.
    pub owner: Address,
    /// Its limit price.
    pub price: Price,
}

/// Why no more lots of an order traded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Why {
    /// All of them traded.
    Whole,
    /// There were more kinds of orders than one epoch clears, and this one's was left out.
    LeftOut,
    /// The other side of the book is empty.
    Alone,
    /// No order of the other side fits; see the obstacles.
    Unfit,
    /// It has every lot that it fits.
    Scarce,
    /// Others pay more or take less.
    Price(Rivalry),
    /// The price is the market's, but another order of the same price ranks before it.
    Tie(Rivalry),
}

/// What an order would have had to beat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rivalry {
    /// The lowest price at which the bid would have won one more lot, the highest at which the ask would have sold one;
    /// `None` if no price that an order may name would do.
    pub needed: Option<Price>,
    /// The order that sets this price: for a bid the weakest bid that it could have replaced, or the cheapest ask that
    /// would have been left for it; for an ask the dearest ask, or the best bid. It need not meet this order itself: others
    /// may make room for it.
    pub marginal: Party,
    /// Orders of its own side that hold lots which fit it, the nearest to its price first, at most eight.
    pub holders: Vec<Party>,
    /// How many there are.
    pub holders_in_all: u32,
}

/// What became of the order `id` in `clearing`, which is the one of `book`; `None` if the book does not hold it. Takes time
/// for every order and match once, and for every pair of classes that an exchange may lead through: less than a clearing.
///
/// Who trades is a maximum-weight basis of a transversal matroid: every ask lot holds either a bid lot that fits it or
/// itself, unsold; weights are places in the total order of `winners`. Such a basis takes one more lot of an
/// order exactly if a residual path leads from the order to a lot that stands lower than it (a bid that wins less dearly,
/// an ask that is unsold and cheaper), and the path goes through classes alone. That is the exchange property, and it holds
/// whatever is changed in one order; so what is said here of "would have traded" is exact, not a guess:
///
/// - at [`Change::Price`] the order trades at least one lot more than it did, and at a price one wei less (bid) or more (ask)
///   it does not, unless no order may name that price;
/// - with any other [`Change`] it trades at least one lot more, at its own price;
/// - without a change, no other value of any one field would have made it trade more.
///
/// All else being equal: the same orders, the same seed, and no class left out of the book. The number of lots is no field
/// to change, since an order that trades in part never trades for want of lots.
pub fn explain(book: &SealedBook, clearing: &Clearing, id: &Hash) -> Option<Explanation> {
    let (side, at) = book.find(id)?;
    Some(Case::of(book, clearing, OrderAt { side, place: at as u32 }).explain())
}

/// An order to be explained.
struct Case<'a> {
    book: &'a SealedBook,
    clearing: &'a Clearing,
    own: OrderAt,
    residual: Residual<'a>,
    /// The classes of the other side that it fits, price aside.
    fits: Bits,
}

impl<'a> Case<'a> {
    fn of(book: &'a SealedBook, clearing: &'a Clearing, own: OrderAt) -> Case<'a> {
        let fits = fits(book, own);
        Case { book, clearing, own, residual: Residual::of(book, clearing, own), fits }
    }

    fn explain(self) -> Explanation {
        let columns = self.book.columns(self.own.side);
        let at = self.own.place as usize;
        let (lots, traded) = (columns.lots[at], self.residual.traded(self.own));
        let is_out = columns.class[at] == LEFT_OUT;
        let why = self.why(lots == traded, is_out);
        let change = match &why {
            Why::Whole | Why::LeftOut | Why::Alone => None,
            Why::Price(rivalry) | Why::Tie(rivalry) if rivalry.needed.is_some() => {
                rivalry.needed.map(|price| Change::Price { price })
            }
            Why::Price(_) | Why::Tie(_) | Why::Scarce | Why::Unfit => self.smallest_field(),
        };
        let (obstacles, closest) = obstacles::between(self.book, self.own);
        Explanation {
            epoch: self.book.epoch,
            order: self.book.side(self.own.side)[at].head.id,
            side: self.own.side,
            price: Price(columns.price[at]),
            lots,
            traded,
            partners: self.partners(),
            fitting: self.fitting(),
            why,
            obstacles,
            closest,
            change,
        }
    }

    fn why(&self, is_whole: bool, is_out: bool) -> Why {
        if is_whole {
            return Why::Whole;
        }
        if is_out {
            return Why::LeftOut;
        }
        if self.book.side(other(self.own.side)).is_empty() {
            return Why::Alone;
        }
        if self.fits.iter().all(|word| *word == 0) {
            return Why::Unfit;
        }
        let Some(marginal) = self.residual.marginal(&self.fits) else { return Why::Scarce };
        let (holders, holders_in_all) = self.holders();
        let needed = self.needed(marginal);
        let rivalry = Rivalry { needed, marginal: self.party(marginal), holders, holders_in_all };
        let price = self.book.columns(self.own.side).price[self.own.place as usize];
        match marginal.side == self.own.side && rivalry.marginal.price == Price(price) {
            true => Why::Tie(rivalry),
            false => Why::Price(rivalry),
        }
    }

    /// The price at which the order just beats `marginal`: the same if it ranks better, else one wei more or less.
    fn needed(&self, marginal: OrderAt) -> Option<Price> {
        let price = self.residual.price(marginal);
        let is_before = self.residual.ranks_before(marginal);
        let order = self.book.side(self.own.side)[self.own.place as usize].order();
        // No order names a higher price: the longest deal could not be paid.
        let most = u128::MAX / u128::from(order.lots) / u128::from(protocol::order::DURATION_MAX_S);
        let needed = match (is_before, self.own.side) {
            (true, Side::Bid) => price,
            (false, Side::Bid) => price.checked_add(1)?,
            (true, Side::Ask) => price.min(most),
            (false, Side::Ask) => price.checked_sub(1)?.min(most),
        };
        (1..=most).contains(&needed).then_some(Price(needed))
    }

    /// The smallest change of a field other than the price.
    fn smallest_field(&self) -> Option<Change> {
        let sealed = &self.book.side(self.own.side)[self.own.place as usize];
        let others = self.book.side(other(self.own.side));
        let mut smallest: Option<Change> = None;
        for (class, orders) in self.residual.beatable() {
            debug_assert!(!grid::has(&self.fits, class), "an order that fits a beatable class trades");
            let facing = &others[orders.first as usize];
            if let [miss] = &obstacles::misses(sealed, facing)[..]
                && let Some(change) = Change::over(miss, sealed.order(), facing)
                && smallest.as_ref().is_none_or(|known| change.is_smaller(known, sealed.order()))
            {
                smallest = Some(change);
            }
        }
        smallest
    }

    fn partners(&self) -> Vec<Partner> {
        let is_own = |pair: &&super::Pair| match self.own.side {
            Side::Ask => pair.ask == self.own.place,
            Side::Bid => pair.bid == self.own.place,
        };
        let partner = |pair: &super::Pair| Partner {
            lots: match self.own.side {
                Side::Ask => self.book.bids[pair.bid as usize].lots(pair.bid_lot, pair.lots),
                Side::Bid => self.book.asks[pair.ask as usize].lots(pair.ask_lot, pair.lots),
            },
            price: pair.price,
        };
        self.clearing.pairs.iter().filter(is_own).map(partner).collect()
    }

    fn fitting(&self) -> Fitting {
        let columns = self.book.columns(other(self.own.side));
        let mut fitting = Fitting::default();
        for (&class, &lots) in columns.class.iter().zip(&columns.lots) {
            if class != LEFT_OUT && grid::has(&self.fits, class as usize) {
                fitting = Fitting { orders: fitting.orders + 1, lots: fitting.lots + u64::from(lots) };
            }
        }
        fitting
    }

    /// Who of its own side holds what fits it: some, and how many.
    fn holders(&self) -> (Vec<Party>, u32) {
        let facing = &self.book.columns(other(self.own.side)).class;
        let mut holders: Vec<OrderAt> = Vec::new();
        for pair in &self.clearing.pairs {
            let (own, other) = match self.own.side {
                Side::Ask => (pair.ask, pair.bid),
                Side::Bid => (pair.bid, pair.ask),
            };
            if own != self.own.place && grid::has(&self.fits, facing[other as usize] as usize) {
                holders.push(OrderAt { side: self.own.side, place: own });
            }
        }
        holders.sort_unstable();
        holders.dedup();
        let in_all = holders.len() as u32;
        holders.sort_by(|a, b| self.residual.ease(*a, *b));
        holders.truncate(HOLDERS_MAX);
        (holders.into_iter().map(|holder| self.party(holder)).collect(), in_all)
    }

    fn party(&self, OrderAt { side, place: order }: OrderAt) -> Party {
        let sealed = &self.book.side(side)[order as usize];
        Party { order: sealed.head.id, side, owner: sealed.order().owner, price: sealed.order().price }
    }
}

/// The classes of the other side that an order fits; none if its own is left out.
fn fits(book: &SealedBook, own: OrderAt) -> Bits {
    let classes = &book.classes;
    let class = book.columns(own.side).class[own.place as usize];
    match own.side {
        Side::Bid if class != LEFT_OUT => classes.fits.row(class as usize).to_vec(),
        Side::Ask if class != LEFT_OUT => {
            let mut column = grid::none(classes.bids.len());
            let fitting = (0..classes.bids.len()).filter(|&bid| classes.fits.has(bid, class as usize));
            fitting.for_each(|bid| grid::add(&mut column, bid));
            column
        }
        Side::Bid => grid::none(classes.asks.len()),
        Side::Ask => grid::none(classes.bids.len()),
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::Ask => Side::Bid,
        Side::Bid => Side::Ask,
    }
}
