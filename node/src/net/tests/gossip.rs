//! Gossip between real nodes: nothing is sent on before the node has accepted it.

use super::super::{MessageToken, PublishError, Topic, Verdict};
use super::*;

async fn wait_gossip(node: &mut Node) -> (Vec<u8>, MessageToken, Address) {
    node.wait("gossip", |event| match event {
        NetEvent::Gossip { topic: Topic::Orders, bytes, token, from } => Some((bytes, token, from)),
        _ => None,
    })
    .await
}

/// Three nodes in a line, a - b - c, with their meshes grown. The ends ban each other, so that they stay apart.
async fn line() -> [Node; 3] {
    let [mut a, mut b, mut c] = [node(1).await, node(2).await, node(3).await];
    a.net.ban(c.address);
    c.net.ban(a.address);
    a.meet(&mut b).await;
    c.meet(&mut b).await;
    for (from, to) in [(&a, &b), (&b, &a), (&b, &c), (&c, &b)] {
        until("the mesh has grown", || async { from.peer(to.address).await.is_some_and(|peer| peer.in_orders_mesh) })
            .await;
    }
    [a, b, c]
}

#[tokio::test]
async fn a_message_goes_on_only_when_it_was_accepted() {
    let [a, mut b, mut c] = line().await;
    for (text, verdict) in [("ignored", Verdict::Ignore), ("rejected", Verdict::Reject), ("accepted", Verdict::Accept)]
    {
        a.net.publish(Topic::Orders, text.into()).unwrap();
        let (bytes, token, from) = wait_gossip(&mut b).await;
        assert_eq!((bytes.as_slice(), from), (text.as_bytes(), a.address));
        b.net.judge(token, verdict);
    }
    // They were judged in this order, so the first that arrives shows that the others did not.
    let (bytes, token, from) = wait_gossip(&mut c).await;
    assert_eq!((bytes.as_slice(), from), (b"accepted".as_slice(), b.address));
    c.net.judge(token, Verdict::Accept);
}

#[tokio::test]
async fn invalid_messages_cost_their_sender_its_standing() {
    let [a, mut b, _c] = line().await;
    let before = b.peer(a.address).await.unwrap().score;
    for number in 0..5u8 {
        a.net.publish(Topic::Orders, vec![number]).unwrap();
        let (_, token, _) = wait_gossip(&mut b).await;
        b.net.judge(token, Verdict::Reject);
    }
    until("the score has fallen", || async { b.peer(a.address).await.is_some_and(|peer| peer.score < before - 50.0) })
        .await;
}

#[tokio::test]
async fn a_message_of_the_largest_size_arrives_and_a_larger_one_is_not_sent() {
    let [a, mut b, _c] = line().await;
    let largest = vec![7; protocol::wire::GOSSIP_MAX];
    a.net.publish(Topic::Orders, largest.clone()).unwrap();
    assert_eq!(wait_gossip(&mut b).await.0, largest);
    let larger = vec![7; protocol::wire::GOSSIP_MAX + 1];
    let bytes = larger.len();
    assert_eq!(a.net.publish(Topic::Orders, larger), Err(PublishError::TooLarge { bytes }));
}

#[tokio::test]
async fn a_node_that_does_not_read_loses_gossip_and_goes_on_serving() {
    let limits = NetLimits { events_max: 4, ..NetLimits::default() };
    let (mut a, mut slow) = (node(1).await, run_with(config(2, &[]), limits).await);
    slow.net.dial(a.place().await).await.unwrap();
    a.wait_up(slow.address).await;
    until("the mesh has grown", || async { a.peer(slow.address).await.is_some_and(|peer| peer.in_orders_mesh) }).await;
    for number in 0..20u8 {
        a.net.publish(Topic::Orders, vec![number]).unwrap();
    }
    until("messages were dropped", || async { slow.net.counters().gossip_dropped >= 16 }).await;
    let busy = a.net.request(slow.address, Request::Book { after: None }).await;
    assert_eq!(busy, Ok(Response::Declined(protocol::Rejected::RateLimit)));
    assert_eq!(slow.net.counters().requests_busy, 1);
    slow.wait_up(a.address).await;
    wait_gossip(&mut slow).await;
    while slow.events.try_recv().is_ok() {}
    a.ask(&mut slow).await;
}

/// Two nodes, the second with these limits, whose mesh has grown.
async fn pair(limits: NetLimits) -> (Node, Node) {
    let (mut a, mut b) = (node(1).await, run_with(config(2, &[TCP]), limits).await);
    a.meet(&mut b).await;
    until("the mesh has grown", || async { a.peer(b.address).await.is_some_and(|peer| peer.in_orders_mesh) }).await;
    (a, b)
}

#[tokio::test]
async fn gossip_that_brings_nothing_new_is_ignored_beyond_a_peers_allowance() {
    for verdict in [Verdict::Ignore, Verdict::Reject] {
        let (a, mut b) = pair(NetLimits { gossip_rate: 0, gossip_burst: 5, ..NetLimits::default() }).await;
        for number in 0..5u8 {
            a.net.publish(Topic::Orders, vec![number]).unwrap();
            let (_, token, _) = wait_gossip(&mut b).await;
            assert_eq!(b.net.counters().gossip_limited, 0);
            b.net.judge(token, verdict);
        }
        a.net.publish(Topic::Orders, vec![99]).unwrap();
        until("the next is ignored", || async { b.net.counters().gossip_limited == 1 }).await;
        while let Ok(event) = b.events.try_recv() {
            assert!(!matches!(event, NetEvent::Gossip { .. }), "the node does not hear of it");
        }
    }
}

#[tokio::test]
async fn gossip_that_brings_news_is_not_counted_and_is_limited_by_its_bytes_alone() {
    let limits =
        NetLimits { gossip_rate: 0, gossip_burst: 5, bytes_rate: 0, bytes_burst: 40_000, ..NetLimits::default() };
    let (a, mut b) = pair(limits.clone()).await;
    for number in 0..30u8 {
        a.net.publish(Topic::Orders, vec![number]).unwrap();
        let (_, token, _) = wait_gossip(&mut b).await;
        b.net.judge(token, Verdict::Accept);
    }
    let left = limits.bytes_burst - 30 * limits.message_cost_min;
    a.net.publish(Topic::Orders, vec![7; left as usize + 1]).unwrap();
    until("too many bytes are ignored", || async { b.net.counters().gossip_limited == 1 }).await;
    a.net.publish(Topic::Orders, vec![8; left as usize]).unwrap();
    assert_eq!(wait_gossip(&mut b).await.0.len(), left as usize);
}

#[tokio::test]
async fn near_peers_gain_a_little_score() {
    let (a, b) = pair(NetLimits::default()).await;
    until("it was measured", || async { a.peer(b.address).await.unwrap().latency_ms.is_some() }).await;
    let near = a.peer(b.address).await.unwrap();
    let most = f64::from(NetLimits::default().near_score_max);
    assert!(near.score > most / 2.0, "on this machine everyone is near: {near:?}");

    let limits = NetLimits { near_score_max: 0, ..NetLimits::default() };
    let (a, b) = pair(limits).await;
    until("it was measured", || async { b.peer(a.address).await.unwrap().latency_ms.is_some() }).await;
    assert!(b.peer(a.address).await.unwrap().score < most / 2.0);
}
