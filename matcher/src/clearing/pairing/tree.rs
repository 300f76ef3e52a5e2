//! The tree of ranks: who is tried with whom, and in which order.

use super::*;

/// Bits of a rank that one step down the tree tells apart.
const DIGIT: u32 = 4;
/// A node's pairs are gone through in batches of ascending hashes; in the first batch each order of the longer side has
/// about so many. Where batches end changes nothing but the time.
const CANDIDATES: u64 = 4;

/// Winners by rank, and what became of them.
pub(super) struct Tree<'a> {
    asks: Vec<Seat>,
    bids: Vec<Seat>,
    /// Seats with open lots in the nodes that are being gone through, by rank; a node's are the last ones.
    asks_left: Vec<u32>,
    bids_left: Vec<u32>,
    exchange: Exchange<'a>,
    met: Vec<Met>,
    tried: Vec<(u64, u32, u32)>,
}

/// Seats `first..end` of both sides.
#[derive(Clone, Copy)]
struct Node {
    asks: (usize, usize),
    bids: (usize, usize),
}

impl<'a> Tree<'a> {
    pub fn new(asks: Vec<Seat>, bids: Vec<Seat>, exchange: Exchange<'a>) -> Tree<'a> {
        let met = Vec::with_capacity(asks.len().max(bids.len()));
        Tree { asks, bids, asks_left: Vec::new(), bids_left: Vec::new(), exchange, met, tried: Vec::new() }
    }

    /// Pairs all.
    pub fn pair(mut self) -> Vec<Met> {
        let all = Node { asks: (0, self.asks.len()), bids: (0, self.bids.len()) };
        self.visit(all, u64::BITS);
        let is_done = |seats: &[Seat]| seats.iter().all(|seat| seat.lots == 0);
        assert!(is_done(&self.asks) && is_done(&self.bids), "every winner trades whole");
        self.met
    }

    /// Goes through a node whose ranks differ in the last `bits` bits only, its children first.
    fn visit(&mut self, node: Node, bits: u32) {
        let left = (self.asks_left.len(), self.bids_left.len());
        let is_one_sided = node.asks.0 == node.asks.1 || node.bids.0 == node.bids.1;
        if is_one_sided || bits == 0 {
            self.asks_left.extend(node.asks.0 as u32..node.asks.1 as u32);
            self.bids_left.extend(node.bids.0 as u32..node.bids.1 as u32);
        } else {
            self.visit_children(node, bits - DIGIT);
        }
        if !is_one_sided {
            self.meet(left, bits);
        }
    }

    fn visit_children(&mut self, node: Node, bits: u32) {
        let mut rest = node;
        loop {
            let digit =
                |seats: &[Seat], (first, end): (usize, usize)| seats[first..end].first().map(|s| s.rank >> bits);
            let digits = (digit(&self.asks, rest.asks), digit(&self.bids, rest.bids));
            let Some(digit) = digits.0.into_iter().chain(digits.1).min() else { return };
            let end = |seats: &[Seat], (first, end): (usize, usize)| {
                first + seats[first..end].partition_point(|seat| seat.rank >> bits <= digit)
            };
            let ends = (end(&self.asks, rest.asks), end(&self.bids, rest.bids));
            self.visit(Node { asks: (rest.asks.0, ends.0), bids: (rest.bids.0, ends.1) }, bits);
            (rest.asks.0, rest.bids.0) = ends;
        }
    }

    /// Tries every pair of open seats that part at this node.
    fn meet(&mut self, (asks, bids): (usize, usize), bits: u32) {
        let longer = (self.asks_left.len() - asks).max(self.bids_left.len() - bids) as u64;
        let (mut below, mut bound) = (0, (u64::MAX / longer.max(1)).saturating_mul(CANDIDATES));
        while self.asks_left.len() > asks && self.bids_left.len() > bids {
            self.gather((asks, bids), bits, (below, bound));
            let mut tried = core::mem::take(&mut self.tried);
            tried.sort_unstable();
            tried.drain(..).for_each(|(_, ask, bid)| self.attempt(ask as usize, bid as usize));
            self.tried = tried;
            retain_open(&mut self.asks_left, asks, &self.asks);
            retain_open(&mut self.bids_left, bids, &self.bids);
            if bound == u64::MAX {
                return;
            }
            (below, bound) = (bound + 1, bound.saturating_mul(8));
        }
    }

    /// Collects the pairs that part here, may meet, and have hashes from `below` up to `bound`.
    fn gather(&mut self, (asks, bids): (usize, usize), bits: u32, (below, bound): (u64, u64)) {
        // Ranks that are equal to the last digit part nowhere but here.
        let digit = bits.saturating_sub(DIGIT);
        for &bid in &self.bids_left[bids..] {
            let own = &self.bids[bid as usize];
            for &ask in &self.asks_left[asks..] {
                let other = &self.asks[ask as usize];
                let hash = mixed(own.rank ^ other.rank.rotate_left(32));
                let is_apart = (own.rank ^ other.rank) >> digit != 0 || bits == 0;
                if (below..=bound).contains(&hash) && is_apart && self.exchange.may_meet(other.class, own.class) {
                    self.tried.push((hash, ask, bid));
                }
            }
        }
    }

    fn attempt(&mut self, ask: usize, bid: usize) {
        let (offer, wish) = (&mut self.asks[ask], &mut self.bids[bid]);
        let lots = offer.lots.min(wish.lots);
        if lots == 0 {
            return;
        }
        let lots = self.exchange.trade(offer.class, wish.class, lots);
        if lots > 0 {
            offer.lots -= lots;
            wish.lots -= lots;
            self.met.push(Met { ask: offer.place, bid: wish.place, lots });
        }
    }
}

fn retain_open(left: &mut Vec<u32>, from: usize, seats: &[Seat]) {
    let mut kept = from;
    for at in from..left.len() {
        if seats[left[at] as usize].lots > 0 {
            left[kept] = left[at];
            kept += 1;
        }
    }
    left.truncate(kept);
}
