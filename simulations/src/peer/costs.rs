//! What a step costs by the cost table, before the machine's own slowness.

use matcher::{Market, SealedBook};

use crate::costs::Costs;
use crate::desk::Work;
use crate::engine::{MS, Nanos};

/// A commit of own records: some pages of a fast disk, and its word that they are there.
const COMMIT: Nanos = MS;
/// An order in a message, about.
const ORDER_BYTES: u64 = 330;

impl Costs {
    /// One step of the market's loop.
    pub(super) fn step(&self, work: &Work, market: &Market) -> Nanos {
        let (steps, times) = (&self.machine_steps, |count: u32, price: Nanos| u64::from(count) * price);
        let orders = u64::from(work.bytes).div_ceil(ORDER_BYTES);
        orders * (steps.decode_order_ns + steps.heard_ns)
            + times(work.ticks, steps.tick_ns)
            + times(work.seals, steps.seal_order_ns * market.book().len() as u64)
            + times(work.comparisons, steps.summary_ns)
            + times(work.things, steps.decode_order_ns + steps.heard_ns)
            + times(work.verdicts, steps.recovered_ns)
            + times(work.signs, self.crypto.sign_ns)
            // Records of one step are one commit.
            + times(work.stores.min(1), COMMIT)
    }

    /// So many recoveries on one core.
    pub(super) fn recoveries(&self, count: usize) -> Nanos {
        count as u64 * self.crypto.recover_ns
    }

    /// Clearing a sealed book on one core.
    pub(super) fn clearing(&self, book: &SealedBook) -> Nanos {
        book.len() as u64 * self.machine_steps.clear_order_ns
    }
}
