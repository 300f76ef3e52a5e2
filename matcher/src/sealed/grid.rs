//! Rows of bits: which of many things hold for each of many others. Knows no orders.

use alloc::vec;
use alloc::vec::Vec;

/// A set of numbers below a bound, one bit each.
pub(crate) type Bits = Vec<u64>;

/// An empty set for numbers below `len`.
pub(crate) fn none(len: usize) -> Bits {
    vec![0; len.div_ceil(64)]
}

/// Every number below `len`.
pub(crate) fn all(len: usize) -> Bits {
    let mut bits = vec![u64::MAX; len.div_ceil(64)];
    if let Some(last) = bits.last_mut().filter(|_| !len.is_multiple_of(64)) {
        *last = (1 << (len % 64)) - 1;
    }
    bits
}

pub(crate) fn has(bits: &[u64], at: usize) -> bool {
    bits[at / 64] >> (at % 64) & 1 == 1
}

pub(crate) fn add(bits: &mut [u64], at: usize) {
    bits[at / 64] |= 1 << (at % 64);
}

pub(crate) fn drop(bits: &mut [u64], at: usize) {
    bits[at / 64] &= !(1 << (at % 64));
}

/// The numbers in `word`, the one at place `at` of a row.
pub(crate) fn each(at: usize, mut word: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(at * 64 + bit)
    })
}

/// The first number at or after word `from` that is in both sets, and its word.
pub(crate) fn first_common(row: &[u64], other: &[u64], from: usize) -> Option<usize> {
    let both = row[from..].iter().zip(&other[from..]);
    let (at, word) = both.map(|(a, b)| a & b).enumerate().find(|(_, word)| *word != 0)?;
    Some((from + at) * 64 + word.trailing_zeros() as usize)
}

/// A matrix of bits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grid {
    words: usize,
    bits: Vec<u64>,
}

impl Grid {
    /// `rows` rows of `columns` bits, all set.
    pub fn full(rows: usize, columns: usize) -> Grid {
        let row = all(columns);
        let mut bits = Vec::with_capacity(rows * row.len());
        for _ in 0..rows {
            bits.extend_from_slice(&row);
        }
        Grid { words: row.len(), bits }
    }

    pub fn row(&self, at: usize) -> &[u64] {
        &self.bits[at * self.words..(at + 1) * self.words]
    }

    pub fn row_mut(&mut self, at: usize) -> &mut [u64] {
        &mut self.bits[at * self.words..(at + 1) * self.words]
    }

    pub fn has(&self, row: usize, column: usize) -> bool {
        has(self.row(row), column)
    }

    /// How many bits are set.
    pub fn count(&self) -> u64 {
        self.bits.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.bits.len() * 8
    }
}
