//! Peers that nobody can dial: found by their address, reached through a relay, and directly where that works.

use super::super::RequestError;
use super::*;

fn is_circuit(place: &Multiaddr) -> bool {
    place.to_string().contains("/p2p-circuit")
}

/// A node that listens on nothing and knows `relay`.
async fn hidden(seed: u8, relay: &Node) -> Node {
    let mut config = config(seed, &[]);
    config.bootstrap = vec![relay.place().await];
    run(config).await
}

async fn wait_reserved(node: &Node) {
    until("a place at the relay", || async { node.net.listeners().await.iter().any(is_circuit) }).await;
}

#[tokio::test]
async fn a_node_without_an_address_is_found_and_answers_through_a_relay() {
    for transport in [TCP, QUIC] {
        let relay = run(config(3, &[transport])).await;
        let mut b = hidden(2, &relay).await;
        wait_reserved(&b).await;
        let place = b.place().await;
        assert!(is_circuit(&place) && place.to_string().ends_with(&key(2).public().to_peer_id().to_string()));
        // Neither end of the circuit can be dialed, so that it stays one.
        let mut a = hidden(1, &relay).await;
        a.wait_up(relay.address).await;
        let found = until("the relay knows the place", || async {
            let failed = Err(RequestError::Unreachable);
            a.net.request(address(2), Request::Book { after: None }).await != failed
        });
        tokio::join!(found, b.answer(Response::Done));
        let (seen_by_a, seen_by_b) = (a.peer(b.address).await.unwrap(), b.peer(a.address).await.unwrap());
        assert!(seen_by_a.is_relayed && seen_by_b.is_relayed);
        assert!(seen_by_a.multiaddr.contains("/p2p-circuit") && seen_by_b.multiaddr.contains("/p2p-circuit"));
        assert!(!a.peer(relay.address).await.unwrap().is_relayed);
        b.ask(&mut a).await;
    }
}

#[tokio::test]
async fn a_hidden_node_can_be_dialed_at_its_place_and_then_dials_back_directly() {
    let relay = node(3).await;
    let mut b = hidden(2, &relay).await;
    wait_reserved(&b).await;
    let mut a = node(1).await;
    assert_eq!(a.net.dial(b.place().await).await, Ok(b.address));
    a.ask(&mut b).await;
    until("the connection is direct on both sides", || async {
        let sides = [a.peer(b.address).await, b.peer(a.address).await];
        sides.iter().all(|peer| peer.as_ref().is_some_and(|peer| !peer.is_relayed))
    })
    .await;
    a.ask(&mut b).await;
    b.ask(&mut a).await;
}

#[tokio::test]
async fn a_relay_that_is_full_keeps_no_more_places_and_a_node_that_can_be_dialed_wants_none() {
    let limits = NetLimits { relay_reservations_max: 1, ..NetLimits::default() };
    let relay = run_with(config(3, &[TCP]), limits).await;
    let first = hidden(1, &relay).await;
    wait_reserved(&first).await;
    let mut second = hidden(2, &relay).await;
    second.wait_up(relay.address).await;
    // Whoever can be dialed is a relay itself; this one keeps no places.
    let mut open = run_with(config(4, &[TCP]), NetLimits { relay_reservations_max: 0, ..NetLimits::default() }).await;
    open.net.dial(relay.place().await).await.unwrap();
    open.wait_up(relay.address).await;
    // The relay answers in order: after two more questions the reservation was decided.
    for node in [&second, &open] {
        assert_eq!(node.net.request(address(7), Request::Book { after: None }).await, Err(RequestError::NotFound));
        assert!(!node.net.listeners().await.iter().any(is_circuit));
    }
    drop(relay);
}

#[tokio::test]
async fn a_hidden_node_takes_places_at_two_relays_and_another_when_one_is_gone() {
    let relays = [node(3).await, node(4).await, node(5).await];
    let mut config = config(2, &[]);
    for relay in &relays {
        config.bootstrap.push(relay.place().await);
    }
    let b = run(config).await;
    let places = async || {
        let places: Vec<String> =
            b.net.listeners().await.iter().filter(|p| is_circuit(p)).map(ToString::to_string).collect();
        places
    };
    until("two places", || async { places().await.len() == 2 }).await;
    let is_at = |places: &[String], relay: &Node| {
        places.iter().any(|place| place.contains(&format!("/p2p/{}/p2p-circuit", peer_id_of(relay))))
    };
    let taken = places().await;
    let gone = relays.iter().find(|relay| is_at(&taken, relay)).unwrap();
    gone.net.shutdown().await;
    until("two places without the one that is gone", || async {
        let places = places().await;
        places.len() == 2 && !is_at(&places, gone)
    })
    .await;
}

fn peer_id_of(node: &Node) -> String {
    let seed = (1..=9).find(|seed| address(*seed) == node.address).unwrap();
    key(seed).public().to_peer_id().to_string()
}
