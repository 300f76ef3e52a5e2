//! Finding peers: by address through others, by records that cannot lie, and again after they were lost.

use libp2p::kad::store::RecordStore;
use libp2p::kad::{self, GetRecordOk, InboundRequest, QueryResult, Quorum, Record};
use libp2p::swarm::SwarmEvent;

use super::super::{RequestError, Topic, Verdict};
use super::raw::{Raw, RawBehaviourEvent};
use super::*;

fn book() -> Request {
    Request::Book { after: None }
}

#[tokio::test]
async fn a_peer_is_found_by_its_address_through_a_third() {
    for transport in [TCP, QUIC] {
        let nodes = [
            run(config(1, &[transport])).await,
            run(config(2, &[transport])).await,
            run(config(3, &[transport])).await,
        ];
        let [mut a, mut b, mut c] = nodes;
        c.meet(&mut b).await;
        a.meet(&mut b).await;
        a.ask(&mut c).await;
        c.ask(&mut a).await;
    }
}

#[tokio::test]
async fn an_address_that_nobody_has_is_not_found() {
    let (mut a, mut b) = (node(1).await, node(2).await);
    a.meet(&mut b).await;
    assert_eq!(a.net.request(address(7), book()).await, Err(RequestError::NotFound));
}

#[tokio::test]
async fn a_node_alone_finds_nobody() {
    assert_eq!(node(1).await.net.request(address(7), book()).await, Err(RequestError::NotFound));
}

/// The victim's record, with the public key of `value_seed` in it.
fn record(victim: u8, value_seed: u8) -> Record {
    let value = names::record_value(&key(value_seed).public()).unwrap();
    Record::new(names::record_key(&address(victim)).to_vec(), value.to_vec())
}

/// What a node hears of the victim (key 7) when its only neighbour holds `record`.
async fn heard_of_the_victim(record: Record) -> RequestError {
    let (a, mut raw) = (node(1).await, Raw::start(9).await);
    raw.swarm.behaviour_mut().kad.store_mut().put(record).unwrap();
    raw.join(a.place().await, key(1).public().to_peer_id()).await;
    let heard = raw.during(a.net.request(address(7), book())).await.unwrap_err();
    assert_eq!(a.net.peers().await.len(), 1, "the liar is not taken for the victim");
    heard
}

#[tokio::test]
async fn a_record_with_anothers_key_is_not_believed() {
    assert_eq!(heard_of_the_victim(record(7, 9)).await, RequestError::NotFound);
}

/// The counterpart of the test above: the same neighbour is believed when its record is true, so that only the place of
/// the victim stays unknown.
#[tokio::test]
async fn a_record_with_the_true_key_is_believed_whoever_keeps_it() {
    assert_eq!(heard_of_the_victim(record(7, 7)).await, RequestError::Unreachable);
}

#[tokio::test]
async fn a_record_of_anyone_but_its_sender_is_not_kept() {
    for lie in [record(7, 9), record(7, 7)] {
        let (a, mut raw) = (node(1).await, Raw::start(9).await);
        let id = key(1).public().to_peer_id();
        raw.join(a.place().await, id).await;
        raw.swarm.behaviour_mut().kad.put_record_to(lie, [id].into_iter(), Quorum::One);
        raw.during(until("it is counted", || async { a.net.counters().faults == 1 })).await;
        assert_eq!(raw.during(a.net.request(address(7), book())).await, Err(RequestError::NotFound));
    }
}

#[tokio::test]
async fn a_node_puts_its_own_record_with_its_neighbours() {
    let (a, mut raw) = (node(1).await, Raw::start(9).await);
    raw.join(a.place().await, key(1).public().to_peer_id()).await;
    let put = raw.drive("a record", |event| match event {
        SwarmEvent::Behaviour(RawBehaviourEvent::Kad(kad::Event::InboundRequest {
            request: InboundRequest::PutRecord { source, .. },
        })) => Some(*source),
        _ => None,
    });
    assert_eq!(put.await, key(1).public().to_peer_id());
    let stored = raw.swarm.behaviour_mut().kad.store_mut().get(&record(1, 1).key).unwrap().into_owned();
    assert_eq!(stored.value, record(1, 1).value);
}

