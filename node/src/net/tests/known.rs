//! Peers that were met are met again: after a restart without the first peers, and behind a wall of inbound connections.

use super::super::{DialFailure, Direction, KnownPeer, Topic, Verdict};
use super::*;

impl Node {
    /// What the node was told of `peer`, once it can be dialed.
    async fn record(&mut self, peer: Address) -> KnownPeer {
        self.wait("a record", |event| match event {
            NetEvent::Known(known) if known.address == peer => Some(known),
            _ => None,
        })
        .await
    }
}

#[tokio::test]
async fn two_nodes_that_met_through_a_third_meet_again_without_it() {
    let third = node(3).await;
    let begin = async |seed: u8| {
        let mut config = config(seed, &[TCP]);
        config.bootstrap = vec![third.place().await];
        run(config).await
    };
    let (mut a, b) = (begin(1).await, begin(2).await);
    let (met, own) = tokio::join!(a.record(address(2)), b.place());
    assert!(met.multiaddrs.contains(&own), "{met:?} holds {own}");
    for node in [&a, &b, &third] {
        node.net.shutdown().await;
    }

    let mut place = own;
    place.pop();
    let mut b = run(config(2, &[&place.to_string()])).await;
    let mut again = config(1, &[TCP]);
    again.known = vec![met];
    let mut a = run(again).await;
    a.wait_up(b.address).await;
    b.wait_up(a.address).await;
    assert_eq!(a.peer(b.address).await.unwrap().direction, Direction::Outbound);
    a.ask(&mut b).await;
}

/// The counterpart: nothing else brings them together.
#[tokio::test]
async fn a_node_that_forgot_everyone_meets_nobody() {
    let b = node(2).await;
    let a = node(1).await;
    let request = Request::Book { after: None };
    assert!(a.net.request(b.address, request).await.is_err());
    assert!(a.net.peers().await.is_empty());
}

#[tokio::test]
async fn a_request_to_a_known_peer_needs_nobody_else() {
    let mut b = node(2).await;
    let mut sleeper = config(1, &[]);
    sleeper.known =
        vec![KnownPeer { address: b.address, multiaddrs: vec![b.place().await], latency_ms: None, was_dialed: true }];
    let limits = NetLimits { outbound_target: 0, ..NetLimits::default() };
    let mut a = run_with(sleeper, limits).await;
    a.ask(&mut b).await;
}

/// A place at which nobody listens yet.
async fn future_place(seed: u8) -> Multiaddr {
    let node = node(seed).await;
    let place = node.place().await;
    node.net.shutdown().await;
    place
}

#[tokio::test]
async fn an_attacker_that_fills_all_inbound_places_does_not_keep_the_market_out() {
    let limits =
        NetLimits { connections_max: 6, connections_incoming_max: 4, outbound_target: 2, ..NetLimits::default() };
    let (first, second) = (future_place(2).await, future_place(3).await);
    let met = |seed: u8, place: &Multiaddr| KnownPeer {
        address: address(seed),
        multiaddrs: vec![place.clone()],
        latency_ms: None,
        was_dialed: true,
    };
    let mut begin = config(1, &[TCP]);
    begin.known = vec![met(2, &first), met(3, &second)];
    let mut victim = run_with(begin, limits).await;
    let mut attackers = Vec::new();
    for seed in 11..=14 {
        let mut attacker = node(seed).await;
        attacker.meet(&mut victim).await;
        attackers.push(attacker);
    }
    let late = node(15).await;
    assert_eq!(
        late.net.dial(victim.place().await).await,
        Err(DialFailure::Unreachable),
        "all inbound places are taken"
    );

    let listen = |place: &Multiaddr| place.to_string().split("/p2p/").next().unwrap().to_owned();
    let mut honest = run(config(2, &[&listen(&first)])).await;
    let other = run(config(3, &[&listen(&second)])).await;
    for peer in [&honest, &other] {
        until("the victim has its own choices", || async {
            victim.peer(peer.address).await.is_some_and(|peer| peer.direction == Direction::Outbound)
        })
        .await;
    }
    assert_eq!(victim.net.peers().await.len(), 6);
    until("the mesh has grown", || async { honest.peer(victim.address).await.is_some_and(|peer| peer.in_orders_mesh) })
        .await;
    victim.net.publish(Topic::Orders, b"an order".to_vec()).unwrap();
    let (bytes, token) = honest
        .wait("gossip", |event| match event {
            NetEvent::Gossip { bytes, token, .. } => Some((bytes, token)),
            _ => None,
        })
        .await;
    honest.net.judge(token, Verdict::Accept);
    assert_eq!(bytes, b"an order", "what the victim says reaches the market");
}
