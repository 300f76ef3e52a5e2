//! Whether two classes may still trade lots with each other and leave a partner to everybody else.

use super::*;
use crate::sealed::grid::{self, Bits};

/// A flow between classes that serves all open lots, rearranged as pairs are fixed.
pub(super) struct Exchange<'a> {
    book: &'a SealedBook,
    /// What each ask class gives to whom: bid class and lots, never zero.
    given: Vec<Vec<(u32, u64)>>,
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
    pub fn new(book: &'a SealedBook, given: Vec<Vec<(u32, u64)>>) -> Exchange<'a> {
        let (asks, bids) = (book.classes.asks.len(), book.classes.bids.len());
        let mut giving = grid::none(asks);
        let givers = given.iter().enumerate().filter(|(_, given)| !given.is_empty());
        givers.for_each(|(ask, _)| grid::add(&mut giving, ask));
        Exchange {
            book,
            given,
            ask_block: vec![0; asks],
            bid_block: vec![0; bids],
            block_asks: vec![giving],
            bid_from: vec![NOT_REACHED; bids],
            ask_from: vec![NOT_REACHED; asks],
        }
    }

    /// Whether the classes fit and are of one block.
    pub fn may_meet(&self, ask: u32, bid: u32) -> bool {
        self.ask_block[ask as usize] == self.bid_block[bid as usize]
            && self.book.classes.fits.has(bid as usize, ask as usize)
    }

    /// Fixes as many of `wanted` lots as leave a partner to every other open lot; returns how many.
    pub fn trade(&mut self, ask: u32, bid: u32, wanted: u32) -> u32 {
        if self.ask_block[ask as usize] != self.bid_block[bid as usize] {
            return 0;
        }
        let mut flowing = self.lots(ask, bid);
        while flowing < u64::from(wanted) && self.divert((ask, bid), u64::from(wanted) - flowing) {
            flowing = self.lots(ask, bid);
        }
        let lots = flowing.min(wanted.into()) as u32;
        if lots > 0 {
            self.take(ask, bid, lots.into());
            if self.given[ask as usize].is_empty() {
                let block = self.ask_block[ask as usize] as usize;
                grid::drop(&mut self.block_asks[block], ask as usize);
            }
        }
        lots
    }

    /// Leads up to `wanted` more lots from `ask` to `bid`, giving others something else instead. If there is no way, what
    /// `ask` leads to is a block of its own from now on: its bids need all that its asks have.
    fn divert(&mut self, (ask, bid): (u32, u32), wanted: u64) -> bool {
        let block = self.ask_block[ask as usize];
        let mut unreached = self.block_asks[block as usize].clone();
        grid::drop(&mut unreached, ask as usize);
        let (mut asks, mut bids) = (vec![ask], Vec::new());
        let mut last = None;
        let mut next = 0;
        'search: while let Some(&from) = asks.get(next) {
            next += 1;
            for &(other, _) in &self.given[from as usize] {
                if other == bid && from != ask {
                    last = Some(from);
                    break 'search;
                }
                if other == bid || self.bid_from[other as usize] != NOT_REACHED {
                    continue;
                }
                self.bid_from[other as usize] = from;
                bids.push(other);
                let row = self.book.classes.fits.row(other as usize);
                for (at, (fit, left)) in row.iter().zip(&mut unreached).enumerate() {
                    let new = fit & *left;
                    *left &= !new;
                    for reached in grid::each(at, new) {
                        self.ask_from[reached] = other;
                        asks.push(reached as u32);
                    }
                }
            }
        }
        match last {
            Some(last) => self.shift((ask, bid), last, wanted),
            None => self.part(block, &asks, &bids),
        }
        asks.iter().for_each(|&ask| self.ask_from[ask as usize] = NOT_REACHED);
        bids.iter().for_each(|&bid| self.bid_from[bid as usize] = NOT_REACHED);
        last.is_some()
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
        self.given[ask as usize].iter().find(|part| part.0 == bid).map_or(0, |part| part.1)
    }

    fn give(&mut self, ask: u32, bid: u32, lots: u64) {
        let given = &mut self.given[ask as usize];
        match given.iter_mut().find(|part| part.0 == bid) {
            Some(part) => part.1 += lots,
            None => given.push((bid, lots)),
        }
    }

    fn take(&mut self, ask: u32, bid: u32, lots: u64) {
        let given = &mut self.given[ask as usize];
        let at = given.iter().position(|part| part.0 == bid).expect("lots are taken only from where they flow");
        given[at].1 -= lots;
        if given[at].1 == 0 {
            given.swap_remove(at);
        }
    }
}