#[tokio::test]
async fn a_node_keeps_the_records_of_its_neighbours_for_others() {
    let (mut keeper, mut owner, mut raw) = (node(1).await, node(2).await, Raw::start(9).await);
    owner.meet(&mut keeper).await;
    let id = key(1).public().to_peer_id();
    raw.swarm.behaviour_mut().kad.add_address(&id, keeper.place().await);
    let mut kept = None;
    while kept.is_none() {
        let asked = raw.swarm.behaviour_mut().kad.get_record(record(2, 2).key);
        kept = raw
            .drive("an answer", |event| match event {
                SwarmEvent::Behaviour(RawBehaviourEvent::Kad(kad::Event::OutboundQueryProgressed {
                    id: query,
                    result: QueryResult::GetRecord(result),
                    step,
                    ..
                })) if *query == asked => match result {
                    Ok(GetRecordOk::FoundRecord(found)) if found.peer == Some(id) => Some(Some(found.record.clone())),
                    _ => step.last.then_some(None),
                },
                _ => None,
            })
            .await;
    }
    assert_eq!(kept.map(|kept| kept.value), Some(record(2, 2).value));
}

#[tokio::test]
async fn a_node_that_lost_its_only_peer_finds_it_again() {
    let (mut a, mut b) = (run(config(1, &[])).await, node(2).await);
    let mut place = b.place().await;
    assert_eq!(a.net.dial(place.clone()).await, Ok(b.address));
    b.wait_up(a.address).await;
    // An answer to a search shows that each has told the other where it listens.
    assert_eq!(a.net.request(address(7), book()).await, Err(RequestError::NotFound));
    b.net.shutdown().await;
    a.wait_down(b.address).await;
    place.pop();
    let b = run(config(2, &[&place.to_string()])).await;
    a.wait_up(b.address).await;
}

#[tokio::test]
async fn nodes_that_know_one_peer_hear_all_of_them() {
    let mut nodes = vec![node(1).await];
    for seed in 2..=10 {
        let mut config = config(seed, &[TCP]);
        config.bootstrap = vec![nodes[0].place().await];
        nodes.push(run(config).await);
    }
    for node in &nodes {
        until("the mesh has grown", || async {
            node.net.peers().await.iter().filter(|peer| peer.in_orders_mesh).count() >= 3
        })
        .await;
    }
    nodes[9].net.publish(Topic::Orders, b"heard".to_vec()).unwrap();
    let hear = nodes[..9].iter_mut().map(|node| async {
        let (bytes, token) = node
            .wait("gossip", |event| match event {
                NetEvent::Gossip { bytes, token, .. } => Some((bytes, token)),
                _ => None,
            })
            .await;
        node.net.judge(token, Verdict::Accept);
        assert_eq!(bytes, b"heard");
    });
    futures::future::join_all(hear).await;
}

#[tokio::test]
async fn a_first_peer_that_starts_late_and_restarts_is_dialed_again() {
    let first = node(1).await;
    let place = first.place().await;
    first.net.shutdown().await;

    let mut late = config(2, &[]);
    late.bootstrap = vec![place.clone()];
    let mut node = run(late).await;
    let mut bare = place;
    bare.pop();
    for _ in 0..2 {
        let mut first = run(config(1, &[&bare.to_string()])).await;
        node.wait_up(first.address).await;
        first.wait_up(node.address).await;
        first.net.shutdown().await;
        node.wait_down(first.address).await;
    }
}

#[tokio::test]
async fn a_nodes_own_address_among_the_first_peers_is_harmless() {
    let first = node(1).await;
    let place = first.place().await;
    let mut bare = place.clone();
    bare.pop();
    first.net.shutdown().await;
    let mut own = config(1, &[&bare.to_string()]);
    own.bootstrap = vec![place, bare];
    let (mut a, mut b) = (run(own).await, node(2).await);
    b.meet(&mut a).await;
}
