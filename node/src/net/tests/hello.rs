//! The first words on a connection: who belongs here and who does not.

use libp2p::swarm::SwarmEvent;
use protocol::talk::Refusal;
use protocol::wire;

use super::super::DialFailure;
use super::raw::Raw;
use super::*;

async fn wait_refused(node: &mut Node) -> (Address, Refusal) {
    node.wait("a refusal", |event| match event {
        NetEvent::Refused { address, refusal, .. } => Some((address, refusal)),
        NetEvent::PeerUp { .. } => panic!("a refused peer is never up"),
        _ => None,
    })
    .await
}

async fn both_sides_learn(other: Hello, seen_by_a: Refusal, seen_by_b: Refusal) {
    let mut stranger = config(2, &[TCP]);
    stranger.hello = other;
    let (mut a, mut b) = (node(1).await, run(stranger).await);
    let place = b.place().await;
    let failure = Err(DialFailure::Refused(seen_by_a.clone()));
    assert_eq!(a.net.dial(place.clone()).await, failure);
    assert_eq!(wait_refused(&mut a).await, (b.address, seen_by_a.clone()));
    assert_eq!(wait_refused(&mut b).await, (a.address, seen_by_b));

    assert_eq!(a.net.dial(place).await, failure, "it is left alone for a while");
    let request = Request::Book { after: None };
    assert_eq!(a.net.request(b.address, request).await, Err(super::super::RequestError::Refused(seen_by_a)));
    assert!(a.net.peers().await.is_empty() && b.net.peers().await.is_empty());
}

#[tokio::test]
async fn another_market_is_refused_on_both_sides() {
    let elsewhere = MarketId(keccak256(&[b"another market"]));
    let other = Hello { market: elsewhere, ..hello() };
    let seen_by_b = Refusal::OtherMarket { theirs: market() };
    both_sides_learn(other, Refusal::OtherMarket { theirs: elsewhere }, seen_by_b).await;
}

#[tokio::test]
async fn another_version_is_refused_on_both_sides() {
    let other = Hello { protocol_version: 2, ..hello() };
    both_sides_learn(other, Refusal::OtherVersion { theirs: 2 }, Refusal::OtherVersion { theirs: 1 }).await;
}

#[tokio::test]
async fn a_peer_that_asks_before_it_says_hello_is_refused() {
    let (a, mut raw) = (node(1).await, Raw::start(9).await);
    raw.connect(a.place().await).await;
    let id = key(1).public().to_peer_id();
    let response = raw.ask(id, wire::encode(&Request::Book { after: None })).await.unwrap();
    let refused = Response::Refused(Refusal::OtherVersion { theirs: 1 });
    assert_eq!(wire::decode(&response, wire::RESPONSE_MAX), Ok(refused));
    assert_eq!(a.net.counters().faults, 1);
    assert!(a.net.peers().await.is_empty());
}

/// The peer that we dialed welcomes us first, so its first request can overtake its answer to our hello.
#[tokio::test]
async fn a_request_that_overtakes_the_hello_is_answered_after_it() {
    let (mut a, mut raw) = (node(1).await, Raw::start(9).await);
    raw.answer = wire::encode(&Response::Hello(hello()));
    let (net, place, id) = (a.net.clone(), raw.place(), key(1).public().to_peer_id());
    let ask = async {
        raw.drive("a connection", |event| matches!(event, SwarmEvent::ConnectionEstablished { .. }).then_some(()))
            .await;
        raw.ask(id, wire::encode(&Request::Book { after: None })).await
    };
    let (dialed, asked, answered) = tokio::join!(net.dial(place), ask, a.answer(Response::Done));
    assert_eq!((dialed, answered.0), (Ok(address(9)), address(9)));
    assert_eq!(asked, Some(wire::encode(&Response::Done)));
    assert_eq!(a.net.counters().faults, 0);
}

/// A hello of a peer in one more life.
fn reborn(life: u8) -> Vec<u8> {
    wire::encode(&Request::Hello(Hello { salt: protocol::Hash([life; 32]), ..hello() }))
}

#[tokio::test]
async fn another_life_comes_over_another_connection() {
    let (mut a, mut raw) = (node(1).await, Raw::start(9).await);
    let id = key(1).public().to_peer_id();
    raw.join(a.place().await, id).await;
    a.wait_up(address(9)).await;
    raw.connect(a.place().await).await;
    let response = raw.ask(id, reborn(1)).await.unwrap();
    assert!(matches!(wire::decode(&response, wire::RESPONSE_MAX), Ok(Response::Hello(_))));
    a.wait_up(address(9)).await;
    assert_eq!(a.net.counters().faults, 0);
}

#[tokio::test]
async fn a_peer_that_claims_life_after_life_on_one_connection_is_hung_up_on() {
    let (mut a, mut raw) = (node(1).await, Raw::start(9).await);
    let id = key(1).public().to_peer_id();
    raw.join(a.place().await, id).await;
    a.wait_up(address(9)).await;
    raw.tell(id, wire::encode(&Request::Hello(hello())));
    raw.tell(id, reborn(1));
    raw.wait_closed().await;
    a.wait("its end", |event| match event {
        NetEvent::PeerUp { .. } => panic!("it is no news"),
        NetEvent::PeerDown { .. } => Some(()),
        _ => None,
    })
    .await;
    assert_eq!(a.net.counters().faults, 1);
}

#[tokio::test]
async fn a_peer_that_is_too_busy_for_our_hello_is_not_at_fault() {
    let (a, mut raw) = (node(1).await, Raw::start(9).await);
    raw.answer = wire::encode(&Response::Declined(protocol::Rejected::RateLimit));
    let place = raw.place();
    assert_eq!(raw.during(a.net.dial(place)).await, Err(DialFailure::Unreachable));
    assert_eq!(a.net.counters().faults, 0);
}

#[tokio::test]
async fn a_peer_that_never_says_hello_is_hung_up_on() {
    let limits = NetLimits { hello_timeout_s: 1, ..NetLimits::default() };
    let (a, mut raw) = (run_with(config(1, &[TCP]), limits).await, Raw::start(9).await);
    raw.connect(a.place().await).await;
    raw.wait_closed().await;
    assert!(a.net.peers().await.is_empty());
}

#[tokio::test]
async fn an_answer_to_a_hello_that_makes_no_sense_ends_the_connection() {
    let (a, mut raw) = (node(1).await, Raw::start(9).await);
    raw.answer = vec![255; 40];
    let place = raw.place();
    assert_eq!(raw.during(a.net.dial(place)).await, Err(DialFailure::Unreachable));
    assert_eq!(a.net.counters().faults, 1);
}

#[tokio::test]
async fn a_banned_peer_is_out_until_the_ban_ends() {
    let (mut a, mut b) = (node(1).await, node(2).await);
    a.meet(&mut b).await;
    a.net.ban(b.address);
    a.wait_down(b.address).await;
    b.wait_down(a.address).await;
    assert_eq!(a.net.dial(b.place().await).await, Err(DialFailure::Banned));
    assert_eq!(b.net.dial(a.place().await).await, Err(DialFailure::Unreachable));
    a.net.unban(b.address);
    b.meet(&mut a).await;
}

#[tokio::test]
async fn an_address_can_be_banned_before_it_is_ever_seen() {
    let (a, b) = (node(1).await, node(2).await);
    a.net.ban(b.address);
    assert_eq!(b.net.dial(a.place().await).await, Err(DialFailure::Unreachable));
    assert!(a.net.peers().await.is_empty());
}
