//! Connections: whom a peer dials, whom it lets in, and how it finds out that somebody is gone. As the node does it, with
//! one step in place of transport, TLS and hello. What is not modelled: addresses, routers, relays, and how peers are found;
//! any peer that exists may be dialed.

use std::collections::{BTreeMap, VecDeque};

use matcher::{Input, Unanswered};
use protocol::reconcile::Salt;
use protocol::talk::Request;
use protocol::{Hash, keccak256};

use super::computing::Job;
use super::{Event, Packet, Peer, Talk};
use crate::engine::{Nanos, Out, SECOND};
use crate::overlay;
use crate::scenario::Mesh;

/// Connections in all; whoever comes beyond is refused.
const CONNECTIONS_MAX: usize = 110;
/// Of these, those that others opened.
const INCOMING_MAX: usize = 88;
/// Connections that this peer opened; beyond it those that nothing needs are closed.
const OUTBOUND_MAX: usize = 16;
/// How often the other side is asked whether it is there, and after how long without an answer it is gone.
const PING: (Nanos, Nanos) = (5 * SECOND, 10 * SECOND);
/// How long a dial may take.
const DIAL: Nanos = 10 * SECOND;
/// The first wait after a dial that failed, and the longest; it doubles.
const BACKOFF: (Nanos, Nanos) = (5 * SECOND, 600 * SECOND);
/// How often one more peer than usual is tried.
const TRIAL: Nanos = 300 * SECOND;
/// How long nothing must have been asked before a connection counts as one that nothing needs.
const IDLE: Nanos = 60 * SECOND;
/// Peers that everyone knows, and dials when it has too few; and the longest wait between two such dials.
const BOOTSTRAP: (u32, Nanos) = (3, 10 * SECOND);
/// Dials of own choice a second.
const DIALS_PER_SECOND: usize = 4;
/// Peers of which the nearest is dialed, where a near one is wanted.
const NEAR_SAMPLE: usize = 16;
/// Failed dials that are remembered; the longest ago is forgotten.
const FAILED_MAX: usize = 1_024;
/// Requests of one peer: a second, and at once.
const REQUESTS: (u64, u64) = (200, 512);

/// How many are dialed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialing {
    dials: usize,
    near: usize,
    degree: usize,
}

impl Dialing {
    /// As the scenario says.
    pub fn new(mesh: &Mesh) -> Dialing {
        Dialing { dials: mesh.dials as usize, near: mesh.near_dials as usize, degree: mesh.degree as usize }
    }
}

/// Requests that one peer may still make.
#[derive(Debug)]
pub(super) struct Allowance {
    /// In nanoseconds of the rate.
    left: u64,
    at: Nanos,
}

impl Allowance {
    fn new(now: Nanos) -> Allowance {
        Allowance { left: REQUESTS.1 * SECOND, at: now }
    }

    pub(super) fn take(&mut self, now: Nanos) -> bool {
        let earned = now.saturating_sub(self.at).saturating_mul(REQUESTS.0);
        (self.left, self.at) = (self.left.saturating_add(earned).min(REQUESTS.1 * SECOND), now);
        let is_enough = self.left >= SECOND;
        self.left -= if is_enough { SECOND } else { 0 };
        is_enough
    }
}

/// One connection.
#[derive(Debug)]
pub struct Link {
    pub(super) connection: u32,
    is_outbound: bool,
    /// Whether this peer chose to be a neighbour, rather than having something to ask.
    is_chosen: bool,
    /// Whether both have said hello.
    pub(super) is_up: bool,
    since: Nanos,
    /// The last ping, and whether it was answered.
    pinged: (Nanos, bool),
    /// When either last asked something that not every neighbour asks.
    pub(super) talked: Nanos,
    pub(super) waiting: VecDeque<(u64, Box<Request>)>,
    pub(super) in_flight: u32,
    pub(super) allowance: Allowance,
}

/// All connections of a peer.
#[derive(Debug)]
pub(super) struct Links {
    dialing: Dialing,
    by_peer: BTreeMap<u32, Link>,
    last: u32,
    /// Peers that could not be reached: not before when, and how long it was waited.
    failed: BTreeMap<u32, (Nanos, Nanos)>,
    /// Peers that did what no honest one does, until when.
    alone: BTreeMap<u32, Nanos>,
    trial_at: Nanos,
    bootstrap_at: Nanos,
    bootstrap_wait: Nanos,
}

