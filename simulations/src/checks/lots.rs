//! Which lots are in struck deals, whoever told of them. Forgets an order when no deal about it can come any more.

use std::collections::BTreeMap;

use protocol::{Hash, OrderRef};

/// Epochs after which nothing is struck about a match any more.
const EPOCHS_MAX: u64 = 120;

/// Lots in deals, by order.
#[derive(Debug, Default)]
pub(super) struct Lots {
    by_order: BTreeMap<Hash, (u64, Vec<(Hash, OrderRef)>)>,
}

impl Lots {
    /// A deal about these lots was struck in `epoch`. Gives another deal that has one of them.
    pub(super) fn take(&mut self, deal: Hash, lots: &OrderRef, epoch: u64) -> Option<Hash> {
        let (last, deals) = self.by_order.entry(lots.id).or_default();
        *last = epoch.max(*last);
        if deals.iter().any(|(known, _)| *known == deal) {
            return None;
        }
        let other = deals.iter().find(|(_, taken)| taken.overlaps(lots)).map(|(other, _)| *other);
        deals.push((deal, *lots));
        other
    }

    pub(super) fn forget(&mut self, epoch: u64) {
        self.by_order.retain(|_, (last, _)| *last + EPOCHS_MAX > epoch);
    }
}
