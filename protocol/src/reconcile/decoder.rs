//! Solves the difference between an own sketch and the symbols of the other side by peeling: a symbol that holds one item
//! gives it away, and without it others hold one. Trusts no byte: the work is bounded by the symbols fed.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::density::Density;
use super::item::MultisetHash;
use super::places::{self, Places};
use super::sketch::Sketch;
use super::symbol::{Symbol, SymbolBytes};
use super::{Difference, SYMBOLS_MAX, next_chunk};
use crate::rejected::Rejected;

/// How often one symbol may give an item away. Once is enough unless a symbol of several items looked like one of a single
/// item: then items are taken and given back until the false one is found out, and at this bound the symbol falls silent.
const PEELS_MAX: u8 = 3;

/// How far a [`Decoder`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Not solved yet: feed the symbols that follow.
    More,
    /// Solved: no fed symbol holds anything else.
    Done(Difference),
    /// It cannot be solved: [`SYMBOLS_MAX`] symbols do not suffice, or the own sketch has fewer warm symbols than were
    /// fed, or its set has changed since and it has grown. Send ranges, or begin afresh.
    GivenUp,
}

/// Work on one difference; takes symbols in chunks as they come, and never does anything twice.
#[derive(Debug, Clone)]
pub struct Decoder {
    own: Vec<Symbol>,
    own_hash: MultisetHash,
    left: Vec<Left>,
    /// Symbols that hold something.
    open: usize,
    taken: Vec<Taken>,
    /// Where each of `taken` comes next, beyond the symbols fed.
    ahead: BinaryHeap<Reverse<(usize, usize)>>,
    queue: Vec<usize>,
    density: Density,
}

/// What is left at one index, and how often it gave an item away.
#[derive(Debug, Clone, Copy)]
struct Left {
    symbol: Symbol,
    peels: u8,
}

/// An item that a symbol gave away; the same one may be taken and, on the other side, given back.
#[derive(Debug, Clone, Copy)]
struct Taken {
    short: u64,
    is_here: bool,
    places: Places,
}

impl Decoder {
    /// Begins with a copy of the warm symbols of `own`, whose set may then change.
    pub fn new(own: &Sketch) -> Decoder {
        Decoder {
            own: own.warm().to_vec(),
            own_hash: own.hash(),
            left: Vec::new(),
            open: 0,
            taken: Vec::new(),
            ahead: BinaryHeap::new(),
            queue: Vec::new(),
            density: Density::default(),
        }
    }

    /// How many symbols were fed: the index from which the next ones must be.
    pub fn symbols(&self) -> usize {
        self.left.len()
    }

    /// About how many items differ, from how many of the fed symbols hold none or one of them: with a standard error of
    /// 4 % in 1,000 once as many symbols were fed as items differ. `None` while too few do.
    pub fn estimate(&self) -> Option<u64> {
        self.density.estimate()
    }

    /// How many symbols to ask for next; `estimate` is the estimators'. As [`next_chunk`], with the aim from the symbols fed
    /// as soon as they tell more.
    pub fn next_chunk(&self, estimate: u64) -> usize {
        let have = self.left.len();
        match self.estimate() {
            // 9/8 of 19/16 is a third more, a little less than what is needed on average.
            Some(better) => next_chunk(have, better + better * 3 / 16),
            None => next_chunk(have, estimate),
        }
    }

    /// Takes the next symbols of the other side. `own` is needed only if it has grown since and more symbols come than
    /// were warm.
    ///
    /// # Errors
    /// [`Rejected::Encoding`] for no symbols, incomplete ones, or others than the next; [`Rejected::TooLarge`] beyond
    /// [`SYMBOLS_MAX`]. Then nothing has changed. [`Rejected::Encoding`] also for symbols that no set has.
    pub fn feed(&mut self, bytes: &SymbolBytes, own: &Sketch) -> Result<Progress, Rejected> {
        let theirs = bytes.unpack()?;
        let from = self.left.len();
        if theirs.is_empty() || usize::try_from(bytes.from) != Ok(from) {
            return Err(Rejected::Encoding);
        }
        let end = from + theirs.len();
        if end > self.own.len() && !self.follow(own, end) {
            return Ok(Progress::GivenUp);
        }
        let pairs = self.own[from..end].iter().zip(&theirs);
        self.left.extend(pairs.map(|(own, their)| Left { symbol: own.minus(their), peels: 0 }));
        for index in from..end {
            let symbol = &self.left[index].symbol;
            self.density.note(index, symbol.is_empty(index) || symbol.single(index).is_some());
        }
        self.carry_on();
        self.open += (from..end).filter(|at| !self.left[*at].symbol.is_empty(*at)).count();
        self.queue.extend((from..end).rev());
        self.peel();
        match self.open {
            0 => self.difference().map(Progress::Done),
            _ if end >= SYMBOLS_MAX => Ok(Progress::GivenUp),
            _ => Ok(Progress::More),
        }
    }