impl Links {
    pub(super) fn new(dialing: Dialing) -> Links {
        Links {
            dialing,
            by_peer: BTreeMap::new(),
            last: 0,
            failed: BTreeMap::new(),
            alone: BTreeMap::new(),
            trial_at: TRIAL,
            bootstrap_at: 0,
            bootstrap_wait: SECOND,
        }
    }

    pub(super) fn find(&self, peer: u32) -> Option<&Link> {
        self.by_peer.get(&peer)
    }

    pub(super) fn find_mut(&mut self, peer: u32) -> Option<&mut Link> {
        self.by_peer.get_mut(&peer)
    }

    pub(super) fn connection(&self, peer: u32) -> Option<u32> {
        self.by_peer.get(&peer).map(|link| link.connection)
    }

    /// Whether this came over a connection that stands.
    pub(super) fn hears(&self, peer: u32, connection: u32) -> bool {
        self.by_peer.get(&peer).is_some_and(|link| link.is_up && link.connection == connection)
    }

    pub(super) fn up(&self) -> impl Iterator<Item = u32> + '_ {
        self.by_peer.iter().filter(|(_, link)| link.is_up).map(|(peer, _)| *peer)
    }

    pub(super) fn on_pong(&mut self, peer: u32) {
        if let Some(link) = self.by_peer.get_mut(&peer) {
            link.pinged.1 = true;
        }
    }

    /// A new life: everything is forgotten but who the first peers are.
    pub(super) fn restart(&mut self, now: Nanos) {
        let last = self.last;
        *self = Links { last, trial_at: now + TRIAL, bootstrap_at: now, ..Links::new(self.dialing) };
    }

    pub(super) fn leave_alone(&mut self, peer: u32, (now, until): (Nanos, Nanos)) {
        self.alone.retain(|_, until| now < *until);
        self.alone.insert(peer, until);
    }

    fn is_left_alone(&self, peer: u32, now: Nanos) -> bool {
        self.alone.get(&peer).is_some_and(|until| now < *until)
    }

    /// How many more are to be dialed.
    pub(super) fn wanted(&self) -> usize {
        self.dialing.dials.saturating_sub(self.chosen())
    }

    /// Every connection, also those that are not up yet.
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.by_peer.iter().map(|(peer, link)| (*peer, link.connection))
    }

    fn chosen(&self) -> usize {
        self.by_peer.values().filter(|link| link.is_chosen).count()
    }

    fn failed(&mut self, peer: u32, now: Nanos) {
        let wait = self.failed.get(&peer).map_or(BACKOFF.0, |(_, wait)| (2 * wait).min(BACKOFF.1));
        if self.failed.len() >= FAILED_MAX
            && let Some(oldest) = self.failed.iter().min_by_key(|(_, (at, _))| *at).map(|(peer, _)| *peer)
        {
            self.failed.remove(&oldest);
        }
        self.failed.insert(peer, (now + wait, wait));
    }
}

/// What a peer says in its hello: another in each life.
fn hello(secret: Hash, life: u32) -> Hash {
    keccak256(&[b"hello", &secret.0, &life.to_be_bytes()])
}

impl Peer {
    fn salt(&self, other: u32, life: u32) -> Salt {
        let word = |number: u32, life: u32| {
            let address = self.address(number);
            hello(keccak256(&[&address.0]), life)
        };
        Salt::of_pair(&word(self.number, self.life), &word(other, life))
    }

    /// Opens a connection.
    pub(super) fn dial(&mut self, peer: u32, is_chosen: bool, now: Nanos, out: &mut Out<'_, Event>) {
        if peer == self.number || self.links.find(peer).is_some() || self.links.is_left_alone(peer, now) {
            return;
        }
        self.links.last += 1;
        let connection = self.links.last << 1 | u32::from(self.number > peer);
        self.links.by_peer.insert(peer, Link { is_chosen, ..link(connection, true, now) });
        // Transport and TLS take a round trip before the first word.
        let late = 2 * self.network.latency(self.number, peer);
        let hello = Talk::Hello { life: self.life };
        self.send((peer, connection), Packet::Talk(Box::new(hello)), (now, late), out);
    }

