//! The limits in force, seen from outside.

use std::net::{TcpListener, UdpSocket};

use super::super::{DialFailure, NetError};
use super::*;

#[tokio::test]
async fn the_limits_of_the_design_are_in_force() {
    let node = node(1).await;
    let limits = node.net.config_dump();
    assert_eq!((limits.connections_max, limits.pending_incoming_max, limits.pending_outgoing_max), (110, 32, 32));
    assert_eq!((limits.connections_incoming_max, limits.connections_per_peer_max), (88, 4));
    assert_eq!((limits.gossip_max, limits.gossip_frame_max), (60 * 1024, 64 * 1024));
    assert_eq!((limits.request_max, limits.response_max), (256 * 1024, 1024 * 1024));
    assert_eq!(limits.request_timeout_s, 10);
    assert_eq!((limits.gossip_rate, limits.gossip_burst), (100, 500));
    assert_eq!((limits.bytes_rate, limits.bytes_burst), (1024 * 1024, 4 * 1024 * 1024));
    assert_eq!((limits.outbound_target, limits.outbound_near, limits.known_max), (8, 4, 1024));
    assert_eq!((limits.mesh, limits.mesh_low, limits.mesh_high, limits.mesh_outbound_min), (8, 6, 10, 3));
    assert!(limits.idle_connection_s >= 60);
}

#[tokio::test]
async fn a_full_node_takes_no_more_connections_and_keeps_those_it_has() {
    let limits = NetLimits { connections_max: 2, ..NetLimits::default() };
    let mut hub = run_with(config(1, &[TCP]), limits).await;
    let [mut a, mut b, c] = [node(2).await, node(3).await, node(4).await];
    a.meet(&mut hub).await;
    b.meet(&mut hub).await;
    assert_eq!(c.net.dial(hub.place().await).await, Err(DialFailure::Unreachable));
    assert_eq!(hub.net.dial(c.place().await).await, Err(DialFailure::Full));
    a.ask(&mut hub).await;
    b.ask(&mut hub).await;
}

#[tokio::test]
async fn places_for_our_own_dials_are_kept_free() {
    let limits = NetLimits { connections_max: 2, connections_incoming_max: 1, ..NetLimits::default() };
    let mut hub = run_with(config(1, &[TCP]), limits).await;
    let [mut a, b, mut c] = [node(2).await, node(3).await, node(4).await];
    a.meet(&mut hub).await;
    assert_eq!(b.net.dial(hub.place().await).await, Err(DialFailure::Unreachable));
    hub.meet(&mut c).await;
}

#[tokio::test]
async fn a_port_in_use_is_an_error_at_the_start() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let running = node(1).await;
    let mut theirs = running.place().await;
    theirs.pop();
    for taken in [
        format!("/ip4/127.0.0.1/tcp/{}", tcp.local_addr().unwrap().port()),
        format!("/ip4/127.0.0.1/udp/{}/quic-v1", udp.local_addr().unwrap().port()),
        theirs.to_string(),
    ] {
        match start_with(config(2, &[&taken]), NetLimits::default()).await {
            Err(NetError::PortInUse { address }) => assert_eq!(address.to_string(), taken),
            other => panic!("{taken}: {:?}", other.err()),
        }
    }
}

#[tokio::test]
async fn a_port_is_free_again_after_shutdown() {
    let (mut a, mut b) = (node(1).await, node(2).await);
    a.meet(&mut b).await;
    let mut place = a.place().await;
    a.net.shutdown().await;
    b.wait_down(a.address).await;
    assert!(a.net.peers().await.is_empty() && a.net.listeners().await.is_empty());
    place.pop();
    let again = run(config(1, &[&place.to_string()])).await;
    assert_eq!(b.net.dial(again.place().await).await, Ok(again.address));
}

#[tokio::test]
async fn listening_is_told_with_the_peers_name() {
    let mut node = run(config(1, &[TCP, QUIC])).await;
    let listeners = node.net.listeners().await;
    assert_eq!(listeners.len(), 2);
    for _ in 0..2 {
        let told = node.wait("listening", |event| match event {
            NetEvent::Listening(address) => Some(address),
            _ => None,
        });
        let told = told.await;
        assert!(listeners.contains(&told) && told.to_string().ends_with(&key(1).public().to_peer_id().to_string()));
    }
}
