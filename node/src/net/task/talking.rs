//! Requests and responses, both ways: limits, order of waiting, and what each failure means.

use std::time::Instant;

use libp2p::PeerId;
use libp2p::request_response::{Event, InboundFailure, Message, OutboundFailure, OutboundRequestId, ResponseChannel};
use protocol::reconcile::SYMBOLS_MAX;
use protocol::talk::{Refusal, Request, Response, TaskRefusal};
use protocol::wire::REQUEST_MAX;
use protocol::{Address, Rejected};
use tokio::sync::oneshot;

use super::super::codec::{Parcel, StreamFault};
use super::super::error::RequestError;
use super::super::event::{NetEvent, ReplyToken};
use super::super::finder::fail;
use super::super::limits::{EARLY_MAX, WAITING_MAX};
use super::super::outbox::count;
use super::super::peers::{Call, Stage};
use super::Task;

/// A request of ours that is under way.
#[derive(Debug)]
pub(super) enum Sent {
    Hello,
    Call(oneshot::Sender<Result<Response, RequestError>>),
}

/// Bytes that a request for a page of the book counts for, besides its own.
const BOOK_COST: usize = 64 * 1024;
/// Bytes that each thing counts for that a request wants.
const WANT_COST: usize = 256;
/// Bytes that each symbol counts for that a request wants.
const SYMBOL_COST: usize = 10;

impl Task {
    /// A request of the node: to a welcomed peer at once, to any other once it is found.
    pub(super) fn request(&mut self, to: Address, call: Call) {
        if to == self.here {
            return fail(call, RequestError::Own);
        }
        if self.memory.is_banned(&to) {
            return fail(call, RequestError::Banned);
        }
        let id = self.peers.id_of(&to);
        match id.filter(|id| self.peers.find(id).is_some_and(|peer| peer.is_welcome())) {
            Some(id) => self.send(id, call),
            None => self.search(to, call),
        }
    }

    /// Sends a request to a welcomed peer, or queues it behind others.
    pub(super) fn send(&mut self, id: PeerId, call: Call) {
        let Some(peer) = self.peers.find_mut(&id) else { return fail(call, RequestError::Disconnected) };
        if peer.waiting.len() >= WAITING_MAX {
            return fail(call, RequestError::Busy);
        }
        peer.waiting.push_back(call);
        self.pump(&id);
    }

    /// Sends what waits for a peer, as far as its requests in flight allow. A caller that gave up is passed over.
    fn pump(&mut self, id: &PeerId) {
        let Some(peer) = self.peers.find_mut(id) else { return };
        while peer.in_flight < self.limits.requests_in_flight_max
            && let Some(call) = peer.waiting.pop_front()
        {
            if call.reply.is_closed() {
                continue;
            }
            peer.in_flight += 1;
            if !is_routine(&call.request) {
                peer.talked_at = Instant::now();
            }
            let parcel = Parcel::of(call.request);
            let request = self.swarm.behaviour_mut().talk.send_request(id, parcel);
            self.sent.insert(request, Sent::Call(call.reply));
        }
    }

    pub(super) fn respond(&mut self, token: ReplyToken, response: Response) {
        // A response that comes too late finds its channel closed.
        let _ = self.swarm.behaviour_mut().talk.send_response(token.channel, response);
    }

