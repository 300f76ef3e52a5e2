//! Everything that is said in the cases, signed once: versions of few slots, cancels, trees, deals that overlap, forged
//! copies; and what recovering each signature gives.

use std::cell::RefCell;
use std::collections::BTreeMap;

use protocol::talk::DealMessage;
use protocol::{DealTerms, Entry, Order, OrderRef, Price, Recovery, Side, StruckDeal, wire};

use crate::people::{Person, market, order, orders_message, struck};

/// When every case begins: the first millisecond of an epoch.
pub const START_MS: u64 = 1_700_000_000_000;

pub struct Pool {
    pub entries: Vec<Entry>,
    /// Encoded struck deals.
    pub deals: Vec<Vec<u8>>,
}

thread_local! {
    static KNOWN: RefCell<BTreeMap<Recovery, bool>> = const { RefCell::new(BTreeMap::new()) };
}

/// What the recovery gives; each is really done once.
pub fn verdict(recovery: &Recovery) -> bool {
    KNOWN.with_borrow_mut(|known| *known.entry(*recovery).or_insert_with(|| recovery.run().is_ok()))
}

fn version(slot: u16, version: u64, (from, life): (u64, u64)) -> Order {
    let side = if slot == 0 { Side::Ask } else { Side::Bid };
    let mut order = order(side, u128::from(100 + version), market().epoch_at(START_MS) + from);
    (order.slot, order.version, order.lots) = (slot, version, 1 + (version % 2) as u32);
    order.expiry_epoch = order.from_epoch + life;
    order
}

fn forged(entry: &Entry) -> Entry {
    let mut entry = entry.clone();
    match &mut entry {
        Entry::Order(order) => order.authority.signature.0[5] ^= 1,
        Entry::Cancel(cancel) => cancel.authority.signature.0[5] ^= 1,
    }
    entry
}

impl Pool {
    pub fn new() -> Pool {
        let owners: Vec<Person> = (0..3).map(Person::new).collect();
        let epoch = market().epoch_at(START_MS);
        let mut entries = Vec::new();
        for (number, owner) in (0u64..).zip(&owners) {
            for slot in 0..2 {
                for step in 0..4u64 {
                    // First epochs rise and fall with the version, lives are short and long.
                    let from = [0, 1, 1, 2][((step + number) % 4) as usize];
                    entries.push(owner.entry(version(slot, 1 + step, (from, 2 + (step * 3 + number) % 5))));
                }
                // The same version twice, and a tree of both slots.
                entries.push(owner.entry(version(slot, 3, (1, 6 + number))));
            }
            entries.extend(owner.bulk(vec![version(0, 5, (1, 4)), version(1, 5, (2, 3)), version(1, 2, (0, 7))]));
            entries.push(owner.cancel(0, 4 + number % 2, (epoch + 1, epoch + 6)));
        }
        let deals = Pool::deals(&owners, &entries);
        let forged: Vec<Entry> = entries.iter().step_by(5).map(forged).collect();
        entries.extend(forged);
        Pool { entries, deals }
    }

    /// Between asks and bids of different owners, over lots that overlap in every way.
    fn deals(owners: &[Person], entries: &[Entry]) -> Vec<Vec<u8>> {
        let domain = market().domain();
        let epoch = market().epoch_at(START_MS);
        let side = |entry: &Entry, (first_lot, lots): (u32, u32)| {
            let (owner, slot, version) = entry.place();
            OrderRef { id: entry.id(&domain), owner, slot, version, first_lot, lots }
        };
        let of = |wanted: Side| {
            let is_side = move |entry: &&Entry| matches!(entry, Entry::Order(order) if order.body.side == wanted);
            entries.iter().filter(is_side)
        };
        let person = |entry: &Entry| owners.iter().find(|owner| owner.address == entry.place().0).unwrap();
        let mut deals = Vec::new();
        for (number, (ask, bid)) in of(Side::Ask).flat_map(|ask| of(Side::Bid).map(move |bid| (ask, bid))).enumerate() {
            let number = number as u64;
            if !number.is_multiple_of(7) || ask.place().0 == bid.place().0 {
                continue;
            }
            let lots = [(0, 1), (1, 1), (0, 2)][(number % 3) as usize];
            let terms = DealTerms {
                ask: side(ask, lots),
                bid: side(bid, lots),
                price: Price(100),
                duration_s: 600,
                billed_min_s: 60,
                epoch: epoch + number % 2,
                sealed_root: protocol::Hash::ZERO,
                open_before: 1,
            };
            deals.push(encoded(struck(&terms, person(ask), person(bid))));
        }
        deals
    }
}

pub fn encoded(deal: StruckDeal) -> Vec<u8> {
    wire::encode(&DealMessage::Struck(Box::new(deal)))
}

pub fn message(entries: &[Entry]) -> Vec<u8> {
    orders_message(entries)
}
