//! Other ways to say which winners meet, to be measured beside the market's: by rank, and greedily by hash; both repaired
//! by alternating paths where they get stuck. They know winners and who fits whom, no prices but as a rank.

use std::collections::VecDeque;

use crate::draw::mix;

/// Winners of one clearing: number of the order, lots, and a rank that is lower for who comes first.
pub type Side = Vec<(usize, u32, u64)>;

/// Winners and who fits whom, by number of the bid and of the ask.
pub struct Winners<'a> {
    pub asks: Side,
    pub bids: Side,
    pub fits: &'a dyn Fn(usize, usize) -> bool,
}

/// Each bid in order of rank takes what fits, in order of rank.
pub fn by_rank(mut winners: Winners) -> Vec<(usize, usize)> {
    for side in [&mut winners.asks, &mut winners.bids] {
        side.sort_by_key(|(number, _, rank)| (*rank, *number));
    }
    let (asks, bids) = (winners.asks.len(), winners.bids.len());
    let sequence = (0..bids).flat_map(|bid| (0..asks).map(move |ask| (bid, ask)));
    Pairing::of(&winners).run(sequence)
}

/// All pairs in order of a hash.
pub fn by_hash(mut winners: Winners) -> Vec<(usize, usize)> {
    let hash = |number: usize| mix(number as u64 + 1);
    for side in [&mut winners.asks, &mut winners.bids] {
        side.sort_by_key(|(number, ..)| hash(*number));
    }
    let mut pairs = Vec::new();
    for (row, (bid, ..)) in winners.bids.iter().enumerate() {
        for (column, (ask, ..)) in winners.asks.iter().enumerate() {
            pairs.push((mix(hash(*bid) ^ hash(*ask).rotate_left(32)), row, column));
        }
    }
    pairs.sort_unstable();
    Pairing::of(&winners).run(pairs.into_iter().map(|(_, bid, ask)| (bid, ask)))
}

/// Lots of winners, by place.
struct Pairing<'a> {
    winners: &'a Winners<'a>,
    fits: Vec<bool>,
    need: Vec<u32>,
    room: Vec<u32>,
    /// A row a bid.
    met: Vec<u32>,
}

impl Pairing<'_> {
    fn of<'a>(winners: &'a Winners<'a>) -> Pairing<'a> {
        let all = winners.bids.iter().flat_map(|bid| winners.asks.iter().map(move |ask| (winners.fits)(bid.0, ask.0)));
        Pairing {
            winners,
            fits: all.collect(),
            need: winners.bids.iter().map(|bid| bid.1).collect(),
            room: winners.asks.iter().map(|ask| ask.1).collect(),
            met: vec![0; winners.bids.len() * winners.asks.len()],
        }
    }

    /// Pairs that fit meet in this sequence; then what is left is placed by moving others.
    fn run(mut self, sequence: impl Iterator<Item = (usize, usize)>) -> Vec<(usize, usize)> {
        for (bid, ask) in sequence {
            let lots = self.need[bid].min(self.room[ask]);
            if lots > 0 && self.fits[self.at(bid, ask)] {
                self.shift(&[(bid, ask)], lots);
            }
        }
        for bid in 0..self.need.len() {
            while self.need[bid] > 0 {
                self.augment(bid);
            }
        }
        let places = (0..self.met.len()).filter(|&at| self.met[at] > 0);
        let pair = |at: usize| {
            let (row, column) = (at / self.room.len(), at % self.room.len());
            (self.winners.asks[column].0, self.winners.bids[row].0)
        };
        places.map(pair).collect()
    }

    fn at(&self, bid: usize, ask: usize) -> usize {
        bid * self.room.len() + ask
    }

    /// The first shortest path to an ask with room.
    fn augment(&mut self, start: usize) {
        // Who led to an ask, and to a bid.
        let mut from_bid = vec![usize::MAX; self.room.len()];
        let mut from_ask = vec![usize::MAX; self.need.len()];
        let mut queue = VecDeque::from([start]);
        while let Some(bid) = queue.pop_front() {
            for ask in 0..self.room.len() {
                if from_bid[ask] != usize::MAX || !self.fits[self.at(bid, ask)] {
                    continue;
                }
                from_bid[ask] = bid;
                if self.room[ask] > 0 {
                    return self.follow(start, ask, &from_bid, &from_ask);
                }
                for (next, from) in from_ask.iter_mut().enumerate() {
                    if next != start && *from == usize::MAX && self.met[self.at(next, ask)] > 0 {
                        *from = ask;
                        queue.push_back(next);
                    }
                }
            }
        }
        panic!("all winners can be served at once");
    }

    fn follow(&mut self, start: usize, last: usize, from_bid: &[usize], from_ask: &[usize]) {
        let mut path = vec![(from_bid[last], last)];
        while let Some(&(bid, _)) = path.last().filter(|(bid, _)| *bid != start) {
            let ask = from_ask[bid];
            path.push((from_bid[ask], ask));
        }
        path.reverse();
        let held = path.windows(2).map(|step| self.met[self.at(step[1].0, step[0].1)]);
        let lots = held.chain([self.need[start], self.room[last]]).min().unwrap();
        self.shift(&path, lots);
    }

    /// Along a path of bids and the asks that they take from the next bid, `lots` of each.
    fn shift(&mut self, path: &[(usize, usize)], lots: u32) {
        for step in path.windows(2) {
            let at = self.at(step[1].0, step[0].1);
            self.met[at] -= lots;
        }
        for &(bid, ask) in path {
            let at = self.at(bid, ask);
            self.met[at] += lots;
        }
        let (first, last) = (path[0].0, path[path.len() - 1].1);
        self.need[first] -= lots;
        self.room[last] -= lots;
    }
}
