//! Many entries as few gossip messages: as many in each as the wire lets through.

use alloc::vec::Vec;

use protocol::Entry;
use protocol::wire::{self, GOSSIP_ENTRIES_MAX, GOSSIP_MAX};

use crate::market::Market;

/// What a message takes beside its entries: their number, in at most so many bytes.
const COUNT_BYTES: usize = 8;

impl Market {
    /// Gossips what this node brings into the market.
    pub(crate) fn publish_in_batches(&mut self, entries: Vec<Entry>) {
        batches(entries).iter().for_each(|batch| self.publish_heads(&batch.iter().collect::<Vec<_>>()));
    }
}

/// The entries in order, cut into as few messages as fit.
fn batches(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut batches: Vec<Vec<Entry>> = Vec::new();
    let mut bytes = GOSSIP_MAX;
    for entry in entries {
        let size = wire::encode(&entry).len();
        match batches.last_mut().filter(|last| last.len() < GOSSIP_ENTRIES_MAX && bytes + size <= GOSSIP_MAX) {
            Some(last) => last.push(entry),
            None => {
                batches.push(alloc::vec![entry]);
                bytes = COUNT_BYTES;
            }
        }
        bytes += size;
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::people::{Person, order};
    use protocol::talk::OrdersMessage;
    use protocol::{Address, Side};

    #[test]
    fn every_message_fits_the_wire_and_no_entry_is_lost() {
        let person = Person::new(1);
        let entry = |slot: u16, exclusions: u8| {
            let mut order = order(Side::Ask, 100, 1);
            order.slot = slot;
            order.excluded = (1..=exclusions).map(|byte| Address([byte; 20])).collect();
            person.entry(order)
        };
        for (count, exclusions) in [(0, 0), (1, 0), (64, 0), (65, 0), (64, 16), (300, 16)] {
            let entries: Vec<Entry> = (0..count).map(|slot| entry(slot, exclusions)).collect();
            let batches = batches(entries.clone());
            assert_eq!(batches.concat(), entries);
            let sizes: Vec<usize> =
                batches.iter().map(|batch| wire::encode(&OrdersMessage(batch.clone())).len()).collect();
            assert!(sizes.iter().all(|&size| size <= GOSSIP_MAX), "{sizes:?}");
            assert!(batches.iter().all(|batch| batch.len() <= GOSSIP_ENTRIES_MAX));
            let least = sizes.iter().sum::<usize>().div_ceil(GOSSIP_MAX).max(entries.len().div_ceil(64));
            assert!(batches.len() <= least + 1, "{} messages, {least} would do", batches.len());
        }
    }
}
