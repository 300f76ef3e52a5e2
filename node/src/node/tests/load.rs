//! The load: 200 orders a second for a minute, placed at one node after the other, and what becomes of each.

use std::time::{Duration, Instant};

use super::fleet::{Fleet, Seen};
use super::owners::Owner;
use crate::net::NetCounters;

const NODES: usize = 20;
const OWNERS: u16 = 250;
/// Orders of one message.
const BATCH: u16 = 16;
/// Messages of each owner, which makes 48 of its 64 slots.
const ROUNDS: u16 = 3;
/// Sixteen orders every 80 ms are 200 a second.
const INTERVAL: Duration = Duration::from_millis(80);
const ORDERS: usize = OWNERS as usize * (BATCH * ROUNDS) as usize;
/// For what is still under way when the last order is placed.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_thousand_orders_in_a_minute_reach_every_one_of_twenty_nodes_once() {
    let fleet = Fleet::start(NODES).await;
    let owners: Vec<Owner> = (0..OWNERS).map(Owner::new).collect();
    let started = Instant::now();
    let mut pace = tokio::time::interval(INTERVAL);
    for round in 0..ROUNDS {
        for (number, owner) in owners.iter().enumerate() {
            pace.tick().await;
            // A step of seven visits all twenty nodes in turn.
            let node = &fleet.nodes[(number + usize::from(round)) * 7 % NODES];
            let epoch = fleet.file.market.epoch_to_sign(node.engine.clock().now_ms());
            let slots = round * BATCH..(round + 1) * BATCH;
            let (ids, bytes) = owner.message(slots, epoch, &fleet.file.market);
            ids.into_iter().for_each(|id| fleet.admitted.placed(id));
            node.submit(owner.address(), bytes).await;
        }
    }
    let took = started.elapsed();
    let end = Instant::now() + PATIENCE;
    while fleet.admitted.all().iter().any(|seen| seen.nodes < NODES) && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    report(&fleet, took);
    let all = fleet.admitted.all();
    assert_eq!((all.len(), fleet.admitted.missed()), (ORDERS, 0));
    for node in &fleet.nodes {
        assert_eq!(node.heads().await, ORDERS);
    }
    assert!(all.iter().all(|seen| seen.nodes == NODES), "an order was admitted twice by one node");
    fleet.stop().await;
}

fn report(fleet: &Fleet, took: Duration) {
    let all = fleet.admitted.all();
    let complete: Vec<&Seen> = all.iter().filter(|seen| seen.nodes >= NODES).collect();
    eprintln!(
        "{} orders of {OWNERS} owners placed at {NODES} nodes in {:.1} s; {} of them admitted by all",
        all.len(),
        took.as_secs_f64(),
        complete.len(),
    );
    eprintln!("from placing to the last node: {}", delays(&complete));
    let first = complete.iter().map(|seen| seen.placed).min().unwrap_or_else(Instant::now);
    let third = |seen: &Seen| ((seen.placed - first).as_secs_f64() * 3.0 / took.as_secs_f64()) as usize;
    for part in 0..3 {
        let placed: Vec<&Seen> = complete.iter().copied().filter(|seen| third(seen).min(2) == part).collect();
        eprintln!("  placed in third {} of the time: {}", part + 1, delays(&placed));
    }
    let counters: Vec<_> = fleet.nodes.iter().map(|node| node.net.counters()).collect();
    let sum = |of: fn(&NetCounters) -> u64| counters.iter().map(of).sum::<u64>();
    eprintln!(
        "dropped at bounds, all nodes: {} gossip messages by a node that was behind, {} of a sender that sent too many, \
         {} verdicts; {} faults of peers",
        sum(|counters| counters.gossip_dropped),
        sum(|counters| counters.gossip_limited),
        sum(|counters| counters.commands_lost),
        sum(|counters| counters.faults),
    );
}

fn delays(orders: &[&Seen]) -> String {
    let mut delays: Vec<Duration> = orders.iter().map(|seen| seen.delay()).collect();
    delays.sort_unstable();
    let part = |per_mille: usize| delays.get(delays.len() * per_mille / 1000).or(delays.last()).copied();
    let ms = |per_mille| part(per_mille).unwrap_or_default().as_millis();
    format!("p50 {} ms, p95 {} ms, p99 {} ms, max {} ms", ms(500), ms(950), ms(990), ms(1000))
}
