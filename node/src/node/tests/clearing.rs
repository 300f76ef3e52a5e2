//! A book that takes long to clear: who looks at the machine meanwhile is answered.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use matcher::{Input, Market};
use protocol::talk::Item;
use protocol::{Address, Authority, Capacity, Entry, Flags, Hash, Identity, Metric, Order, Parameters, Price, Side};
use protocol::{Signature, Signed};

use super::fleet::Fleet;

/// Orders of which no two are of a class; they clear in tenths of a second.
const ORDERS: u32 = 24_000;
/// Looks at the machine during one clearing, at least; each takes well below a millisecond.
const LOOKS_MIN: usize = 5;
/// The longest wait for a clearing of all of them.
const PATIENCE: Duration = Duration::from_secs(60);

/// One of the orders as an earlier life kept it, which nobody recovers again.
fn kept(number: u32, market: &Parameters) -> (Hash, Item) {
    let mut owner = Address([7; 20]);
    owner.0[..4].copy_from_slice(&number.to_be_bytes());
    let below_1000 = |factor: u32| 1 + u64::from(number.wrapping_mul(factor) >> 8) % 1_000;
    let side = if number.is_multiple_of(2) { Side::Ask } else { Side::Bid };
    let order = Order {
        side,
        owner,
        slot: 0,
        version: 1,
        capacity: Capacity::new([(Metric::CpuHash, below_1000(2_654_435_761)), (Metric::MemSize, below_1000(40_503))]),
        lots: 1,
        price: Price(u128::from(below_1000(2_246_822_519)) + if side == Side::Ask { 0 } else { 500 }),
        duration_min_s: 10,
        duration_max_s: 1_000 + number,
        billed_min_s: 10,
        from_epoch: 1,
        expiry_epoch: u64::MAX,
        counterparty: Address::ZERO,
        excluded: Vec::new(),
        identity_min: Identity::Anonymous,
        flags: Flags::default(),
        tag: Hash::ZERO,
    };
    let entry = Entry::Order(Signed { body: order, authority: Authority::own(Signature([0; 65])) });
    (entry.id(&market.domain()), Item::Entry(entry))
}

/// The epoch that is sealed and not cleared yet, if there is one; and the last one in which all orders were cleared.
fn look(market: &Market, _: u64) -> (Option<u64>, Option<u64>) {
    let sealed = market.last_sealed().map(|(epoch, _)| epoch).filter(|epoch| market.clearing(*epoch).is_none());
    let cleared = market.clearings().rev().find(|cleared| cleared.orders == ORDERS as usize);
    (sealed, cleared.map(|cleared| cleared.epoch))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_answers_while_it_clears_a_book_that_takes_long() {
    let fleet = Fleet::alone().await;
    let engine = &fleet.nodes[0].engine;
    let kept = (0..ORDERS).map(|number| kept(number, &fleet.file.market)).collect();
    engine.input(Input::Restore { kept, standings: Vec::new(), deals: Vec::new() }).await;
    let end = Instant::now() + PATIENCE;
    let mut looks: BTreeMap<u64, usize> = BTreeMap::new();
    let cleared = loop {
        assert!(Instant::now() < end, "never cleared: {looks:?}");
        let (sealed, cleared) = engine.view(look).await.unwrap();
        if let Some(epoch) = sealed {
            *looks.entry(epoch).or_default() += 1;
        }
        if let Some(epoch) = cleared {
            break epoch;
        }
    };
    let during = looks.get(&cleared).copied().unwrap_or_default();
    assert!(during >= LOOKS_MIN, "{during} looks while epoch {cleared} was cleared");
    fleet.stop().await;
}
