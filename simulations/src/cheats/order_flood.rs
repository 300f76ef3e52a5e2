//! Sybils that gossip orders as fast as they can, many times what one owner has slots for: versions upon versions of all
//! slots, and slots that nobody has. Shows what quota, judgement and score leave of it.

use matcher::{Input, Topic};
use protocol::talk::OrdersMessage;
use protocol::wire::GOSSIP_ENTRIES_MAX;
use protocol::{Address, Authority, Capacity, Entry, Flags, Hash, Identity, Metric, Order, Price, Side, Signed, Typed};

use super::{Scene, Strategy};
use crate::desk::Deed;
use crate::engine::SECOND;
use crate::scenario::Cheat;

/// See the module.
#[derive(Debug)]
pub struct OrderFlood {
    /// Orders a second, in multiples of the slots that an owner has.
    quotas: u64,
    version: u64,
    sent: u64,
}

impl OrderFlood {
    /// May be told `quotas`, 10 by default.
    pub fn new(cheat: &Cheat) -> OrderFlood {
        OrderFlood { quotas: cheat.with.get("quotas").copied().unwrap_or(10.0).max(1.0) as u64, version: 0, sent: 0 }
    }

    fn order(&mut self, slot: u16, scene: &Scene<'_>) -> Entry {
        self.version += 1;
        let parameters = &scene.hall.parameters;
        let from_epoch = parameters.epoch_to_sign(scene.moment.unix_ms);
        let body = Order {
            side: Side::Ask,
            owner: scene.key.address(),
            slot,
            version: scene.moment.unix_ms + self.version,
            capacity: Capacity::new([(Metric::CpuHash, 10_000_000), (Metric::MemSize, 1_000)]),
            lots: 1,
            price: Price(1),
            duration_min_s: 1,
            duration_max_s: 60,
            billed_min_s: 1,
            from_epoch,
            expiry_epoch: from_epoch + 5,
            counterparty: Address::ZERO,
            excluded: Vec::new(),
            identity_min: Identity::Anonymous,
            flags: Flags::default(),
            tag: Hash::ZERO,
        };
        let digest = parameters.domain().digest(&body.struct_hash());
        Entry::Order(Signed { body, authority: Authority::own(scene.key.sign(&digest)) })
    }
}

impl Strategy for OrderFlood {
    fn on_wake(&mut self, scene: &mut Scene<'_>) -> Vec<Input> {
        // A tenth of a second's share, in messages as full as may be.
        let slots = u64::from(scene.hall.parameters.slots_per_owner);
        let mut left = (self.quotas * slots).div_ceil(10);
        while left > 0 {
            let count = left.min(GOSSIP_ENTRIES_MAX as u64);
            let entries: Vec<Entry> =
                (0..count).map(|at| self.order(((self.sent + at) % (2 * slots)) as u16, scene)).collect();
            let bytes = OrdersMessage::encode(&entries.iter().collect::<Vec<_>>());
            scene.deeds.push(Deed::Publish { topic: Topic::Orders, bytes });
            (self.sent, left) = (self.sent + count, left - count);
        }
        scene.wake_at(scene.moment.now + SECOND / 10);
        Vec::new()
    }

    fn figures(&self) -> Vec<(String, f64)> {
        vec![("order_flood.orders_sent".into(), self.sent as f64)]
    }
}
