//! Whether given pairs are the ones that the rule makes, without making them: every pair that did not trade, or might have
//! traded more, must have met a side that was served already, or must have taken from others what they cannot do without.

use super::tree::{Cells, Group, compact};
use super::*;

/// What is known of a seat from its trades: at which node it is served, and after which pair there.
#[derive(Clone, Copy)]
struct Served {
    bits: u32,
    key: (u64, u32, u32),
}

/// A trade between two seats.
#[derive(Clone, Copy)]
struct Trade {
    bits: u32,
    key: (u64, u32, u32),
    lots: u32,
}

/// The tree once more, with the trades already known.
pub(super) struct Replay<'a> {
    asks: Vec<Seat>,
    bids: Vec<Seat>,
    ask_served: Vec<Served>,
    bid_served: Vec<Served>,
    /// By bid; those of bid `n` begin at `first_trade[n]`.
    trades: Vec<Trade>,
    first_trade: Vec<usize>,
    asks_left: Vec<u32>,
    bids_left: Vec<u32>,
    exchange: Exchange<'a>,
    /// Trades of a node, and pairs of it that met two open sides: the latter have no lots.
    met: Vec<((u64, u32, u32), bool, u32)>,
}

impl<'a> Replay<'a> {
    pub fn new(book: &SealedBook, (asks, bids): (Vec<Seat>, Vec<Seat>), met: &[Met], exchange: Exchange<'a>) -> Self {
        let (ask_at, bid_at) = (positions(&asks, book.asks.len()), positions(&bids, book.bids.len()));
        let mut trades: Vec<Trade> = Vec::with_capacity(met.len());
        for met in met {
            let (ask, bid) = (ask_at[met.ask as usize], bid_at[met.bid as usize]);
            let (offer, wish) = (asks[ask as usize].rank, bids[bid as usize].rank);
            let apart = u64::BITS - (offer ^ wish).leading_zeros();
            trades.push(Trade { bits: tree::node_bits(apart), key: (hash(offer, wish), ask, bid), lots: met.lots });
        }
        trades.sort_unstable_by_key(|trade| trade.key.2);
        let never = Served { bits: 0, key: (0, 0, 0) };
        let (mut ask_served, mut bid_served) = (vec![never; asks.len()], vec![never; bids.len()]);
        let mut first_trade = vec![trades.len(); bids.len() + 1];
        for (at, trade) in trades.iter().enumerate().rev() {
            first_trade[trade.key.2 as usize] = at;
            let sides = [&mut ask_served[trade.key.1 as usize], &mut bid_served[trade.key.2 as usize]];
            for served in sides.into_iter().filter(|served| (served.bits, served.key) <= (trade.bits, trade.key)) {
                *served = Served { bits: trade.bits, key: trade.key };
            }
        }
        let (asks_left, bids_left) = (Vec::new(), Vec::new());
        let met = Vec::new();
        Replay { asks, bids, ask_served, bid_served, trades, first_trade, asks_left, bids_left, exchange, met }
    }

    /// Goes through the tree; the places of an ask and a bid that should have traded, or traded more, if there are any.
    pub fn check(mut self) -> Result<(), (u32, u32)> {
        let all = tree::Node { asks: (0, self.asks.len()), bids: (0, self.bids.len()) };
        self.visit(all, u64::BITS)
    }

    fn visit(&mut self, node: tree::Node, bits: u32) -> Result<(), (u32, u32)> {
        let left = (self.asks_left.len(), self.bids_left.len());
        if node.is_leaf(bits) {
            self.asks_left.extend(node.asks.0 as u32..node.asks.1 as u32);
            self.bids_left.extend(node.bids.0 as u32..node.bids.1 as u32);
        } else {
            let mut rest = node;
            while let Some(child) = rest.next_child((&self.asks, &self.bids), bits - tree::DIGIT) {
                self.visit(child, bits - tree::DIGIT)?;
            }
        }
        if self.asks_left.len() > left.0 && self.bids_left.len() > left.1 {
            self.meet(left, bits)?;
        }
        let is_open = |served: &[Served], at: u32| served[at as usize].bits > bits;
        compact(&mut self.asks_left, left.0, |at| is_open(&self.ask_served, at));
        compact(&mut self.bids_left, left.1, |at| is_open(&self.bid_served, at));
        Ok(())
    }

    fn meet(&mut self, (asks, bids): (usize, usize), bits: u32) -> Result<(), (u32, u32)> {
        self.met.clear();
        for &bid in &self.bids_left[bids..] {
            let own = self.first_trade[bid as usize]..self.trades.len();
            let own = self.trades[own].iter().take_while(|trade| trade.key.2 == bid);
            self.met.extend(own.filter(|trade| trade.bits == bits).map(|trade| (trade.key, false, trade.lots)));
        }
        let lists = (&mut self.asks_left[asks..], &mut self.bids_left[bids..]);
        let cells = Cells::of((lists, asks, bids), (&self.asks, &self.bids), &self.exchange);
        self.gather(&cells, bits);
        let mut met = core::mem::take(&mut self.met);
        met.sort_unstable();
        for &((_, ask, bid), is_question, lots) in &met {
            let (offer, wish) = (&self.asks[ask as usize], &self.bids[bid as usize]);
            if is_question {
                if self.exchange.could_trade(offer.class, wish.class) {
                    return Err((offer.place, wish.place));
                }
            } else {
                self.exchange.settle(offer.class, wish.class, lots);
            }
        }
        self.met = met;
        Ok(())
    }

    /// Collects the pairs that part here, may meet, and found both sides open.
    fn gather(&mut self, cells: &Cells, bits: u32) {
        let at_node = |served: &Served| if served.bits == bits { served.key } else { (u64::MAX, u32::MAX, u32::MAX) };
        let list = |left: &[u32], group: &Group| left[group.first..group.end].to_vec();
        for &(asks, bids) in &cells.pairs {
            let asks = list(&self.asks_left, &cells.asks[asks as usize]);
            let ask_ends: Vec<_> = asks.iter().map(|&ask| at_node(&self.ask_served[ask as usize])).collect();
            let bids = &cells.bids[bids as usize];
            for &bid in &self.bids_left[bids.first..bids.end] {
                let own = self.bids[bid as usize].rank;
                let own_end = at_node(&self.bid_served[bid as usize]);
                for (&ask, &end) in asks.iter().zip(&ask_ends) {
                    let other = self.asks[ask as usize].rank;
                    let hash = hash(other, own);
                    if hash > own_end.0 || hash > end.0 || !tree::is_apart(other, own, bits) {
                        continue;
                    }
                    if (hash, ask, bid) < own_end.min(end) {
                        self.met.push(((hash, ask, bid), true, 0));
                    }
                }
            }
        }
    }
}

/// Where each order sits, by place.
fn positions(seats: &[Seat], orders: usize) -> Vec<u32> {
    let mut positions = vec![u32::MAX; orders];
    for (seat, at) in seats.iter().zip(0..) {
        positions[seat.place as usize] = at;
    }
    positions
}
