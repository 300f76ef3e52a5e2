//! Who a peer is: proven by the handshake, whatever it or anybody else says.

use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use protocol::hash::hex_decode;

use super::super::{DialFailure, Direction, NetError, keypair};
use super::*;

const FIRST_ANVIL_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

async fn two_nodes_meet_over(transport: &str) {
    let mut first = config(1, &[transport]);
    first.keypair = keypair(&mut hex_decode(FIRST_ANVIL_KEY).unwrap()).unwrap();
    let (mut a, mut b) = (run(first).await, run(config(2, &[transport])).await);
    assert_eq!(a.address.to_string(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    a.meet(&mut b).await;
    let (seen_by_a, seen_by_b) = (a.peer(b.address).await.unwrap(), b.peer(a.address).await.unwrap());
    assert_eq!((seen_by_a.direction, seen_by_b.direction), (Direction::Outbound, Direction::Inbound));
    assert_eq!((seen_by_a.agent.as_str(), seen_by_a.heads), ("souk/test", 3));
    assert!(seen_by_a.multiaddr.contains(if transport == QUIC { "/quic-v1" } else { "/tcp/" }));
    a.ask(&mut b).await;
    b.ask(&mut a).await;
}

#[tokio::test]
async fn two_nodes_learn_each_others_true_address_over_quic() {
    two_nodes_meet_over(QUIC).await;
}

#[tokio::test]
async fn two_nodes_learn_each_others_true_address_over_tcp() {
    two_nodes_meet_over(TCP).await;
}

#[tokio::test]
async fn a_dial_that_names_another_peer_is_refused() {
    for transport in [TCP, QUIC] {
        let (a, b) = (run(config(1, &[transport])).await, run(config(2, &[transport])).await);
        let mut place = b.place().await;
        place.pop();
        let forged = place.clone().with(Protocol::P2p(key(3).public().to_peer_id()));
        assert_eq!(a.net.dial(forged).await, Err(DialFailure::WrongPeer { found: Some(b.address) }));
        assert!(a.net.peers().await.is_empty() && b.net.peers().await.is_empty());
        assert_eq!(a.net.dial(place).await, Ok(b.address), "without a name it is whoever answers");
    }
}

#[tokio::test]
async fn a_node_does_not_connect_to_itself() {
    let a = node(1).await;
    let mut place = a.place().await;
    assert_eq!(a.net.dial(place.clone()).await, Err(DialFailure::Own));
    place.pop();
    assert_eq!(a.net.dial(place).await, Err(DialFailure::Own));
}

/// The certificate carries the host key and its signature over the certificate's own key. Whoever replaces the host key
/// by another's lacks that signature.
#[test]
fn a_certificate_that_names_anothers_key_is_refused() {
    let (mine, victim) = (key(1), key(2));
    let (certificate, _) = libp2p::tls::certificate::generate(&mine).unwrap();
    let parsed = libp2p::tls::certificate::parse(&certificate).unwrap();
    assert_eq!(names::address_of(&parsed.peer_id()), Some(address(1)));

    let (mine, victims) = (mine.public().encode_protobuf(), victim.public().encode_protobuf());
    let mut bytes = certificate.to_vec();
    let at = bytes.windows(mine.len()).position(|window| window == mine).unwrap();
    bytes[at..at + victims.len()].copy_from_slice(&victims);
    assert!(libp2p::tls::certificate::parse(&bytes.into()).is_err());
}

#[tokio::test]
async fn a_host_key_of_another_kind_is_refused_at_the_start() {
    // Ed25519 is not even compiled in, so the nearest thing is a key out of range.
    assert!(keypair(&mut [0; 32]).is_none());
    let is_ed25519 = Keypair::from_protobuf_encoding(&[8, 1, 18, 0]).is_ok();
    assert!(!is_ed25519);
    let mut bad = config(1, &["/memory/1"]);
    assert!(matches!(start_with(bad.clone(), NetLimits::default()).await, Err(NetError::BadAddress { .. })));
    bad.listen.clear();
    bad.bootstrap = vec![format!("{TCP}/p2p/{}", libp2p::PeerId::random()).parse().unwrap()];
    assert!(matches!(start_with(bad, NetLimits::default()).await, Err(NetError::BadAddress { .. })));
}