    /// Takes over what `own` has grown by, if it is still of the same set.
    fn follow(&mut self, own: &Sketch, end: usize) -> bool {
        let is_there = own.symbols() >= end && own.hash() == self.own_hash;
        if is_there {
            self.own.extend_from_slice(&own.warm()[self.own.len()..]);
        }
        is_there
    }

    /// Takes what was found so far out of the new symbols.
    fn carry_on(&mut self) {
        while let Some(Reverse((at, which))) = self.ahead.pop() {
            if at >= self.left.len() {
                self.ahead.push(Reverse((at, which)));
                break;
            }
            let taken = &mut self.taken[which];
            while let Some(at) = taken.places.next_below(self.left.len()) {
                self.left[at].symbol.take(taken.short, taken.is_here);
            }
            self.ahead.push(Reverse((taken.places.next(), which)));
        }
    }

    fn peel(&mut self) {
        while let Some(index) = self.queue.pop() {
            let Left { symbol, peels } = self.left[index];
            let Some((short, is_here)) = symbol.single(index) else { continue };
            if peels < PEELS_MAX && Places::include(short, index) {
                self.left[index].peels += 1;
                self.take(short, is_here);
            }
        }
    }

    /// Takes an item out of every symbol that holds it, and notes which of them now seem to hold a single one.
    fn take(&mut self, short: u64, is_here: bool) {
        let mut places = Places::of(short);
        while let Some(at) = places.next_below(self.left.len()) {
            let symbol = &mut self.left[at].symbol;
            let was_empty = symbol.is_empty(at);
            symbol.take(short, is_here);
            match (was_empty, symbol.is_empty(at)) {
                (true, false) => self.open += 1,
                (false, true) => self.open -= 1,
                _ => {}
            }
            if symbol.single(at).is_some() {
                self.queue.push(at);
            }
        }
        self.ahead.push(Reverse((places.next(), self.taken.len())));
        self.taken.push(Taken { short, is_here, places });
    }

    /// What all that was taken comes to.
    fn difference(&self) -> Result<Difference, Rejected> {
        let mut all: Vec<(u64, bool)> = self.taken.iter().map(|taken| (taken.short, taken.is_here)).collect();
        all.sort_unstable();
        let mut difference = Difference::default();
        for same in all.chunk_by(|a, b| a.0 == b.0) {
            let here = same.iter().filter(|(_, is_here)| *is_here).count();
            match (here, same.len() - here) {
                (here, there) if here == there => {}
                (here, there) if here == there + 1 => difference.here.push(same[0].0),
                (here, there) if here + 1 == there => difference.there.push(same[0].0),
                _ => return Err(Rejected::Encoding),
            }
        }
        Ok(difference)
    }
}

impl Symbol {
    /// What is left without an item of the own side, or of the other.
    fn take(&mut self, short: u64, is_here: bool) {
        match is_here {
            true => self.remove(short, places::check(short)),
            false => self.add(short, places::check(short)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Salt, places::mix};
    use super::*;
    use crate::hash::Hash;
    use alloc::vec;

    fn sketch(numbers: core::ops::Range<u64>, symbols: usize) -> Sketch {
        let mut sketch = Sketch::new(Salt([1; 16]), symbols);
        for number in numbers {
            let mut id = Hash::ZERO;
            id.0[..8].copy_from_slice(&number.to_le_bytes());
            sketch.insert(&id);
        }
        sketch
    }

    /// Beyond index 512 six bits of checksum let an item of several pass for one about once in two differences of 10,000.
    #[test]
    fn an_item_that_was_taken_wrongly_is_given_back() {
        let mut healed = 0;
        for round in 0..20 {
            let own = sketch(round << 32..(round << 32) + 8_000, 12_000);
            let mut decoder = Decoder::new(&own);
            let theirs = sketch(0..0, 12_000);
            let progress = decoder.feed(&theirs.encode(0, 12_000), &own).unwrap();
            assert!(matches!(progress, Progress::Done(found) if found.here.len() == 8_000 && found.there.is_empty()));
            healed += usize::from(decoder.taken.len() > 8_000);
        }
        assert!(healed >= 3, "{healed}");
    }

    #[test]
    fn whatever_is_fed_no_symbol_gives_more_than_its_share_away() {
        let own = sketch(0..0, SYMBOLS_MAX);
        let mut decoder = Decoder::new(&own);
        for round in 0..2_000usize {
            // A symbol of one item, wherever it is: what the item does to the others leaves something there too.
            let mut lure = (0..).map(|salt| mix(mix(round as u64) + salt)).filter(|s| Places::include(*s, round));
            let short = lure.next().unwrap();
            let mut symbol = Symbol::default();
            symbol.add(short, places::check(short));
            let mut symbols = vec![Symbol::default(); round];
            symbols.push(symbol);
            let bytes = SymbolBytes::pack(&symbols[round..], round);
            let _ = decoder.feed(&bytes, &own);
            assert!(decoder.taken.len() <= usize::from(PEELS_MAX) * decoder.left.len());
        }
        assert!(decoder.queue.is_empty() && decoder.taken.len() > 500);
    }
}
