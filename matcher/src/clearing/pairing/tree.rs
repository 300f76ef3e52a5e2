//! The tree of ranks: who is tried with whom, and in which order.

use super::*;

/// Bits of a rank that one step down the tree tells apart.
pub(super) const DIGIT: u32 = 4;
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
pub(super) struct Node {
    pub asks: (usize, usize),
    pub bids: (usize, usize),
}

impl Node {
    /// Whether nothing needs to be parted further where ranks differ in the last `bits` bits only.
    pub fn is_leaf(&self, bits: u32) -> bool {
        self.asks.0 == self.asks.1 || self.bids.0 == self.bids.1 || bits == 0
    }

    /// Splits off the child of lowest ranks; children differ in the last `bits` bits only.
    pub fn next_child(&mut self, (asks, bids): (&[Seat], &[Seat]), bits: u32) -> Option<Node> {
        let digit = |seats: &[Seat], (first, end): (usize, usize)| seats[first..end].first().map(|s| s.rank >> bits);
        let digits = (digit(asks, self.asks), digit(bids, self.bids));
        let digit = digits.0.into_iter().chain(digits.1).min()?;
        let end = |seats: &[Seat], (first, end): (usize, usize)| {
            first + seats[first..end].partition_point(|seat| seat.rank >> bits <= digit)
        };
        let ends = (end(asks, self.asks), end(bids, self.bids));
        let child = Node { asks: (self.asks.0, ends.0), bids: (self.bids.0, ends.1) };
        (self.asks.0, self.bids.0) = ends;
        Some(child)
    }
}

/// The bits of the node at which two ranks part whose last `apart` bits differ.
pub(super) fn node_bits(apart: u32) -> u32 {
    apart.next_multiple_of(DIGIT)
}

/// Whether two ranks part at the node of `bits` bits that both belong to. Equal ranks part at the last node.
pub(super) fn is_apart(ask: u64, bid: u64, bits: u32) -> bool {
    bits == 0 || (ask ^ bid) >> (bits - DIGIT) != 0
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
        if node.is_leaf(bits) {
            self.asks_left.extend(node.asks.0 as u32..node.asks.1 as u32);
            self.bids_left.extend(node.bids.0 as u32..node.bids.1 as u32);
        } else {
            let mut rest = node;
            while let Some(child) = rest.next_child((&self.asks, &self.bids), bits - DIGIT) {
                self.visit(child, bits - DIGIT);
            }
        }
        if self.asks_left.len() > left.0 && self.bids_left.len() > left.1 {
            self.meet(left, bits);
        }
    }

    /// Tries every pair of open seats that part at this node.
    fn meet(&mut self, (asks, bids): (usize, usize), bits: u32) {
        let lists = (&mut self.asks_left[asks..], &mut self.bids_left[bids..]);
        let mut cells = Cells::of((lists, asks, bids), (&self.asks, &self.bids), &self.exchange);
        let longer = (self.asks_left.len() - asks).max(self.bids_left.len() - bids) as u64;
        let pairs =
            cells.pairs.iter().map(|(ask, bid)| cells.asks[*ask as usize].len() * cells.bids[*bid as usize].len());
        let each = (pairs.map(|pairs| pairs as u64).sum::<u64>() / longer).max(1);
        let (mut below, mut bound) = (0, (u64::MAX / each).saturating_mul(CANDIDATES));
        loop {
            self.gather(&cells, bits, (below, bound));
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

    /// Collects the pairs that part here, may meet, and have hashes from `below` up to `bound`.
    fn gather(&mut self, cells: &Cells, bits: u32, (below, bound): (u64, u64)) {
        for &(asks, bids) in &cells.pairs {
            let (asks, bids) = (&cells.asks[asks as usize], &cells.bids[bids as usize]);
            for &bid in &self.bids_left[bids.first..bids.end] {
                let own = self.bids[bid as usize].rank;
                for &ask in &self.asks_left[asks.first..asks.end] {
                    let other = self.asks[ask as usize].rank;
                    let hash = hash(other, own);
                    if below <= hash && hash <= bound && is_apart(other, own, bits) {
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
pub(super) struct Group {
    pub class: u32,
    pub first: usize,
    pub end: usize,
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
pub(super) struct Cells {
    pub asks: Vec<Group>,
    pub bids: Vec<Group>,
    pub pairs: Vec<(u32, u32)>,
}

impl Cells {
    /// Groups the open seats of a node by class, which sorts them, and finds the groups that may meet. The node's seats are
    /// `lists`, the ends of longer lists from the places that follow them.
    pub fn of(
        (lists, asks, bids): ((&mut [u32], &mut [u32]), usize, usize),
        seats: (&[Seat], &[Seat]),
        exchange: &Exchange,
    ) -> Cells {
        let asks = groups(lists.0, asks, seats.0);
        let bids = groups(lists.1, bids, seats.1);
        let mut pairs = Vec::new();
        for (bid, at) in bids.iter().zip(0..) {
            let may_meet = |ask: &Group| exchange.may_meet(ask.class, bid.class);
            pairs.extend(asks.iter().zip(0..).filter(|(ask, _)| may_meet(ask)).map(|(_, ask)| (ask, at)));
        }
        Cells { asks, bids, pairs }
    }
}

/// Sorts a list by class and groups it; it begins at `from` in a longer one.
fn groups(list: &mut [u32], from: usize, seats: &[Seat]) -> Vec<Group> {
    list.sort_unstable_by_key(|&at| seats[at as usize].class);
    let mut groups: Vec<Group> = Vec::new();
    for (&seat, at) in list.iter().zip(from..) {
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
pub(super) fn compact(left: &mut Vec<u32>, from: usize, is_open: impl Fn(u32) -> bool) {
    let mut kept = from;
    for at in from..left.len() {
        if is_open(left[at]) {
            left[kept] = left[at];
            kept += 1;
        }
    }
    left.truncate(kept);
}
