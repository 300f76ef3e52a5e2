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
        if self.asks_left.len() > left.0 && self.bids_left.len() > left.1 {
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
        let mut cells = self.cells((asks, bids));
        // Ranks that are equal to the last digit part nowhere but here.
        let digit = if bits == 0 { None } else { Some(bits - DIGIT) };
        let longer = (self.asks_left.len() - asks).max(self.bids_left.len() - bids) as u64;
        let pairs =
            cells.pairs.iter().map(|(ask, bid)| cells.asks[*ask as usize].len() * cells.bids[*bid as usize].len());
        let each = (pairs.map(|pairs| pairs as u64).sum::<u64>() / longer).max(1);
        let (mut below, mut bound) = (0, (u64::MAX / each).saturating_mul(CANDIDATES));
        loop {
            self.gather(&cells, digit, (below, bound));
            let mut tried = core::mem::take(&mut self.tried);
            tried.sort_unstable();
            tried.drain(..).for_each(|(_, ask, bid)| self.attempt(ask as usize, bid as usize));
            self.tried = tried;
            if bound == u64::MAX {
                break;
            }
            cells.asks.iter_mut().for_each(|group| retain_open(&mut self.asks_left, group, &self.asks));
            cells.bids.iter_mut().for_each(|group| retain_open(&mut self.bids_left, group, &self.bids));
            let exchange = &self.exchange;
            cells.pairs.retain(|&(ask, bid)| {
                let (ask, bid) = (&cells.asks[ask as usize], &cells.bids[bid as usize]);
                !ask.is_empty() && !bid.is_empty() && exchange.is_one_block(ask.class, bid.class)
            });
            if cells.pairs.is_empty() {
                break;
            }
            (below, bound) = (bound + 1, bound.saturating_mul(8));
        }
        let is_open = |seats: &[Seat], at: u32| seats[at as usize].lots > 0;
        compact(&mut self.asks_left, asks, |at| is_open(&self.asks, at));
        compact(&mut self.bids_left, bids, |at| is_open(&self.bids, at));
    }

    /// Groups the open seats of a node by class, and the groups that may meet.
    fn cells(&mut self, (asks, bids): (usize, usize)) -> Cells {
        self.asks_left[asks..].sort_unstable_by_key(|&at| self.asks[at as usize].class);
        self.bids_left[bids..].sort_unstable_by_key(|&at| self.bids[at as usize].class);
        let asks = groups(&self.asks_left, asks, &self.asks);
        let bids = groups(&self.bids_left, bids, &self.bids);
        let mut pairs = Vec::new();
        for (bid, at) in bids.iter().zip(0..) {
            let may_meet = |ask: &Group| self.exchange.may_meet(ask.class, bid.class);
            pairs.extend(asks.iter().zip(0..).filter(|(ask, _)| may_meet(ask)).map(|(_, ask)| (ask, at)));
        }
        Cells { asks, bids, pairs }
    }

    /// Collects the pairs that part here, may meet, and have hashes from `below` up to `bound`. With no `digit`, all part.
    fn gather(&mut self, cells: &Cells, digit: Option<u32>, (below, bound): (u64, u64)) {
        for &(asks, bids) in &cells.pairs {
            let (asks, bids) = (&cells.asks[asks as usize], &cells.bids[bids as usize]);
            for &bid in &self.bids_left[bids.first..bids.end] {
                let own = self.bids[bid as usize].rank;
                for &ask in &self.asks_left[asks.first..asks.end] {
                    let other = self.asks[ask as usize].rank;
                    let hash = mixed(own ^ other.rotate_left(32));
                    let is_apart = digit.is_none_or(|digit| (own ^ other) >> digit != 0);
                    if below <= hash && hash <= bound && is_apart {
                        self.tried.push((hash, ask, bid));
                    }
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

/// The open seats of one class in a node: `first..end` of the list.
struct Group {
    class: u32,
    first: usize,
    end: usize,
}

impl Group {
    fn len(&self) -> usize {
        self.end - self.first
    }

    fn is_empty(&self) -> bool {
        self.first == self.end
    }
}

/// The groups of a node, and which of them may meet: ask group, bid group.
struct Cells {
    asks: Vec<Group>,
    bids: Vec<Group>,
    pairs: Vec<(u32, u32)>,
}

fn groups(left: &[u32], from: usize, seats: &[Seat]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (at, &seat) in left.iter().enumerate().skip(from) {
        let class = seats[seat as usize].class;
        match groups.last_mut().filter(|group| group.class == class) {
            Some(group) => group.end = at + 1,
            None => groups.push(Group { class, first: at, end: at + 1 }),
        }
    }
    groups
}

/// Drops closed seats from a group.
fn retain_open(left: &mut [u32], group: &mut Group, seats: &[Seat]) {
    let mut kept = group.first;
    for at in group.first..group.end {
        if seats[left[at] as usize].lots > 0 {
            left.swap(kept, at);
            kept += 1;
        }
    }
    group.end = kept;
}

/// Drops from `left[from..]` what is not open.
fn compact(left: &mut Vec<u32>, from: usize, is_open: impl Fn(u32) -> bool) {
    let mut kept = from;
    for at in from..left.len() {
        if is_open(left[at]) {
            left[kept] = left[at];
            kept += 1;
        }
    }
    left.truncate(kept);
}
