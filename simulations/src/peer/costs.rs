//! What a step costs by the cost table, before the machine's own slowness.

use matcher::{Market, SealedBook};

use crate::desk::Work;
use crate::engine::Nanos;

/// Prices of what a desk and its cores do, in nanoseconds.
#[derive(Debug, Clone)]
pub struct Costs {
    /// Any input.
    pub input: Nanos,
    /// A tick, beside that.
    pub tick: Nanos,
    /// A gossip message, beside that.
    pub message: Nanos,
    /// A byte of it.
    pub byte: Nanos,
    /// A heartbeat that compares sets.
    pub comparison: Nanos,
    /// Another request or response.
    pub exchange: Nanos,
    /// A thing that enters the book.
    pub entry: Nanos,
    /// A signature.
    pub sign: Nanos,
    /// A commit of own records.
    pub store: Nanos,
    /// A recovery.
    pub recovery: Nanos,
    /// A clearing, beside its orders.
    pub clearing: Nanos,
    /// An order of a clearing.
    pub order: Nanos,
}

impl Default for Costs {
    fn default() -> Costs {
        Costs {
            input: 1_000,
            tick: 4_000,
            message: 3_000,
            byte: 4,
            comparison: 12_000,
            exchange: 20_000,
            entry: 12_000,
            sign: 25_000,
            store: 500_000,
            recovery: 45_000,
            clearing: 100_000,
            order: 1_500,
        }
    }
}

impl Costs {
    /// One step of the loop.
    pub fn of_step(&self, work: &Work, _: &Market) -> Nanos {
        let times = |count: u32, price: Nanos| u64::from(count) * price;
        times(work.inputs, self.input)
            + times(work.ticks, self.tick)
            + times(work.messages, self.message)
            + times(work.bytes, self.byte)
            + times(work.comparisons, self.comparison)
            + times(work.exchanges, self.exchange)
            + times(work.verdicts, self.entry)
            + times(work.signs, self.sign)
            // Records of one step are one commit.
            + times(work.stores.min(1), self.store)
    }

    /// So many recoveries on one core.
    pub fn recoveries(&self, count: usize) -> Nanos {
        count as u64 * self.recovery
    }

    /// Clearing a sealed book.
    pub fn clearing(&self, book: &SealedBook) -> Nanos {
        self.clearing + book.len() as u64 * self.order
    }
}
