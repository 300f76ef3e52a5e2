//! Requests and responses between real nodes, honest and not.

use protocol::hash::Hash;
use protocol::talk::Bytes;
use protocol::wire::{self, REQUEST_MAX, RESPONSE_MAX};
use protocol::{Rejected, keccak256};

use super::super::RequestError;
use super::super::codec::StreamFault;
use super::raw::Raw;
use super::*;

/// A request of exactly `size` bytes on the wire.
fn chunk(size: usize) -> Request {
    let of = |bytes: usize| Request::PutChunk {
        task: Hash::ZERO,
        content: Hash::ZERO,
        offset: 0,
        bytes: Bytes(vec![7; bytes]),
    };
    let envelope = wire::encode(&of(size - 200)).len() - (size - 200);
    let request = of(size - envelope);
    assert_eq!(wire::encode(&request).len(), size);
    request
}

/// A response of exactly `size` bytes on the wire.
fn piece(size: usize) -> Response {
    let of = |bytes: usize| Response::Chunk(Bytes(vec![7; bytes]));
    let envelope = wire::encode(&of(size - 200)).len() - (size - 200);
    of(size - envelope)
}

async fn pair() -> (Node, Node) {
    let (mut a, mut b) = (node(1).await, node(2).await);
    a.meet(&mut b).await;
    (a, b)
}

#[tokio::test]
async fn requests_and_responses_of_the_largest_size_pass() {
    for transport in [TCP, QUIC] {
        let (mut a, mut b) = (run(config(1, &[transport])).await, run(config(2, &[transport])).await);
        a.meet(&mut b).await;
        let (request, response) = (chunk(REQUEST_MAX), piece(RESPONSE_MAX));
        let asked = a.net.request(b.address, request.clone());
        let (got, (from, heard)) = tokio::join!(asked, b.answer(response.clone()));
        assert!(got == Ok(response) && heard == request && from == a.address);
    }
}

#[tokio::test]
async fn a_request_above_the_limit_is_not_sent() {
    let (mut a, mut b) = pair().await;
    assert_eq!(a.net.request(b.address, chunk(REQUEST_MAX + 1)).await, Err(RequestError::TooLarge));
    a.ask(&mut b).await;
}

#[tokio::test]
async fn a_response_above_the_limit_is_not_sent() {
    let (a, mut b) = pair().await;
    let asked = a.net.request(b.address, Request::Book { after: None });
    let (got, _) = tokio::join!(asked, b.answer(piece(RESPONSE_MAX + 1)));
    assert_eq!(got, Err(RequestError::Disconnected));
    assert_eq!(a.net.counters().faults + b.net.counters().faults, 0);
}

#[tokio::test]
async fn oversized_and_garbage_requests_neither_stop_nor_stall_the_receiver() {
    let (mut a, mut b) = pair().await;
    let (mut raw, id) = (Raw::start(9).await, key(2).public().to_peer_id());
    raw.join(b.place().await, id).await;
    let mut canonical = wire::encode(&Request::Book { after: None });
    canonical.push(0);
    let answer = raw.ask(id, canonical).await;
    assert!(answer.is_none_or(|bytes| bytes.is_empty()), "garbage gets no answer");
    let garbage = [vec![255; 100], vec![0; REQUEST_MAX + 1], vec![0; 4 * REQUEST_MAX], vec![255; REQUEST_MAX]];
    for (bytes, faults) in garbage.into_iter().zip(2..) {
        raw.tell(id, bytes);
        raw.during(until("it is counted", || async { b.net.counters().faults == faults })).await;
        raw.during(a.ask(&mut b)).await;
    }
    assert!(b.peer(address(9)).await.unwrap().score < -30.0, "it counts against the peer");
}

#[tokio::test]
async fn a_peer_with_too_many_faults_is_kept_out() {
    let limits = NetLimits { faults_max: 3, ..NetLimits::default() };
    let mut b = run_with(config(2, &[TCP]), limits).await;
    let (mut raw, id) = (Raw::start(9).await, key(2).public().to_peer_id());
    raw.join(b.place().await, id).await;
    b.wait_up(address(9)).await;
    for _ in 0..3 {
        raw.ask(id, vec![255; 100]).await;
    }
    raw.during(b.wait_down(address(9))).await;
    assert_eq!(b.net.counters().faults, 3);
}