    pub(super) fn on_hello(&mut self, from: u32, (connection, life): (u32, u32), now: Nanos, out: &mut Out<'_, Event>) {
        let known = self.links.find(from).map(|link| (link.connection, link.is_up));
        if known.is_some_and(|(known, is_up)| known == connection || (!is_up && self.number < from)) {
            // Both dialed at once: the connection of the lower number is the one that stays.
            return;
        }
        let incoming = self.links.by_peer.values().filter(|link| !link.is_outbound).count();
        let is_room = self.links.by_peer.len() < CONNECTIONS_MAX && incoming < INCOMING_MAX;
        if !self.is_up || !is_room || self.links.is_left_alone(from, now) {
            return self.send((from, connection), Packet::Talk(Box::new(Talk::Refused)), (now, 0), out);
        }
        // What waited for an own dial to the same peer goes over this connection.
        let (mut waiting, mut is_chosen) = (VecDeque::new(), false);
        match self.links.find_mut(from) {
            Some(link) if !link.is_up => {
                (waiting, is_chosen) = (std::mem::take(&mut link.waiting), link.is_chosen);
                self.links.by_peer.remove(&from);
            }
            Some(_) => self.part(from, false, now, out),
            None => {}
        }
        let link = Link { is_up: true, is_chosen, waiting, ..link(connection, false, now) };
        self.links.by_peer.insert(from, link);
        let welcome = Talk::Welcome { life: self.life };
        self.send((from, connection), Packet::Talk(Box::new(welcome)), (now, 0), out);
        self.meet(from, life, now, out);
    }

    pub(super) fn on_welcome(&mut self, from: u32, life: u32, now: Nanos, out: &mut Out<'_, Event>) {
        let Some(link) = self.links.find_mut(from).filter(|link| !link.is_up) else { return };
        (link.is_up, link.talked) = (true, now);
        self.links.failed.remove(&from);
        self.links.bootstrap_wait = SECOND;
        self.meet(from, life, now, out);
    }

    /// Both have said hello.
    fn meet(&mut self, peer: u32, life: u32, now: Nanos, out: &mut Out<'_, Event>) {
        let is_outbound = self.links.find(peer).is_some_and(|link| link.is_outbound);
        let round_trip = 2 * self.network.latency(self.number, peer);
        let mut todo = self.computing.overlay_room();
        let link = overlay::Link { peer, is_outbound, round_trip, place: peer };
        self.overlay.connect(now, link, &mut todo);
        self.do_all(todo, now, out);
        let up = Input::PeerUp { peer: self.address(peer), salt: self.salt(peer, life), is_outbound };
        self.job(Job::Input(up), now, out);
        self.pump(peer, now, out);
    }

    /// A connection is over, or never came to be; the other side `is_told` if this one closes it.
    pub(super) fn part(&mut self, peer: u32, is_told: bool, now: Nanos, out: &mut Out<'_, Event>) {
        let Some(gone) = self.links.by_peer.remove(&peer) else { return };
        if is_told {
            self.send((peer, gone.connection), Packet::Talk(Box::new(Talk::Bye)), (now, 0), out);
        }
        if gone.is_up {
            self.overlay.disconnect(now, peer);
            let address = self.address(peer);
            self.job(Job::Input(Input::PeerDown(address)), now, out);
        } else {
            self.links.failed(peer, now);
        }
        let why = if gone.is_up { Unanswered::Timeout } else { Unanswered::Unreachable };
        let waiting = gone.waiting.into_iter().map(|(ticket, _)| ticket);
        let tickets: Vec<u64> = self.calls.of(peer).into_iter().chain(waiting).collect();
        tickets.into_iter().for_each(|ticket| self.unanswered(ticket, why, now, out));
    }

