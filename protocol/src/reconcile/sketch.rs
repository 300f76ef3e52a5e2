//! A growing prefix of the coded symbols of a set, kept warm: an id that comes or goes changes a few symbols. Knows
//! nothing of any other side.

use alloc::vec;
use alloc::vec::Vec;

use super::estimator::Estimator;
use super::item::{Item, MultisetHash, Salt};
use super::places::{self, Places};
use super::symbol::{Symbol, SymbolBytes};
use super::{SYMBOLS_MAX, places::check};
use crate::hash::Hash;

/// The warm symbols, the hash, the estimator and the size of one set, for one pair of neighbours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    salt: Salt,
    symbols: Vec<Symbol>,
    hash: MultisetHash,
    estimator: Estimator,
    len: u64,
}

/// The symbols of a [`Sketch`] at one moment: what is sent in several chunks must be of one set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    symbols: Vec<Symbol>,
}

impl Sketch {
    /// The sketch of the empty set with so many warm symbols, at most [`SYMBOLS_MAX`].
    pub fn new(salt: Salt, symbols: usize) -> Sketch {
        let symbols = vec![Symbol::default(); symbols.min(SYMBOLS_MAX)];
        Sketch { salt, symbols, hash: MultisetHash::default(), estimator: Estimator::default(), len: 0 }
    }

    /// The set with `id`, which must not be in it already.
    pub fn insert(&mut self, id: &Hash) {
        let item = self.salt.item(id);
        self.insert_item(&item);
    }

    /// The set without `id`, which must have been in it.
    pub fn remove(&mut self, id: &Hash) {
        let item = self.salt.item(id);
        self.hash.remove(&item);
        self.estimator.remove(item.short());
        self.len = self.len.wrapping_sub(1);
        let (short, check) = (item.short(), check(item.short()));
        each_place(&mut self.symbols, short, 0, |symbol| symbol.remove(short, check));
    }

    fn insert_item(&mut self, item: &Item) {
        self.hash.add(item);
        self.estimator.add(item.short());
        self.len = self.len.wrapping_add(1);
        let (short, check) = (item.short(), check(item.short()));
        each_place(&mut self.symbols, short, 0, |symbol| symbol.add(short, check));
    }

    /// How many ids the set holds.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The hash of the set.
    pub fn hash(&self) -> MultisetHash {
        self.hash
    }

    /// The counters of the set.
    pub fn estimator(&self) -> Estimator {
        self.estimator
    }

    /// The keys of the pair.
    pub fn salt(&self) -> Salt {
        self.salt
    }

    /// How many symbols are warm.
    pub fn symbols(&self) -> usize {
        self.symbols.len()
    }

    /// Grows to `symbols` warm symbols, at most [`SYMBOLS_MAX`]; `ids` are all ids of the set.
    pub fn grow<'a>(&mut self, symbols: usize, ids: impl Iterator<Item = &'a Hash>) {
        let (from, to) = (self.symbols.len(), symbols.min(SYMBOLS_MAX));
        if to <= from {
            return;
        }
        self.symbols.resize(to, Symbol::default());
        for id in ids {
            let short = self.salt.short(id);
            let check = places::check(short);
            each_place(&mut self.symbols, short, from, |symbol| symbol.add(short, check));
        }
    }

    /// Forgets all but the first `symbols` warm symbols; to have more again takes another look at all ids.
    pub fn shrink(&mut self, symbols: usize) {
        self.symbols.truncate(symbols);
        self.symbols.shrink_to_fit();
    }

    /// `count` symbols from index `from` on; fewer, or none, past the warm end.
    pub fn encode(&self, from: usize, count: usize) -> SymbolBytes {
        encode(&self.symbols, from, count)
    }

    /// The short id that the pair makes of `id`.
    pub fn short(&self, id: &Hash) -> u64 {
        self.salt.short(id)
    }

    /// The warm symbols as they are now, while the set goes on changing.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { symbols: self.symbols.clone() }
    }

    pub(super) fn warm(&self) -> &[Symbol] {
        &self.symbols
    }
}

impl Snapshot {
    /// As [`Sketch::encode`].
    pub fn encode(&self, from: usize, count: usize) -> SymbolBytes {
        encode(&self.symbols, from, count)
    }

    /// How many symbols there are.
    pub fn symbols(&self) -> usize {
        self.symbols.len()
    }
}

fn encode(symbols: &[Symbol], from: usize, count: usize) -> SymbolBytes {
    let from = from.min(symbols.len());
    let to = from.saturating_add(count).min(symbols.len());
    SymbolBytes::pack(&symbols[from..to], from)
}

/// Changes every symbol from index `from` on that holds `short`.
fn each_place(symbols: &mut [Symbol], short: u64, from: usize, mut change: impl FnMut(&mut Symbol)) {
    let mut places = Places::of(short);
    while let Some(at) = places.next_below(symbols.len()) {
        if at >= from {
            change(&mut symbols[at]);
        }
    }
}
