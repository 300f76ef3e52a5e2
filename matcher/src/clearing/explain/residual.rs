//! What one more lot of an order could take the place of: a search over classes, from whom fits whom and who serves whom.
//! Knows no limit but the price.

use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Ordering;

use protocol::Side;

use crate::clearing::prices::tie_key;
use crate::clearing::{Clearing, OrderAt};
use crate::sealed::grid::{self, Bits};
use crate::sealed::{Class, LEFT_OUT, SealedBook};
use crate::seed::Seed;

/// The residual graph of a clearing, as one order sees it. A path runs from bids to asks that fit them, and from asks to bids
/// that they serve; for an ask it is gone through backwards.
pub(super) struct Residual<'a> {
    book: &'a SealedBook,
    seed: Seed,
    own: OrderAt,
    /// Lots that trade.
    asks: Vec<u32>,
    bids: Vec<u32>,
    /// The bid classes that each ask class serves, and the reverse.
    serves: Vec<Vec<u32>>,
    served_by: Vec<Vec<u32>>,
    /// Where a path may end in each class: the order there that is beaten most easily.
    ask_ends: Vec<Option<OrderAt>>,
    bid_ends: Vec<Option<OrderAt>>,
}

/// Classes that are reached.
struct Reach {
    asks: Bits,
    bids: Bits,
}

