//! Finding what two neighbours' sets of ids differ in, for a few bytes a difference: a rateless invertible Bloom lookup
//! table (Yang, Gilad and Alizadeh, SIGCOMM 2024). Knows ids alone: not what they stand for, nor who asks for them.
//!
//! ```text
//!   ids --Salt--> Item --insert--> Sketch --encode--> SymbolBytes --wire--> Decoder --> Difference
//!                                 (warm)                                    own sketch - their symbols, peeled
//! ```

use alloc::vec::Vec;

mod decoder;
mod density;
mod estimator;
mod item;
mod places;
mod sketch;
mod symbol;

pub use decoder::{Decoder, Progress};
pub use estimator::{COUNTERS, Estimator};
pub use item::{Item, MultisetHash, Salt};
pub use sketch::{Sketch, Snapshot};
pub use symbol::{Symbol, SymbolBytes};

/// Coded symbols that one side ever sends or keeps; where they do not suffice, ranges of the set are sent instead.
pub const SYMBOLS_MAX: usize = 16_384;
/// Coded symbols of a heartbeat: enough for four differences, nearly always.
pub const SYMBOLS_HEARTBEAT: usize = 16;

/// The short ids that only one of two sets holds, each list rising.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Only in the own set.
    pub here: Vec<u64>,
    /// Only in the other side's set.
    pub there: Vec<u64>,
}

impl Difference {
    /// How many short ids differ.
    pub fn len(&self) -> usize {
        self.here.len() + self.there.len()
    }

    /// Whether the sets are equal.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How many symbols to ask for next, `have` being there already and the sets differing in about `estimate` ids; 0 at
/// [`SYMBOLS_MAX`]. The first aim stays below the 1.38 a difference that it takes, since the estimate may be too high and
/// what is sent in vain is not got back; then small steps. [`Decoder::next_chunk`] needs half as many.
pub fn next_chunk(have: usize, estimate: u64) -> usize {
    let estimate = usize::try_from(estimate).unwrap_or(usize::MAX).min(SYMBOLS_MAX);
    let aim = estimate + estimate / 8;
    let step = (have / 24).max(8);
    aim.saturating_sub(have).max(step).min(SYMBOLS_MAX.saturating_sub(have))
}
