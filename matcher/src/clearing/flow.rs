//! The most lots that can flow from ask classes to bid classes: Dinic's algorithm (1970) over rows of bits. Knows no prices.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use crate::sealed::grid::{self, Bits, Grid};

const UNSEEN: u32 = u32::MAX;
/// Seen, but no path leads on from here.
const SPENT: u32 = u32::MAX - 1;

/// Lots in flow between classes, and what each class still needs or has.
#[derive(Debug)]
pub(super) struct Flow<'a> {
    fits: &'a Grid,
    /// Lots that a bid class still wants.
    pub need: Vec<u64>,
    /// Lots that an ask class still has.
    pub room: Vec<u64>,
    /// What each ask class gives to which bid class, never zero lots.
    pub given: Vec<BTreeMap<u32, u64>>,
    /// The first bid class that may still lead on, for each ask class.
    onward_from: Vec<u32>,
    /// How many steps of a residual path a bid class is away from unmet need.
    level: Vec<u32>,
    /// The ask classes of each step that may still lead on.
    layers: Vec<Layer>,
    unvisited: Bits,
}

/// A set of ask classes: the words of a row that are not empty, ascending.
#[derive(Debug)]
struct Layer(Vec<(u32, u64)>);

impl Layer {
    /// The first class that `row` has too.
    fn first_common(&self, row: &[u64]) -> Option<usize> {
        let both = self.0.iter().map(|&(at, word)| (at, word & row[at as usize]));
        let (at, word) = both.into_iter().find(|(_, word)| *word != 0)?;
        Some(at as usize * 64 + word.trailing_zeros() as usize)
    }

    fn drop(&mut self, ask: usize) {
        let place = self.0.binary_search_by_key(&(ask as u32 / 64), |word| word.0).expect("what is dropped is there");
        self.0[place].1 &= !(1 << (ask % 64));
        if self.0[place].1 == 0 {
            self.0.remove(place);
        }
    }
}

/// The classes that a flow is sought among.
#[derive(Debug, Clone, Copy)]
pub(super) struct Among<'a> {
    pub bids: &'a [u32],
    pub asks: &'a [u32],
}

