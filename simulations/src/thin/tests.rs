//! Small runs of thin peers.

use super::*;
use crate::scenario::{Latency, Links, Machines, Mesh, Mode, Traders};

fn scenario(links: Links, mesh: Mesh) -> Scenario {
    Scenario {
        name: "thin".into(),
        question: "Does it work?".into(),
        nodes: 300,
        seconds: 10,
        warmup_s: 6,
        mode: Mode::Gossip,
        market: Default::default(),
        links,
        mesh,
        clocks: Default::default(),
        machines: Machines::default(),
        traders: Traders { orders_per_s: 10.0, ..Traders::default() },
        faults: Vec::new(),
        cheats: Vec::new(),
        checks: Default::default(),
        expect: Default::default(),
    }
}

fn links() -> Links {
    Links { latency: Latency::Uniform { min_ms: 10.0, max_ms: 150.0 }, ..Links::default() }
}

fn outcome(scenario: &Scenario, seed: u64, threads: usize) -> Outcome {
    run(scenario, (scenario.nodes, seed), Effort { threads }, None, &mut |_| {}).unwrap()
}

#[test]
fn every_order_reaches_everyone_and_all_seal_the_same() {
    // Near dials of links drawn for each pair alone make two hops faster than one.
    let outcome = outcome(&scenario(links(), Mesh { near_dials: 0, ..Mesh::default() }), 1, 1);
    let figures = &outcome.figures;
    assert_eq!((figures.delivered_ppm, figures.in_time_ppm, figures.agreed_ppm), (1_000_000, 1_000_000, 1_000_000));
    assert!((60..150).contains(&figures.reach99_ms.count), "{}", figures.reach99_ms.count);
    assert!((3.0..12.0).contains(&figures.copies), "{}", figures.copies);
    assert!((1.0..2.5).contains(&figures.reach99_over_direct), "{}", figures.reach99_over_direct);
    assert!(figures.delivery_ms.p50 > 20.0 && figures.delivery_ms.max < 2_000.0, "{:?}", figures.delivery_ms);
    assert_eq!((outcome.rows.len(), figures.honest_banned), (8, 0));
    assert!(outcome.rows.iter().skip(3).all(|row| row.sealed == 300 && row.agreed == 300 && row.copies > 1.0));
}

#[test]
fn threads_change_nothing_and_seeds_do() {
    let links = Links { loss_percent: 1.0, duplicated_percent: 1.0, reordered_percent: 1.0, ..links() };
    let scenario = Scenario { nodes: 120, seconds: 4, ..scenario(links, Mesh::default()) };
    let first = outcome(&scenario, 1, 1);
    assert!(first.events > 50_000);
    for threads in [2, 3] {
        assert_eq!(outcome(&scenario, 1, threads), first, "{threads} threads");
    }
    assert_ne!(outcome(&scenario, 2, 1).trace_hash, first.trace_hash);
}

#[test]
fn reconciliation_mends_what_gossip_drops() {
    let links = Links { dropped_percent: 30.0, ..links() };
    let mesh = Mesh { degree: 2, degree_low: 1, degree_high: 3, degree_out: 0, lazy: 0, ..Mesh::default() };
    let outcome = outcome(&scenario(links, mesh), 1, 1);
    assert!(outcome.figures.delivered_ppm > 999_000, "{}", outcome.figures.delivered_ppm);
    assert!(outcome.figures.cheats["sync.mended"] > 10.0, "an order a peer a second, or so");
}

#[test]
fn sides_of_a_partition_know_nothing_of_each_other_and_agree_again_after_it() {
    let fault =
        crate::scenario::Fault { at_s: 2.0, for_s: 4.0, peers_percent: 50.0, every_s: 0.0, kind: FaultKind::Partition };
    let scenario = Scenario { faults: vec![fault], ..scenario(links(), Mesh::default()) };
    let rows = outcome(&scenario, 1, 1).rows;
    let agreed = |second: f64| rows.iter().find(|row| row.second == second).unwrap().agreed;
    assert_eq!((agreed(8.0), agreed(16.0)), (300, 300));
    assert!(agreed(12.0) < 200, "{} agree while they are apart", agreed(12.0));
}

#[test]
fn sizes_are_those_of_the_protocol() {
    let sizes = Sizes::measured();
    // 16 symbols of about 13 bytes, an estimator, a hash of 32 bytes.
    assert!((250..1_200).contains(&sizes.summary), "{sizes:?}");
    assert!((30..60).contains(&sizes.equal), "{sizes:?}");
    assert!((1_000..1_600).contains(&sizes.symbol_percent), "{sizes:?}");
}

/// A peer, or somebody who sends it what a test wants.
enum Actor {
    Peer(Box<Peer>),
    Script(Vec<Event>),
}

impl crate::engine::Node for Actor {
    type Event = Event;

    fn handle(&mut self, now: Nanos, event: Event, out: &mut crate::engine::Out<'_, Event>) {
        match self {
            Actor::Peer(peer) => peer.handle(now, event, out),
            Actor::Script(events) => {
                for event in events.drain(..) {
                    out.send(0, now + SECOND, event);
                }
            }
        }
    }

    fn digest(event: &Event) -> u64 {
        Peer::digest(event)
    }
}

#[test]
fn an_exchange_brings_orders() {
    let scenario = scenario(links(), Mesh::default());
    let network = Arc::new(Network::new(&scenario.links, 2, 1, None).unwrap());
    let lookahead = network.lookahead();
    let world = Arc::new(world_of(&scenario, (2, 1), Rules::new(&scenario.mesh)));
    let script = vec![Event::Exchange(Box::new((Arc::new(vec![3, 9]), Arc::new(Vec::new()))))];
    let peer = Actor::Peer(Box::new(Peer::new(0, world, network)));
    let mut engine = Engine::new(vec![peer, Actor::Script(script)], lookahead, 1);
    engine.inject(1, 0, Event::Dial);
    engine.run_until(10 * SECOND);
    let Actor::Peer(peer) = engine.node(0) else { panic!("the first is a peer") };
    let known: Vec<usize> = (0..12).filter(|number| peer.heard[*number] != u32::MAX).collect();
    assert_eq!((known, peer.mended), (vec![3, 9], 2));
}
