//! Finding peers: by address through others, by records that cannot lie, and again after they were lost.

use libp2p::kad::{Quorum, Record};

use super::super::RequestError;
use super::raw::Raw;
use super::*;

fn book() -> Request {
    Request::Book { after: None }
}

#[tokio::test]
async fn a_peer_is_found_by_its_address_through_a_third() {
    for transport in [TCP, QUIC] {
        let nodes = [run(config(1, &[transport])).await, run(config(2, &[transport])).await, run(config(3, &[transport])).await];
        let [mut a, mut b, mut c] = nodes;
        c.meet(&mut b).await;
        a.meet(&mut b).await;
        assert!(a.peer(c.address).await.is_none(), "it is a stranger so far");
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
    use libp2p::kad::store::RecordStore;
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
