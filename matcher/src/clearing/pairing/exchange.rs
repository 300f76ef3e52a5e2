//! Whether two classes may still trade lots with each other and leave a partner to everybody else.

use alloc::collections::BTreeSet;

use super::*;
use crate::sealed::grid::{self, Bits};

/// A flow between classes that serves all open lots, rearranged as pairs are fixed.
pub(super) struct Exchange<'a> {
    book: &'a SealedBook,
    /// What each ask class gives to which bid class, never zero lots.
    given: Given,
    /// The ask classes that give to each bid class.
    givers: Vec<BTreeSet<u32>>,
    /// Classes of different blocks do not trade with each other any more.
    ask_block: Vec<u32>,
    bid_block: Vec<u32>,
    /// The asks of each block that still give.
    block_asks: Vec<Bits>,
    /// From which ask class the running search reached each bid class.
    bid_from: Vec<u32>,
    /// From which bid class it reached each ask class.
    ask_from: Vec<u32>,
}

const NOT_REACHED: u32 = u32::MAX;

impl<'a> Exchange<'a> {
    pub fn new(book: &'a SealedBook, given: Given) -> Exchange<'a> {
        let (asks, bids) = (book.classes.asks.len(), book.classes.bids.len());
        let mut giving = grid::none(asks);
        let some = given.iter().enumerate().filter(|(_, given)| !given.is_empty());
        some.for_each(|(ask, _)| grid::add(&mut giving, ask));
        let mut givers = vec![BTreeSet::new(); bids];
        for (given, ask) in given.iter().zip(0..) {
            for &bid in given.keys() {
                givers[bid as usize].insert(ask);
            }
        }
        Exchange {
            book,
            given,
            givers,
            ask_block: vec![0; asks],
            bid_block: vec![0; bids],
            block_asks: vec![giving],
            bid_from: vec![NOT_REACHED; bids],
            ask_from: vec![NOT_REACHED; asks],
        }
    }

    /// Whether the classes are of one block.
    pub fn is_one_block(&self, ask: u32, bid: u32) -> bool {
        self.ask_block[ask as usize] == self.bid_block[bid as usize]
    }

    /// Whether the classes fit and are of one block.
    pub fn may_meet(&self, ask: u32, bid: u32) -> bool {
        self.is_one_block(ask, bid) && self.book.classes.fits.has(bid as usize, ask as usize)
    }

    /// Fixes as many of `wanted` lots as leave a partner to every other open lot; returns how many.
    pub fn trade(&mut self, ask: u32, bid: u32, wanted: u32) -> u32 {
        if !self.is_one_block(ask, bid) {
            return 0;
        }
        let mut flowing = self.lots(ask, bid);
        while flowing < u64::from(wanted) && self.divert((ask, bid), u64::from(wanted) - flowing) {
            flowing = self.lots(ask, bid);
        }
        let lots = flowing.min(wanted.into()) as u32;
        if lots > 0 {
            self.settle(ask, bid, lots);
        }
        lots
    }

    /// Fixes lots that flow from `ask` to `bid`.
    pub fn settle(&mut self, ask: u32, bid: u32, lots: u32) {
        self.take(ask, bid, lots.into());
        if self.given[ask as usize].is_empty() {
            let block = self.ask_block[ask as usize] as usize;
            grid::drop(&mut self.block_asks[block], ask as usize);
        }
    }

    /// Whether some lot could flow from `ask` to `bid`.
    pub fn could_trade(&mut self, ask: u32, bid: u32) -> bool {
        self.is_one_block(ask, bid) && (self.lots(ask, bid) > 0 || self.divert((ask, bid), 1))
    }

    /// Leads up to `wanted` more lots from `ask` to `bid`, giving others something else instead. If there is no way, what
    /// `ask` leads to is a block of its own from now on: its bids need all that its asks have.
    fn divert(&mut self, (ask, bid): (u32, u32), wanted: u64) -> bool {
        let block = self.ask_block[ask as usize];
        let mut unreached = self.block_asks[block as usize].clone();
        grid::drop(&mut unreached, ask as usize);
        let (mut asks, mut bids) = (vec![ask], Vec::new());
        let mut last = self.look(ask, (ask, bid), &mut bids);
        let mut next = 0;
        while let Some(&from) = bids.get(next).filter(|_| last.is_none()) {
            next += 1;
            let fits = &self.book.classes.fits;
            let mut word = 0;
            while let Some(reached) =
                grid::first_common(fits.row(from as usize), &unreached, word).filter(|_| last.is_none())
            {
                word = reached / 64;
                grid::drop(&mut unreached, reached);
                self.ask_from[reached] = from;
                asks.push(reached as u32);
                last = self.look(reached as u32, (ask, bid), &mut bids);
            }
        }
        if let Some(last) = last {
            let taker = *bids.last().expect("somebody lets go of an ask");
            self.ask_from[last as usize] = taker;
            asks.push(last);
        }
        match last {
            Some(last) => self.shift((ask, bid), last, wanted),
            None => self.part(block, &asks, &bids),
        }
        asks.iter().for_each(|&ask| self.ask_from[ask as usize] = NOT_REACHED);
        bids.iter().for_each(|&bid| self.bid_from[bid as usize] = NOT_REACHED);
        last.is_some()
    }

    /// Notes the bid classes that `from` gives to; returns an ask class other than `ask` that gives to `bid`, if the last one
    /// noted could take from it instead.
    fn look(&mut self, from: u32, (ask, bid): (u32, u32), bids: &mut Vec<u32>) -> Option<u32> {
        for &other in self.given[from as usize].keys() {
            if other == bid || self.bid_from[other as usize] != NOT_REACHED {
                continue;
            }
            self.bid_from[other as usize] = from;
            bids.push(other);
            let row = self.book.classes.fits.row(other as usize);
            let givers = self.givers[bid as usize].iter();
            let found = givers.copied().find(|&giver| giver != ask && grid::has(row, giver as usize));
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Moves lots along the way from `last`, which gives to `bid`, back to `ask`.
    fn shift(&mut self, (ask, bid): (u32, u32), last: u32, wanted: u64) {
        // Each giver with the bid class that lets go of it.
        let mut way = vec![(last, bid)];
        let mut giver = last;
        while giver != ask {
            let taker = self.ask_from[giver as usize];
            giver = self.bid_from[taker as usize];
            way.push((giver, taker));
        }
        let held = way.iter().map(|&(giver, taker)| self.lots(giver, taker));
        let lots = held.min().unwrap_or(0).min(wanted);
        for step in way.windows(2) {
            self.give(step[0].0, step[1].1, lots);
        }
        for &(giver, taker) in &way {
            self.take(giver, taker, lots);
        }
        self.give(ask, bid, lots);
    }

    /// What was reached becomes a block.
    fn part(&mut self, block: u32, asks: &[u32], bids: &[u32]) {
        let fresh = self.block_asks.len() as u32;
        let mut own = grid::none(self.ask_block.len());
        for &ask in asks {
            self.ask_block[ask as usize] = fresh;
            grid::drop(&mut self.block_asks[block as usize], ask as usize);
            grid::add(&mut own, ask as usize);
        }
        bids.iter().for_each(|&bid| self.bid_block[bid as usize] = fresh);
        self.block_asks.push(own);
    }

    fn lots(&self, ask: u32, bid: u32) -> u64 {
        self.given[ask as usize].get(&bid).copied().unwrap_or(0)
    }

    fn give(&mut self, ask: u32, bid: u32, lots: u64) {
        *self.given[ask as usize].entry(bid).or_default() += lots;
        self.givers[bid as usize].insert(ask);
    }

    fn take(&mut self, ask: u32, bid: u32, lots: u64) {
        let given = &mut self.given[ask as usize];
        let held = given.get_mut(&bid).expect("lots are taken only from where they flow");
        *held -= lots;
        if *held == 0 {
            given.remove(&bid);
            self.givers[bid as usize].remove(&ask);
        }
    }
}
