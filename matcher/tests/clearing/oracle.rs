//! Another way to the same figures, slow and plain: the greatest surplus as a minimum-cost flow order by order, prices as
//! what each winning lot costs the others. Knows no classes, levels or seeds.

use matcher::{SealedBook, SealedOrder};

const NOWHERE: usize = usize::MAX;
const UNREACHED: i128 = i128::MIN;

/// Orders as prices and lots, and who may meet whom.
pub struct Oracle {
    pub asks: Vec<(i128, u64)>,
    pub bids: Vec<(i128, u64)>,
    /// A row a bid.
    pub fits: Vec<Vec<bool>>,
}

/// A matching as it grows, and the search for the path that adds most.
struct Matching<'a> {
    oracle: &'a Oracle,
    /// A row a bid.
    flow: Vec<Vec<u64>>,
    need: Vec<u64>,
    room: Vec<u64>,
    /// The best gain of a path to each, and what comes before it.
    at_bid: Vec<(i128, usize)>,
    at_ask: Vec<(i128, usize)>,
}

impl Oracle {
    /// Prices of the book are below 2^100.
    pub fn of(book: &SealedBook) -> Oracle {
        let side = |orders: &[SealedOrder]| {
            let row = |order: &SealedOrder| (order.order().price.0 as i128, u64::from(order.open_lots()));
            orders.iter().map(row).collect::<Vec<_>>()
        };
        let fits = |bid: &SealedOrder| book.asks.iter().map(|ask| ask.may_serve(bid)).collect();
        Oracle { asks: side(&book.asks), bids: side(&book.bids), fits: book.bids.iter().map(fits).collect() }
    }

    /// The greatest surplus of any matching of lots: successive shortest paths (Ford and Fulkerson, 1962), each found as
    /// Bellman and Ford do.
    pub fn surplus(&self) -> i128 {
        let (asks, bids) = (self.asks.len(), self.bids.len());
        let mut matching = Matching {
            oracle: self,
            flow: vec![vec![0; asks]; bids],
            need: self.bids.iter().map(|bid| bid.1).collect(),
            room: self.asks.iter().map(|ask| ask.1).collect(),
            at_bid: vec![(UNREACHED, NOWHERE); bids],
            at_ask: vec![(UNREACHED, NOWHERE); asks],
        };
        let mut total = 0;
        while let Some((gain, lots)) = matching.augment() {
            total += gain * i128::from(lots);
        }
        total
    }

    /// What one lot of `bid` costs the others, `surplus` being the greatest: its lowest competitive price.
    pub fn price(&mut self, bid: usize, surplus: i128) -> i128 {
        self.bids[bid].1 -= 1;
        let without = self.surplus();
        self.bids[bid].1 += 1;
        without - (surplus - self.bids[bid].0)
    }

    /// The greatest surplus by trying every assignment of every lot; for the smallest books alone.
    pub fn tried(&self) -> i128 {
        let wanted = self.bids.iter().enumerate().flat_map(|(bid, row)| (0..row.1).map(move |_| bid));
        let mut room = self.asks.iter().map(|ask| ask.1).collect::<Vec<_>>();
        self.try_rest(&wanted.collect::<Vec<_>>(), &mut room)
    }

    fn try_rest(&self, wanted: &[usize], room: &mut [u64]) -> i128 {
        let Some((&bid, rest)) = wanted.split_first() else { return 0 };
        let mut best = self.try_rest(rest, room);
        for ask in 0..room.len() {
            if room[ask] > 0 && self.fits[bid][ask] {
                room[ask] -= 1;
                best = best.max(self.bids[bid].0 - self.asks[ask].0 + self.try_rest(rest, room));
                room[ask] += 1;
            }
        }
        best
    }
}

impl Matching<'_> {
    /// Moves as many lots as fit along the path of greatest gain; the gain of each and how many, `None` if nothing gains.
    fn augment(&mut self) -> Option<(i128, u64)> {
        self.search();
        let ends = (0..self.room.len()).filter(|&ask| self.room[ask] > 0 && self.at_ask[ask].0 != UNREACHED);
        let last = ends.max_by_key(|&ask| self.at_ask[ask].0 - self.oracle.asks[ask].0)?;
        let gain = self.at_ask[last].0 - self.oracle.asks[last].0;
        if gain <= 0 {
            return None;
        }
        let steps = self.steps(last);
        let first = steps[steps.len() - 1].0;
        let back = steps.iter().filter(|step| step.2 != NOWHERE).map(|step| self.flow[step.0][step.2]);
        let lots = back.chain([self.need[first], self.room[last]]).min()?;
        for (bid, to, from) in steps {
            self.flow[bid][to] += lots;
            if from != NOWHERE {
                self.flow[bid][from] -= lots;
            }
        }
        self.need[first] -= lots;
        self.room[last] -= lots;
        Some((gain, lots))
    }

    fn search(&mut self) {
        for (bid, at) in self.at_bid.iter_mut().enumerate() {
            *at = (if self.need[bid] > 0 { self.oracle.bids[bid].0 } else { UNREACHED }, NOWHERE);
        }
        self.at_ask.fill((UNREACHED, NOWHERE));
        let mut is_moving = true;
        while is_moving {
            is_moving = false;
            for bid in 0..self.at_bid.len() {
                let gain = self.at_bid[bid].0;
                for (ask, at) in self.at_ask.iter_mut().enumerate() {
                    if at.0 < gain && self.oracle.fits[bid][ask] {
                        (*at, is_moving) = ((gain, bid), true);
                    }
                }
            }
            for bid in 0..self.at_bid.len() {
                for (ask, at) in self.at_ask.iter().enumerate() {
                    if self.at_bid[bid].0 < at.0 && self.flow[bid][ask] > 0 {
                        (self.at_bid[bid], is_moving) = ((at.0, ask), true);
                    }
                }
            }
        }
    }

    /// The path to `ask`, last step first: bid, the ask that it gets, the ask that it leaves.
    fn steps(&self, mut ask: usize) -> Vec<(usize, usize, usize)> {
        let mut steps = Vec::new();
        while ask != NOWHERE {
            let bid = self.at_ask[ask].1;
            let left = self.at_bid[bid].1;
            steps.push((bid, ask, left));
            ask = left;
        }
        steps
    }
}