impl<'a> Residual<'a> {
    pub fn of(book: &'a SealedBook, clearing: &Clearing, own: OrderAt) -> Residual<'a> {
        let (ask_classes, bid_classes) = (book.classes.asks.len(), book.classes.bids.len());
        let mut residual = Residual {
            book,
            seed: clearing.seed,
            own,
            asks: vec![0; book.asks.len()],
            bids: vec![0; book.bids.len()],
            serves: vec![Vec::new(); ask_classes],
            served_by: vec![Vec::new(); bid_classes],
            ask_ends: vec![None; ask_classes],
            bid_ends: vec![None; bid_classes],
        };
        let mut met: Vec<(u32, u32)> = Vec::with_capacity(clearing.pairs.len());
        for pair in &clearing.pairs {
            residual.asks[pair.ask as usize] += pair.lots;
            residual.bids[pair.bid as usize] += pair.lots;
            met.push((book.ask.class[pair.ask as usize], book.bid.class[pair.bid as usize]));
        }
        met.sort_unstable();
        met.dedup();
        for (ask, bid) in met {
            residual.serves[ask as usize].push(bid);
            residual.served_by[bid as usize].push(ask);
        }
        residual.ask_ends = residual.ends(Side::Ask);
        residual.bid_ends = residual.ends(Side::Bid);
        residual
    }

    /// Lots of an order that trade.
    pub fn traded(&self, OrderAt { side, place: order }: OrderAt) -> u32 {
        match side {
            Side::Ask => self.asks[order as usize],
            Side::Bid => self.bids[order as usize],
        }
    }

    /// An order's limit price.
    pub fn price(&self, OrderAt { side, place: order }: OrderAt) -> u128 {
        self.book.columns(side).price[order as usize]
    }

    /// Which of two orders is the easier to beat: for a bid the lower one, for an ask the higher one.
    pub fn ease(&self, a: OrderAt, b: OrderAt) -> Ordering {
        let key = |level| tie_key(self.book, &self.seed, level);
        let order = self.price(a).cmp(&self.price(b)).then_with(|| key(a).cmp(&key(b)));
        if self.own.side == Side::Bid { order } else { order.reverse() }
    }

    /// Whether the order would beat `end` at the same price. Its id, which parts equal ranks, changes with its price, so
    /// equal ranks are not won.
    pub fn ranks_before(&self, end: OrderAt) -> bool {
        let rank = |level| tie_key(self.book, &self.seed, level) >> 32;
        match self.own.side {
            Side::Bid => rank(self.own) > rank(end),
            Side::Ask => rank(self.own) < rank(end),
        }
    }

    /// The order that is the easiest to beat among all that one more lot could take the place of; `fits` are the classes of
    /// the other side that it may go to at once.
    pub fn marginal(&self, fits: &Bits) -> Option<OrderAt> {
        let none = self.nothing();
        let reach = match self.own.side {
            Side::Bid => self.down(Reach { asks: fits.clone(), ..none }),
            Side::Ask => self.up(Reach { bids: fits.clone(), ..none }),
        };
        let asks = self.ask_ends.iter().enumerate().filter(|(class, _)| grid::has(&reach.asks, *class));
        let bids = self.bid_ends.iter().enumerate().filter(|(class, _)| grid::has(&reach.bids, *class));
        asks.chain(bids).filter_map(|(_, end)| *end).min_by(|a, b| self.ease(*a, *b))
    }

    /// The classes of the other side from which the order would win one more lot at its own price, if only it fitted.
    pub fn beatable(&self) -> impl Iterator<Item = (usize, &Class)> {
        let is_beaten = |end: &Option<OrderAt>| end.is_some_and(|end| self.ease(end, self.own).is_lt());
        let mut from = self.nothing();
        let beaten = |ends: &[Option<OrderAt>]| {
            let beaten = ends.iter().enumerate().filter(|(_, end)| is_beaten(end));
            beaten.map(|(class, _)| class).collect::<Vec<_>>()
        };
        beaten(&self.ask_ends).into_iter().for_each(|class| grid::add(&mut from.asks, class));
        beaten(&self.bid_ends).into_iter().for_each(|class| grid::add(&mut from.bids, class));
        let (reached, classes) = match self.own.side {
            Side::Bid => (self.up(from).asks, &self.book.classes.asks),
            Side::Ask => (self.down(from).bids, &self.book.classes.bids),
        };
        classes.iter().enumerate().filter(move |(class, _)| grid::has(&reached, *class))
    }

    /// In each class of a side the order that is the easiest to beat: of the own side among those that trade, itself aside,
    /// of the other side among those that do not trade whole.
    fn ends(&self, side: Side) -> Vec<Option<OrderAt>> {
        let columns = self.book.columns(side);
        let classes = if side == Side::Ask { self.book.classes.asks.len() } else { self.book.classes.bids.len() };
        let mut ends: Vec<Option<OrderAt>> = vec![None; classes];
        for (&class, order) in columns.class.iter().zip(0..) {
            let level = OrderAt { side, place: order };
            let is_end = match side == self.own.side {
                true => level != self.own && self.traded(level) > 0,
                false => self.traded(level) < columns.lots[order as usize],
            };
            if is_end && class != LEFT_OUT {
                let end = &mut ends[class as usize];
                if end.is_none_or(|known| self.ease(level, known).is_lt()) {
                    *end = Some(level);
                }
            }
        }
        ends
    }

    fn nothing(&self) -> Reach {
        Reach { asks: grid::none(self.book.classes.asks.len()), bids: grid::none(self.book.classes.bids.len()) }
    }

    /// All that paths from these classes lead to.
    fn down(&self, mut reach: Reach) -> Reach {
        let mut bids = members(&reach.bids);
        let mut asks = members(&reach.asks);
        loop {
            if let Some(bid) = bids.pop() {
                let row = self.book.classes.fits.row(bid);
                for (at, (fit, known)) in row.iter().zip(&mut reach.asks).enumerate() {
                    let new = fit & !*known;
                    *known |= new;
                    asks.extend(grid::each(at, new));
                }
            } else if let Some(ask) = asks.pop() {
                for &bid in &self.serves[ask] {
                    if !grid::has(&reach.bids, bid as usize) {
                        grid::add(&mut reach.bids, bid as usize);
                        bids.push(bid as usize);
                    }
                }
            } else {
                return reach;
            }
        }
    }

    /// All from which paths lead to these classes.
    fn up(&self, mut reach: Reach) -> Reach {
        let mut new_asks = reach.asks.clone();
        let mut new_bids = members(&reach.bids);
        let mut rest: Vec<usize> =
            (0..self.book.classes.bids.len()).filter(|&bid| !grid::has(&reach.bids, bid)).collect();
        loop {
            for bid in new_bids.drain(..) {
                for &ask in &self.served_by[bid] {
                    if !grid::has(&reach.asks, ask as usize) {
                        grid::add(&mut reach.asks, ask as usize);
                        grid::add(&mut new_asks, ask as usize);
                    }
                }
            }
            rest.retain(|&bid| {
                let is_reached = grid::first_common(self.book.classes.fits.row(bid), &new_asks, 0).is_some();
                if is_reached {
                    grid::add(&mut reach.bids, bid);
                    new_bids.push(bid);
                }
                !is_reached
            });
            if new_bids.is_empty() {
                return reach;
            }
            new_asks.fill(0);
        }
    }
}

fn members(bits: &Bits) -> Vec<usize> {
    bits.iter().enumerate().flat_map(|(at, &word)| grid::each(at, word)).collect()
}