impl<'a> Flow<'a> {
    /// No flow among `bids` and `asks` classes.
    pub fn new(fits: &'a Grid, bids: usize, asks: usize) -> Flow<'a> {
        Flow {
            fits,
            need: vec![0; bids],
            room: vec![0; asks],
            given: vec![BTreeMap::new(); asks],
            onward_from: vec![0; asks],
            level: vec![UNSEEN; bids],
            layers: Vec::new(),
            unvisited: grid::none(asks),
        }
    }

    /// Takes back all flow of these asks.
    pub fn reset(&mut self, among: Among) {
        among.asks.iter().for_each(|&ask| self.given[ask as usize].clear());
    }

    /// Adds flow until no more is possible. Afterwards [`Flow::is_short`] and [`Flow::is_sought`] tell what unmet need
    /// reaches: the smallest side of a minimum cut.
    pub fn run(&mut self, among: Among) {
        self.take_directly(among);
        while self.lay(among) {
            for &bid in among.bids {
                while self.need[bid as usize] > 0 && self.augment(bid) {}
            }
        }
    }

    /// Whether unmet need reaches this bid class.
    pub fn is_short(&self, bid: u32) -> bool {
        self.level[bid as usize] != UNSEEN
    }

    /// Whether unmet need reaches this ask class; among the asks of the last run.
    pub fn is_sought(&self, ask: u32) -> bool {
        !grid::has(&self.unvisited, ask as usize)
    }

    /// Serves every bid class from the first asks that fit.
    fn take_directly(&mut self, among: Among) {
        let mut free = grid::none(self.room.len());
        let with_room = among.asks.iter().filter(|ask| self.room[**ask as usize] > 0);
        with_room.for_each(|&ask| grid::add(&mut free, ask as usize));
        let fits = self.fits;
        // No ask before this word is left.
        let mut start = 0;
        for &bid in among.bids {
            while free.get(start) == Some(&0) {
                start += 1;
            }
            let mut from = start;
            while self.need[bid as usize] > 0 {
                let Some(ask) = grid::first_common(fits.row(bid as usize), &free, from) else { break };
                from = ask / 64;
                let lots = self.need[bid as usize].min(self.room[ask]);
                self.add(ask, bid, lots);
                self.need[bid as usize] -= lots;
                self.room[ask] -= lots;
                if self.room[ask] == 0 {
                    grid::drop(&mut free, ask);
                }
            }
        }
    }

    /// Lays out the shortest residual paths from unmet need, step by step; whether one ends at an ask with room.
    fn lay(&mut self, among: Among) -> bool {
        self.layers.clear();
        self.unvisited.fill(0);
        among.asks.iter().for_each(|&ask| grid::add(&mut self.unvisited, ask as usize));
        among.bids.iter().for_each(|&bid| self.level[bid as usize] = UNSEEN);
        let mut frontier: Vec<u32> = among.bids.iter().copied().filter(|&bid| self.need[bid as usize] > 0).collect();
        frontier.iter().for_each(|&bid| self.level[bid as usize] = 0);
        let fits = self.fits;
        let mut is_found = false;
        // The words with asks that were not seen: soon few.
        let mut words = filled(&self.unvisited);
        while !frontier.is_empty() && !is_found {
            let mut layer = vec![0; self.unvisited.len()];
            let mut reached = Vec::new();
            for bid in frontier {
                let row = fits.row(bid as usize);
                let mut is_emptied = false;
                for &at in &words {
                    let at = at as usize;
                    let new = row[at] & self.unvisited[at];
                    if new != 0 {
                        self.unvisited[at] &= !new;
                        layer[at] |= new;
                        reached.extend(grid::each(at, new));
                        is_emptied |= self.unvisited[at] == 0;
                    }
                }
                if is_emptied {
                    words.retain(|&at| self.unvisited[at as usize] != 0);
                }
            }
            self.layers.push(Layer(filled(&layer).into_iter().map(|at| (at, layer[at as usize])).collect()));
            frontier = Vec::new();
            for ask in reached {
                is_found |= self.room[ask] > 0;
                self.onward_from[ask] = 0;
                for &bid in self.given[ask].keys() {
                    if self.level[bid as usize] == UNSEEN {
                        self.level[bid as usize] = self.layers.len() as u32;
                        frontier.push(bid);
                    }
                }
            }
        }
        is_found
    }

    /// One path down the layers from `start` to an ask with room; false if there is none left.
    fn augment(&mut self, start: u32) -> bool {
        // The asks on the path, each with the bid class that it could take lots back from.
        let mut path: Vec<(u32, u32)> = Vec::new();
        let fits = self.fits;
        loop {
            let depth = path.len();
            let bid = path.last().map_or(start, |step| step.1);
            let layer = &self.layers[depth];
            let Some(ask) = layer.first_common(fits.row(bid as usize)) else {
                // Nothing leads on from here: the ask before it looks for another.
                self.level[bid as usize] = SPENT;
                match path.pop() {
                    Some(_) => continue,
                    None => return false,
                }
            };
            let is_last = depth + 1 == self.layers.len();
            if is_last && self.room[ask] > 0 {
                self.shift(start, &path, ask as u32);
                return true;
            }
            match self.onward(ask as u32, depth).filter(|_| !is_last) {
                Some(next) => path.push((ask as u32, next)),
                None => self.layers[depth].drop(ask),
            }
        }
    }

    /// A bid class one step further that `ask` could take lots back from. Within one layout of paths, classes that lead nowhere
    /// stay so, and what is added lies no step further: so each is looked at once.
    fn onward(&mut self, ask: u32, depth: usize) -> Option<u32> {
        let from = self.onward_from[ask as usize];
        let mut given = self.given[ask as usize].range(from..);
        let found = given.find(|(bid, _)| self.level[**bid as usize] as usize == depth + 1).map(|(bid, _)| *bid);
        self.onward_from[ask as usize] = found.unwrap_or(UNSEEN);
        found
    }

    fn shift(&mut self, start: u32, path: &[(u32, u32)], last: u32) {
        let held = path.iter().map(|&(ask, bid)| self.lots(ask, bid));
        let lots = held.chain([self.need[start as usize], self.room[last as usize]]).min().unwrap_or(0);
        let mut bid = start;
        for &(ask, next) in path {
            self.add(ask as usize, bid, lots);
            self.remove(ask, next, lots);
            bid = next;
        }
        self.add(last as usize, bid, lots);
        self.need[start as usize] -= lots;
        self.room[last as usize] -= lots;
    }

    fn lots(&self, ask: u32, bid: u32) -> u64 {
        self.given[ask as usize].get(&bid).copied().unwrap_or(0)
    }

    fn add(&mut self, ask: usize, bid: u32, lots: u64) {
        *self.given[ask].entry(bid).or_default() += lots;
    }

    fn remove(&mut self, ask: u32, bid: u32, lots: u64) {
        let given = &mut self.given[ask as usize];
        let held = given.get_mut(&bid).expect("a path goes back only where lots flow");
        *held -= lots;
        if *held == 0 {
            given.remove(&bid);
        }
    }
}

/// The places of the words that are not empty.
fn filled(bits: &[u64]) -> Vec<u32> {
    bits.iter().zip(0..).filter(|(word, _)| **word != 0).map(|(_, at)| at).collect()
}