    /// Once a second: who is gone, who is wanted, who is not needed.
    pub(super) fn upkeep(&mut self, now: Nanos, out: &mut Out<'_, Event>) {
        self.ping_all(now, out);
        let mut dialed = 0;
        while self.links.chosen() < self.links.dialing.dials && dialed < DIALS_PER_SECOND {
            dialed += 1;
            self.dial_one(now, out);
        }
        if self.links.trial_at <= now && self.links.chosen() >= self.links.dialing.dials {
            self.links.trial_at = now + TRIAL;
            self.dial_one(now, out);
        }
        self.let_go(now, out);
        if self.links.by_peer.len() < self.links.dialing.degree && self.links.bootstrap_at <= now {
            let wait = self.links.bootstrap_wait;
            self.links.bootstrap_at = now + wait;
            self.links.bootstrap_wait = (2 * wait).min(BOOTSTRAP.1);
            (0..BOOTSTRAP.0.min(self.population)).for_each(|peer| self.dial(peer, false, now, out));
        }
    }

    fn ping_all(&mut self, now: Nanos, out: &mut Out<'_, Event>) {
        let mut due = Vec::new();
        let mut gone = Vec::new();
        for (peer, link) in &mut self.links.by_peer {
            let (pinged, is_answered) = link.pinged;
            match link.is_up {
                false if now >= link.since + DIAL => gone.push(*peer),
                true if !is_answered && now >= pinged + PING.1 => gone.push(*peer),
                true if is_answered && now >= pinged + PING.0 => {
                    link.pinged = (now, false);
                    due.push((*peer, link.connection));
                }
                _ => {}
            }
        }
        gone.into_iter().for_each(|peer| self.part(peer, true, now, out));
        for (peer, connection) in due {
            self.send((peer, connection), Packet::Talk(Box::new(Talk::Ping)), (now, 0), out);
        }
    }

    /// Dials one peer of own choice: near ones first, as many as are wanted, then any.
    pub(super) fn dial_one(&mut self, now: Nanos, out: &mut Out<'_, Event>) {
        let is_near = self.links.chosen() < self.links.dialing.near;
        let sample = if is_near { NEAR_SAMPLE } else { 2 };
        let population = u64::from(self.population);
        let drawn: Vec<u32> = (0..sample).map(|_| self.random.below(population) as u32).collect();
        let is_free = |peer: &&u32| {
            let is_early = self.links.failed.get(*peer).is_some_and(|(at, _)| now < *at);
            **peer != self.number && self.links.find(**peer).is_none() && !is_early
        };
        let mut free = drawn.iter().filter(is_free);
        let chosen = match is_near {
            true => free.min_by_key(|peer| (self.network.latency(self.number, **peer), **peer)),
            false => free.next(),
        };
        if let Some(peer) = chosen.copied() {
            self.dial(peer, true, now, out);
        }
    }

    /// Closes what nothing needs: of the chosen ones the farthest, when a trial made one too many; of the others, idle
    /// ones when there are too many.
    fn let_go(&mut self, now: Nanos, out: &mut Out<'_, Event>) {
        let is_idle = |link: &Link| link.is_up && link.in_flight == 0 && link.talked + IDLE <= now;
        let links = self.links.by_peer.iter();
        let spare = links.clone().filter(|(_, link)| link.is_chosen && is_idle(link));
        let farthest = spare.max_by_key(|(peer, _)| self.network.latency(self.number, **peer)).map(|(peer, _)| *peer);
        let is_surplus = self.links.chosen() > self.links.dialing.dials;
        let outbound = links.clone().filter(|(_, link)| link.is_outbound).count();
        let passing = links.clone().find(|(_, link)| link.is_outbound && !link.is_chosen && is_idle(link));
        let passing = passing.filter(|_| outbound > OUTBOUND_MAX).map(|(peer, _)| *peer);
        for peer in farthest.filter(|_| is_surplus).into_iter().chain(passing) {
            self.part(peer, true, now, out);
        }
    }
}

fn link(connection: u32, is_outbound: bool, now: Nanos) -> Link {
    Link {
        connection,
        is_outbound,
        is_chosen: false,
        is_up: false,
        since: now,
        pinged: (now, true),
        talked: now,
        waiting: VecDeque::new(),
        in_flight: 0,
        allowance: Allowance::new(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::MS;

    #[test]
    fn a_peer_asks_its_burst_at_once_and_then_by_its_rate() {
        let mut allowance = Allowance::new(0);
        assert_eq!((0..600).filter(|_| allowance.take(0)).count(), 512);
        assert_eq!((0..600).filter(|_| allowance.take(500 * MS)).count(), 100);
    }
}