    pub(super) fn on_talk(&mut self, event: Event<Parcel, Response>) {
        match event {
            Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
                self.on_request(peer, request, channel);
            }
            Event::Message { peer, message: Message::Response { request_id, response }, .. } => {
                self.on_outcome(peer, request_id, Ok(response));
            }
            Event::OutboundFailure { peer, request_id, error, .. } => {
                let why = meaning(&error);
                if matches!(why, RequestError::BadResponse(_)) {
                    self.fault(&peer);
                }
                self.on_outcome(peer, request_id, Err(why));
            }
            Event::InboundFailure { error: InboundFailure::Io(error), .. } => {
                if let Some(fault) = StreamFault::of(&error) {
                    tracing::error!("a response of this node could not be sent: {fault}");
                }
            }
            Event::InboundFailure { .. } | Event::ResponseSent { .. } => {}
        }
    }

    /// A peer asks. Until it is welcome, only its hello is heard.
    pub(super) fn on_request(&mut self, id: PeerId, parcel: Parcel, channel: ResponseChannel<Response>) {
        let Some(peer) = self.peers.find_mut(&id) else { return };
        if parcel.content.as_ref().is_ok_and(|request| !is_routine(request)) {
            peer.talked_at = Instant::now();
        }
        let asked = match &parcel.content {
            // A few bytes that ask for many.
            Ok(Request::Book { .. }) => parcel.bytes + BOOK_COST,
            Ok(Request::Exchange { wants, .. }) => parcel.bytes + wants.len() * WANT_COST,
            Ok(Request::Symbols { count, .. }) => parcel.bytes + (*count as usize).min(SYMBOLS_MAX) * SYMBOL_COST,
            _ => parcel.bytes,
        };
        let is_allowed = peer.allowance.take_request(asked, Instant::now());
        let request = match parcel.content {
            Ok(request) => request,
            // The channel is dropped, which closes the stream without an answer.
            Err(StreamFault::Silent) => return,
            Err(StreamFault::TooLong { .. } | StreamFault::Garbage(_)) => return self.fault(&id),
        };
        let answer = match (&peer.stage, request) {
            _ if !is_allowed => {
                count(&self.counters.requests_limited);
                Response::Declined(Rejected::RateLimit)
            }
            (Stage::Leaving, _) => return,
            (_, Request::Hello(hello)) => return self.on_hello(id, hello, channel),
            (Stage::Welcome(_), request) => {
                let from = peer.address;
                return self.hand_request(from, request, channel);
            }
            (Stage::Said, request) if peer.early.len() < EARLY_MAX => {
                return peer.early.push((Parcel::of(request), channel));
            }
            (Stage::Said, request) => busy(&request),
            (Stage::Awaited, _) => {
                // It does not begin with a hello, so it does not speak this version.
                let theirs = self.hello.protocol_version;
                self.fault(&id);
                Response::Refused(Refusal::OtherVersion { theirs })
            }
        };
        let _ = self.swarm.behaviour_mut().talk.send_response(channel, answer);
    }

    fn hand_request(&mut self, from: Address, request: Request, channel: ResponseChannel<Response>) {
        let event = NetEvent::Request { from, request, reply: ReplyToken { channel } };
        if let Err(event) = self.outbox.offer(event)
            && let NetEvent::Request { request, reply, .. } = *event
        {
            count(&self.counters.requests_busy);
            self.respond(reply, busy(&request));
        }
    }

    fn on_outcome(&mut self, id: PeerId, request: OutboundRequestId, outcome: Result<Response, RequestError>) {
        match (self.sent.remove(&request), outcome) {
            (Some(Sent::Call(reply)), outcome) => {
                let _ = reply.send(outcome);
                if let Some(peer) = self.peers.find_mut(&id) {
                    peer.in_flight = peer.in_flight.saturating_sub(1);
                }
                self.pump(&id);
            }
            (Some(Sent::Hello), Ok(response)) => self.on_hello_response(id, response),
            (Some(Sent::Hello), Err(_)) => {
                if self.peers.find(&id).is_some_and(|peer| matches!(peer.stage, Stage::Said)) {
                    self.disconnect(&id);
                }
            }
            (None, _) => {}
        }
    }
}

/// Whether neighbours ask this of each other all the time, so that it does not show that the connection is needed.
fn is_routine(request: &Request) -> bool {
    matches!(
        request,
        Request::Hello(_)
            | Request::Sync(_)
            | Request::Symbols { .. }
            | Request::Exchange { .. }
            | Request::Book { .. }
    )
}

/// How a node that is behind says so.
fn busy(request: &Request) -> Response {
    match request {
        Request::RunTask(..)
        | Request::PutChunk { .. }
        | Request::FollowTask { .. }
        | Request::GetChunk { .. }
        | Request::StopTask { .. } => Response::TaskRefused(TaskRefusal::Busy),
        _ => Response::Declined(Rejected::RateLimit),
    }
}

fn meaning(error: &OutboundFailure) -> RequestError {
    match error {
        OutboundFailure::DialFailure => RequestError::Unreachable,
        OutboundFailure::Timeout => RequestError::Timeout,
        OutboundFailure::ConnectionClosed | OutboundFailure::UnsupportedProtocols => RequestError::Disconnected,
        OutboundFailure::Io(error) => match StreamFault::of(error) {
            Some(StreamFault::TooLong { max: REQUEST_MAX }) => RequestError::TooLarge,
            Some(StreamFault::Silent) | None => RequestError::Disconnected,
            Some(fault) => RequestError::BadResponse(fault),
        },
    }
}
