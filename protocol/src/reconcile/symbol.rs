//! One coded symbol and its compact form on the wire. Knows neither sets nor how symbols are solved.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::SYMBOLS_MAX;
use super::places;
use crate::rejected::Rejected;
use crate::talk::Bytes;

/// Sums over the items that map to one index, all wrapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Symbol {
    /// Of their short ids.
    pub sum: u64,
    /// Of the checksums of their short ids.
    pub check: u32,
    /// How many they are.
    pub count: i32,
}

impl Symbol {
    pub(super) fn add(&mut self, short: u64, check: u32) {
        self.sum = self.sum.wrapping_add(short);
        self.check = self.check.wrapping_add(check);
        self.count = self.count.wrapping_add(1);
    }

    pub(super) fn remove(&mut self, short: u64, check: u32) {
        self.sum = self.sum.wrapping_sub(short);
        self.check = self.check.wrapping_sub(check);
        self.count = self.count.wrapping_sub(1);
    }

    /// What is left of `self` without `other`.
    pub(super) fn minus(&self, other: &Symbol) -> Symbol {
        Symbol {
            sum: self.sum.wrapping_sub(other.sum),
            check: self.check.wrapping_sub(other.check),
            count: self.count.wrapping_sub(other.count),
        }
    }

    /// Whether nothing is left, in the bits that travel for `index`.
    pub(super) fn is_empty(&self, index: usize) -> bool {
        self.sum == 0 && self.count & 3 == 0 && self.check & check_mask(index) == 0
    }

    /// The one item that the symbol at `index` seems to hold, and whether it is the own side's: as far as count and
    /// checksum tell.
    pub(super) fn single(&self, index: usize) -> Option<(u64, bool)> {
        let (short, check, is_here) = match self.count & 3 {
            1 => (self.sum, self.check, true),
            3 => (self.sum.wrapping_neg(), self.check.wrapping_neg(), false),
            _ => return None,
        };
        ((check ^ places::check(short)) & check_mask(index) == 0).then_some((short, is_here))
    }
}

/// Bytes of count and checksum at an index. An item that is found at index i must also map to i, which happens by chance
/// with 2 / (i + 2): the further on, the fewer bits are needed.
fn tail(index: usize) -> usize {
    match index {
        0..64 => 4,
        64..512 => 2,
        _ => 1,
    }
}

fn check_mask(index: usize) -> u32 {
    u32::MAX >> (34 - 8 * tail(index))
}

/// The symbols of one side from index `from` on, packed: 8 bytes of sum, then 4 (below index 64), 2 (below 512) or 1
/// byte, whose lowest two bits are the count and whose others the checksum; all little-endian, cut to what fits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SymbolBytes {
    /// The index of the first.
    pub from: u32,
    /// The symbols.
    pub bytes: Bytes,
}

impl SymbolBytes {
    pub(super) fn pack(symbols: &[Symbol], from: usize) -> SymbolBytes {
        let mut bytes = Vec::with_capacity(symbols.len() * 12);
        for (index, symbol) in (from..).zip(symbols) {
            bytes.extend_from_slice(&symbol.sum.to_le_bytes());
            let last = symbol.check << 2 | (symbol.count & 3) as u32;
            bytes.extend_from_slice(&last.to_le_bytes()[..tail(index)]);
        }
        SymbolBytes { from: from.min(SYMBOLS_MAX) as u32, bytes: Bytes(bytes) }
    }

    /// The symbols, with as many bits of count and checksum as travel.
    ///
    /// # Errors
    /// [`Rejected::Encoding`] for an incomplete symbol, [`Rejected::TooLarge`] beyond [`SYMBOLS_MAX`].
    pub fn unpack(&self) -> Result<Vec<Symbol>, Rejected> {
        let from = usize::try_from(self.from).map_err(|_| Rejected::TooLarge)?;
        let mut rest = self.bytes.0.as_slice();
        if from > SYMBOLS_MAX || rest.len() > SYMBOLS_MAX * 12 {
            return Err(Rejected::TooLarge);
        }
        let mut symbols = Vec::with_capacity(rest.len() / 9);
        for index in from.. {
            if rest.is_empty() {
                break;
            }
            if index >= SYMBOLS_MAX {
                return Err(Rejected::TooLarge);
            }
            let (sum, after) = rest.split_at_checked(8).ok_or(Rejected::Encoding)?;
            let (last, after) = after.split_at_checked(tail(index)).ok_or(Rejected::Encoding)?;
            rest = after;
            let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
            let last = number(last) as u32;
            symbols.push(Symbol { sum: number(sum), check: last >> 2, count: (last & 3) as i32 });
        }
        Ok(symbols)
    }
}
