//! What two peers say to each other beside gossip: hellos, pings, requests and their answers, with the node's limits and
//! patience. Knows no meaning of a request.

use std::collections::{BTreeMap, VecDeque};

use matcher::{Input, Unanswered};
use protocol::talk::{Request, Response, Synced};
use protocol::{Address, Rejected, wire};

use super::computing::Job;
use super::{Event, Line, Own, Packet, Peer, number_of};
use crate::desk::Caller;
use crate::engine::{Nanos, Out, SECOND};

/// How long an answer is waited for.
const PATIENCE: Nanos = 10 * SECOND;
/// How long an address is looked for that nobody has.
const SEARCH: Nanos = 3 * SECOND;
/// Requests in flight to one peer; more wait.
pub(super) const IN_FLIGHT_MAX: u32 = 32;
/// Requests that wait for one peer; beyond it they fail at once.
pub(super) const WAITING_MAX: usize = 256;
/// A hello or its answer: market, version, build, heads, salt.
const HELLO_BYTES: u32 = 96;
/// A ping or its answer.
const PING_BYTES: u32 = 32;
/// A summary beside its symbols: epoch, seal, count, sums and estimator.
const SUMMARY_BYTES: u32 = 200;
/// An answer that says no more than one thing.
const SHORT_BYTES: u32 = 48;

/// What one peer says to another.
#[derive(Debug)]
pub enum Talk {
    /// Opens a connection.
    Hello {
        /// The sender's life: another life has another salt.
        life: u32,
    },
    /// Accepts one.
    Welcome {
        /// The sender's life.
        life: u32,
    },
    /// Does not.
    Refused,
    /// The connection is over.
    Bye,
    /// Are you there?
    Ping,
    /// Yes.
    Pong,
    /// A request.
    Ask {
        /// The asker's count.
        call: u64,
        /// What is asked.
        request: Box<Request>,
    },
    /// The answer to one.
    Answer {
        /// The asker's count.
        call: u64,
        /// What is answered.
        response: Box<Response>,
    },
}

impl Talk {
    /// Its bytes before stream, TLS and packets.
    pub fn bytes(&self) -> u32 {
        match self {
            Talk::Hello { .. } | Talk::Welcome { .. } | Talk::Refused => HELLO_BYTES,
            Talk::Bye | Talk::Ping | Talk::Pong => PING_BYTES,
            Talk::Ask { request, .. } => match &**request {
                Request::Sync(summary) => SUMMARY_BYTES + summary.symbols.bytes.0.len() as u32,
                other => wire::encode(other).len() as u32,
            },
            Talk::Answer { response, .. } => match &**response {
                Response::Synced { synced: Synced::Equal | Synced::NotNow, .. } => SHORT_BYTES,
                other => wire::encode(other).len() as u32,
            },
        }
    }

    /// Two of equal digests are equal, but for chance.
    pub fn digest(&self) -> u64 {
        match self {
            Talk::Hello { life } => 1 | u64::from(*life) << 8,
            Talk::Welcome { life } => 2 | u64::from(*life) << 8,
            Talk::Refused => 3,
            Talk::Bye => 4,
            Talk::Ping => 5,
            Talk::Pong => 6,
            Talk::Ask { call, request } => 7 | *call << 16 | request_kind(request) << 8,
            Talk::Answer { call, response } => 8 | *call << 16 | response_kind(response) << 8,
        }
    }
}

fn request_kind(request: &Request) -> u64 {
    match request {
        Request::Sync(summary) => summary.count << 4,
        Request::Exchange { items, wants } => (items.len() as u64) << 16 | (wants.len() as u64) << 4 | 1,
        Request::Symbols { from, .. } => u64::from(*from) << 4 | 2,
        Request::Book { .. } => 3,
        Request::Propose { .. } => 4,
        Request::EndDeal(..) => 5,
        Request::Heartbeat { .. } => 6,
        _ => 7,
    }
}

fn response_kind(response: &Response) -> u64 {
    match response {
        Response::Synced { synced: Synced::Equal, .. } => 0,
        Response::Synced { synced: Synced::Lacking(items), .. } => (items.len() as u64) << 4 | 1,
        Response::Synced { .. } => 2,
        Response::Items(items) => (items.len() as u64) << 4 | 3,
        Response::Countersigned(_) => 4,
        Response::Declined(_) => 5,
        Response::Alive { is_running } => 6 | u64::from(*is_running) << 4,
        _ => 7,
    }
}

/// A request that waits for its answer.
#[derive(Debug)]
struct Call {
    ticket: u64,
    peer: u32,
}

/// Requests that wait for their answers: bounded by what is in flight to each connected peer.
#[derive(Debug, Default)]
pub(super) struct Calls {
    last: u64,
    open: BTreeMap<u64, Call>,
    deadlines: VecDeque<(Nanos, u64)>,
}

impl Calls {
    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.deadlines.clear();
    }

    fn add(&mut self, ticket: u64, peer: u32, now: Nanos) -> u64 {
        self.last += 1;
        self.open.insert(self.last, Call { ticket, peer });
        self.deadlines.push_back((now + PATIENCE, self.last));
        self.last
    }

    /// Tickets of everything that was asked of a peer who is gone.
    pub(super) fn of(&mut self, peer: u32) -> Vec<u64> {
        let gone = self.open.extract_if(.., |_, call| call.peer == peer);
        gone.map(|(_, call)| call.ticket).collect()
    }
}