#[tokio::test]
async fn a_response_that_makes_no_sense_is_an_error_and_counts() {
    let (mut a, mut raw) = (node(1).await, Raw::start(9).await);
    raw.join(a.place().await, key(1).public().to_peer_id()).await;
    a.wait_up(address(9)).await;
    for (answer, why) in [
        (vec![255; 40], RequestError::BadResponse(StreamFault::Garbage(Rejected::Encoding))),
        (vec![0; RESPONSE_MAX + 1], RequestError::BadResponse(StreamFault::TooLong { max: RESPONSE_MAX })),
        (vec![], RequestError::Disconnected),
    ] {
        raw.answer = answer;
        let asked = a.net.request(address(9), Request::Book { after: None });
        assert_eq!(raw.during(asked).await, Err(why));
    }
    assert_eq!(a.net.counters().faults, 2);
}

#[tokio::test]
async fn a_peer_that_does_not_answer_in_time_is_a_timeout() {
    let limits = NetLimits { request_timeout_s: 2, ..NetLimits::default() };
    let (mut a, mut b) = (run_with(config(1, &[TCP]), limits).await, node(2).await);
    a.meet(&mut b).await;
    assert_eq!(a.net.request(b.address, Request::Book { after: None }).await, Err(RequestError::Timeout));
}

#[tokio::test]
async fn a_peer_that_leaves_or_drops_the_question_is_disconnected() {
    let (a, mut b) = pair().await;
    let to = b.address;
    let wait = async {
        b.wait("a request", |event| matches!(event, NetEvent::Request { .. }).then_some(())).await;
    };
    let (got, ()) = tokio::join!(a.net.request(to, Request::Book { after: None }), wait);
    assert_eq!(got, Err(RequestError::Disconnected));

    let leave = async {
        let token = b.wait("a request", |event| matches!(event, NetEvent::Request { .. }).then_some(event)).await;
        b.net.shutdown().await;
        drop(token);
    };
    let (got, ()) = tokio::join!(a.net.request(to, Request::Book { after: None }), leave);
    assert_eq!(got, Err(RequestError::Disconnected));
}

#[tokio::test]
async fn more_requests_than_may_fly_wait_for_their_turn() {
    let (a, mut b) = pair().await;
    let (to, count) = (b.address, 100);
    let ask = async {
        let asked = (0..count).map(|_| a.net.request(to, Request::Book { after: None }));
        futures::future::join_all(asked).await
    };
    let serve = async {
        for _ in 0..count {
            b.answer(Response::Done).await;
        }
    };
    let (got, ()) = tokio::join!(ask, serve);
    assert!(got.iter().all(|response| *response == Ok(Response::Done)));
}

#[tokio::test]
async fn requests_beyond_a_peers_allowance_are_declined() {
    let limits = NetLimits { requests_rate: 0, requests_burst: 4, ..NetLimits::default() };
    let (mut a, mut b) = (node(1).await, run_with(config(2, &[TCP]), limits).await);
    a.meet(&mut b).await;
    for _ in 0..3 {
        a.ask(&mut b).await;
    }
    let declined = a.net.request(b.address, Request::Book { after: None }).await;
    assert_eq!(declined, Ok(Response::Declined(Rejected::RateLimit)));
    assert_eq!(b.net.counters().requests_limited, 1);
}

#[tokio::test]
async fn a_node_does_not_ask_itself_or_whom_it_banned() {
    let a = node(1).await;
    let request = Request::StopTask { task: keccak256(&[b"a task"]) };
    assert_eq!(a.net.request(a.address, request.clone()).await, Err(RequestError::Own));
    a.net.ban(address(2));
    assert_eq!(a.net.request(address(2), request.clone()).await, Err(RequestError::Banned));
    a.net.shutdown().await;
    assert_eq!(a.net.request(address(3), request).await, Err(RequestError::Stopped));
}