impl Peer {
    /// The machine asks somebody, connected or not.
    pub(super) fn ask(
        &mut self,
        (ticket, to): (u64, Address),
        request: Box<Request>,
        now: Nanos,
        out: &mut Out<'_, Event>,
    ) {
        let Some(peer) = number_of(&to, self.population).filter(|peer| *peer != self.number) else {
            return self.unanswered(ticket, Unanswered::Unreachable, now + SEARCH, out);
        };
        if self.links.find(peer).is_none() {
            self.dial(peer, false, now, out);
        }
        match self.links.find_mut(peer) {
            Some(link) if link.waiting.len() < WAITING_MAX => {
                link.waiting.push_back((ticket, request));
                self.pump(peer, now, out);
            }
            _ => self.unanswered(ticket, Unanswered::Unreachable, now, out),
        }
    }

    pub(super) fn unanswered(&self, ticket: u64, why: Unanswered, at: Nanos, out: &mut Out<'_, Event>) {
        out.at(at, self.own(Own::Computed(Box::new(Input::Answered { ticket, result: Err(why) }))));
    }

    /// Sends what waits for a peer, as far as what is in flight allows.
    pub(super) fn pump(&mut self, peer: u32, now: Nanos, out: &mut Out<'_, Event>) {
        while let Some(link) = self.links.find_mut(peer).filter(|link| link.is_up && link.in_flight < IN_FLIGHT_MAX)
            && let Some((ticket, request)) = link.waiting.pop_front()
        {
            link.in_flight += 1;
            if !is_routine(&request) {
                link.talked = now;
            }
            let connection = link.connection;
            let call = self.calls.add(ticket, peer, now);
            self.send((peer, connection), Packet::Talk(Box::new(Talk::Ask { call, request })), (now, 0), out);
        }
    }

    pub(super) fn reply(&mut self, to: Caller, response: Box<Response>, now: Nanos, out: &mut Out<'_, Event>) {
        if self.links.connection(to.peer) == Some(to.connection) {
            let talk = Talk::Answer { call: to.call, response };
            self.send((to.peer, to.connection), Packet::Talk(Box::new(talk)), (now, 0), out);
        }
    }

    /// Those whose answer is overdue hear nothing more.
    pub(super) fn expire_calls(&mut self, now: Nanos, out: &mut Out<'_, Event>) {
        while let Some((_, call)) = self.calls.deadlines.pop_front_if(|(deadline, _)| *deadline <= now) {
            let Some(Call { ticket, peer }) = self.calls.open.remove(&call) else { continue };
            self.landed(peer, now, out);
            self.unanswered(ticket, Unanswered::Timeout, now, out);
        }
    }

    /// One request to a peer is no longer in flight.
    fn landed(&mut self, peer: u32, now: Nanos, out: &mut Out<'_, Event>) {
        if let Some(link) = self.links.find_mut(peer) {
            link.in_flight = link.in_flight.saturating_sub(1);
        }
        self.pump(peer, now, out);
    }

    fn answered(&mut self, from: u32, (call, response): (u64, Box<Response>), now: Nanos, out: &mut Out<'_, Event>) {
        let is_its = |open: &Call| open.peer == from;
        if self.calls.open.get(&call).is_some_and(is_its)
            && let Some(Call { ticket, .. }) = self.calls.open.remove(&call)
        {
            self.landed(from, now, out);
            self.job(Job::Input(Input::Answered { ticket, result: Ok(response) }), now, out);
        }
    }

    /// Somebody says something.
    pub(super) fn talked(&mut self, (from, connection): Line, talk: Talk, now: Nanos, out: &mut Out<'_, Event>) {
        if let Talk::Hello { life } = talk {
            return self.on_hello(from, (connection, life), now, out);
        }
        if !self.is_up || self.links.connection(from) != Some(connection) {
            return;
        }
        match talk {
            Talk::Welcome { life } => self.on_welcome(from, life, now, out),
            Talk::Refused | Talk::Bye => self.part(from, false, now, out),
            Talk::Ping => self.send((from, connection), Packet::Talk(Box::new(Talk::Pong)), (now, 0), out),
            Talk::Pong => self.links.on_pong(from),
            Talk::Ask { call, request } => {
                let Some(link) = self.links.find_mut(from).filter(|link| link.is_up) else { return };
                if !is_routine(&request) {
                    link.talked = now;
                }
                if !link.allowance.take(now) {
                    let response = Box::new(Response::Declined(Rejected::RateLimit));
                    return self.reply(Caller { peer: from, connection, call }, response, now, out);
                }
                self.asked(Caller { peer: from, connection, call }, request, now, out);
            }
            Talk::Answer { call, response } => self.answered(from, (call, response), now, out),
            Talk::Hello { .. } => {}
        }
    }
}

/// Whether neighbours ask this of each other all the time, so that it does not show that the connection is needed.
fn is_routine(request: &Request) -> bool {
    matches!(request, Request::Sync(_) | Request::Symbols { .. } | Request::Exchange { .. } | Request::Book { .. })
}
