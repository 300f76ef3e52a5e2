//! One peer's gossip: gossipsub 1.1 with IDONTWANT as libp2p-gossipsub 0.50 does it in the node's configuration, and the
//! node's own limits around it. A pure machine: it gets frames, verdicts and heartbeats with the time, and returns what to
//! do. Knows neighbours by number and messages by name and size; not the network, nor what a message means.
//!
//! ```text
//!  heard(frame) --seen? limits?--> Deliver --judge(accept)--> Send to the mesh
//!                                          --judge(ignore, reject)--> nobody; what it costs the neighbour
//!  publish --> Send to the mesh (or to all)        heartbeat --> grafts, prunes, IHAVE, scores decay
//! ```

mod beat;
mod cache;
mod control;
mod dials;
mod frame;
mod neighbours;
mod rules;
mod seen;
mod standing;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::Nanos;
use crate::random::Random;
use cache::Cache;
pub use dials::{KNOWN, dials};
pub use frame::{Frame, Gossip, Ids, Message, MessageId, Topic};
use neighbours::{Neighbour, Neighbours};
pub use rules::{Choice, Limits, POINT, Rules, Score};
use seen::{Seen, Sight, State};
pub use standing::{GOSSIP_THRESHOLD, GRAFT_THRESHOLD, GRAYLIST_THRESHOLD, PUBLISH_THRESHOLD};

/// The most bytes that the contents of a message may have.
pub const GOSSIP_MAX: u32 = 60 * 1024;
/// Messages that wait for a verdict and whose further senders are remembered; beyond it they get a copy back.
const OPEN_MAX: usize = 4_096;

/// What the node makes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is sent on.
    Accept,
    /// It is not sent on, which may be nobody's fault.
    Ignore,
    /// It is not sent on, and whoever sent it should have known.
    Reject,
}

/// What an overlay wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Do<M> {
    /// A frame goes to a connected peer.
    Send {
        /// Whom.
        to: u32,
        /// What.
        frame: Frame<M>,
    },
    /// A message that was never seen before waits for [`Overlay::judge`].
    Deliver {
        /// Whoever sent it first.
        from: u32,
        /// It.
        message: M,
    },
    /// A peer did too much that no honest peer does: the connection is closed, and the peer left alone for a while. The
    /// overlay has forgotten it already, and [`Overlay::connect`] refuses it until then.
    LeaveAlone {
        /// Whom.
        peer: u32,
    },
}

/// A connection, as one side sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The other side.
    pub peer: u32,
    /// Whether this side dialed.
    pub is_outbound: bool,
    /// The round trip that was measured.
    pub round_trip: Nanos,
    /// Names the other side's address: many peers at one lose score. Its own number, unless it shares one: then a number
    /// that no peer has.
    pub place: u32,
}

/// What one overlay did and saw, for figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Copies of messages that came, the first ones included.
    pub copies: u64,
    /// Messages that came for the first time.
    pub firsts: u64,
    /// Messages that were sent, copies of each.
    pub sent: u64,
    /// Bytes of messages that were sent, as frames.
    pub message_bytes: u64,
    /// Bytes of IHAVE that were sent.
    pub ihave_bytes: u64,
    /// Bytes of IWANT that were sent.
    pub iwant_bytes: u64,
    /// Bytes of IDONTWANT that were sent.
    pub idontwant_bytes: u64,
    /// Bytes of subscriptions, grafts and prunes that were sent.
    pub mesh_bytes: u64,
    /// Messages that were sent because somebody asked.
    pub answered: u64,
    /// Messages that were not sent because the other side has them.
    pub spared: u64,
    /// Messages that were not looked at, because their sender had used its allowance.
    pub limited: u64,
    /// Frames that no decoder takes, or of peers that are not looked at.
    pub refused: u64,
    /// Peers that this one left alone for their faults.
    pub left_alone: u64,
}

/// A message that waits for its verdict, and who sent it meanwhile.
#[derive(Debug, Clone)]
struct Open {
    id: MessageId,
    others: Vec<u32>,
}

/// One peer's gossip.
#[derive(Debug, Clone)]
pub struct Overlay<M = Arc<Message>> {
    rules: Arc<Rules>,
    random: Random,
    neighbours: Neighbours,
    seen: Seen,
    cache: Cache<M>,
    open: Vec<Open>,
    /// Messages that were asked for, of whom, and until when they must come.
    promises: BTreeMap<(MessageId, u32), Nanos>,
    /// Heartbeats so far.
    beat: u32,
    decayed_at: Nanos,
    eased_at: Nanos,
    counters: Counters,
}

impl<M: Gossip> Overlay<M> {
    /// A peer without neighbours; `random` is its own stream.
    pub fn new(rules: Arc<Rules>, random: Random) -> Overlay<M> {
        let seen = Seen::new(rules.seen_for);
        Overlay {
            rules,
            random,
            neighbours: Neighbours::default(),
            seen,
            cache: Cache::new(),
            open: Vec::new(),
            promises: BTreeMap::new(),
            beat: 0,
            decayed_at: 0,
            eased_at: 0,
            counters: Counters::default(),
        }
    }

    /// What it did and saw.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The rules it follows.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Connected peers, by number.
    pub fn peers(&self) -> impl Iterator<Item = u32> {
        self.neighbours.iter().map(|neighbour| neighbour.peer)
    }

    /// Whether a peer is connected.
    pub fn is_connected(&self, peer: u32) -> bool {
        self.neighbours.find(peer).is_some()
    }

    /// Connected peers that this one dialed, by number.
    pub fn outbound(&self) -> impl Iterator<Item = u32> {
        self.neighbours.iter().filter(|neighbour| neighbour.is_outbound).map(|neighbour| neighbour.peer)
    }

    /// The mesh of a topic, by number.
    pub fn mesh(&self, topic: Topic) -> impl Iterator<Item = u32> {
        self.neighbours.iter().filter(move |neighbour| neighbour.is_in_mesh(topic)).map(|neighbour| neighbour.peer)
    }

    /// What a connected peer's conduct is worth.
    pub fn score(&self, peer: u32) -> Option<Score> {
        self.neighbours.find(peer).map(|at| self.neighbours.score(at, self.decayed_at, &self.rules))
    }

    /// Whether a message was seen, and is not forgotten yet.
    pub fn has_seen(&self, id: MessageId, now: Nanos) -> bool {
        self.seen.find(id, now).is_some()
    }

    /// A connection opened. False, and nothing happens, if the peer is left alone.
    pub fn connect(&mut self, now: Nanos, link: Link, out: &mut Vec<Do<M>>) -> bool {
        if self.neighbours.is_left_alone(link.peer, now) {
            return false;
        }
        if self.neighbours.add(link, &self.rules, now) {
            self.send(link.peer, Frame::Subscribe, out);
        }
        true
    }

    /// A connection closed.
    pub fn disconnect(&mut self, now: Nanos, peer: u32) {
        self.neighbours.remove(peer, None, now);
    }

    /// Everything that is in memory is gone, as after a crash; counters go on.
    pub fn restart(&mut self) {
        let (rules, random, counters) = (self.rules.clone(), self.random.clone(), self.counters);
        *self = Overlay { counters, ..Overlay::new(rules, random) };
    }

    /// A peer did what no honest peer does, beyond gossip: a fault, and at the rules' number of them it is left alone.
    pub fn blame(&mut self, now: Nanos, peer: u32, out: &mut Vec<Do<M>>) {
        let Some(at) = self.neighbours.find(peer) else { return };
        let standing = self.neighbours.punish(at);
        standing.faults += 1;
        if standing.faults >= self.rules.limits.faults_max {
            self.counters.left_alone += 1;
            self.neighbours.remove(peer, Some(now + self.rules.limits.refusal), now);
            out.push(Do::LeaveAlone { peer });
        }
    }

    /// What was sent to a peer had to be dropped, because it takes gossip too slowly.
    pub fn was_slow(&mut self, peer: u32) {
        if let Some(at) = self.neighbours.find(peer) {
            self.neighbours.punish(at).was_slow();
        }
    }

    /// A peer's frame arrives.
    pub fn heard(&mut self, now: Nanos, from: u32, frame: Frame<M>, out: &mut Vec<Do<M>>) {
        let Some(at) = self.neighbours.find(from) else { return };
        let score = self.neighbours.score_if_low(at, self.decayed_at, &self.rules);
        if matches!(frame, Frame::Subscribe) {
            return self.on_subscribe(now, at, out);
        }
        let is_too_long = !frame.is_message() && frame.bytes() > self.rules.control_bytes_max;
        if score < GRAYLIST_THRESHOLD || is_too_long {
            self.counters.refused += 1;
            return;
        }
        match frame {
            Frame::Subscribe => {}
            Frame::Message(message) => self.on_message(now, (at, from), message, out),
            Frame::Graft(topic) => self.on_graft(now, at, topic, out),
            Frame::Prune { topic, backoff_s } => self.on_prune(now, at, topic, backoff_s),
            Frame::IHave { ids, .. } => self.on_ihave(now, at, &ids, out),
            Frame::IWant(ids) => self.on_iwant(now, at, &ids, out),
            Frame::IDontWant(id) => self.neighbours[at].want_not(id, now, &self.rules),
        }
    }

    fn on_message(&mut self, now: Nanos, (at, from): (usize, u32), message: M, out: &mut Vec<Do<M>>) {
        self.counters.copies += 1;
        let id = message.id();
        if let Some(sight) = self.seen.find(id, now) {
            match sight.state {
                State::Open => self.note_sender(id, from),
                State::Invalid => self.neighbours.punish(at).delivered_invalid(message.topic() as usize),
                State::Valid | State::Ignored => {}
            }
            return;
        }
        self.counters.firsts += 1;
        if Frame::Message(message.clone()).bytes() > self.rules.announce_above_bytes {
            self.announce(id, message.topic(), from, out);
        }
        let place = self.cache.put(message.clone(), self.beat, false);
        self.seen.insert(id, Sight { state: State::Open, place }, now);
        self.forget_promises(id);
        self.open.push(Open { id, others: Vec::new() });
        if self.open.len() > OPEN_MAX {
            self.open.remove(0);
        }
        if message.bytes() > GOSSIP_MAX {
            return self.judge(now, (from, id), Verdict::Reject, out);
        }
        if !self.neighbours[at].standing.take_gossip(message.bytes(), &self.rules.limits, now) {
            self.counters.limited += 1;
            return self.report(now, (from, id), Verdict::Ignore, out);
        }
        out.push(Do::Deliver { from, message });
    }

    fn note_sender(&mut self, id: MessageId, from: u32) {
        if let Some(open) = self.open.iter_mut().rev().find(|open| open.id == id)
            && !open.others.contains(&from)
        {
            open.others.push(from);
        }
    }

    fn forget_promises(&mut self, id: MessageId) {
        while let Some((&promise, _)) = self.promises.range((id, 0)..=(id, u32::MAX)).next() {
            self.promises.remove(&promise);
        }
    }

    /// Those who might send it as well are told that it is here.
    fn announce(&mut self, id: MessageId, topic: Topic, from: u32, out: &mut Vec<Do<M>>) {
        let asked: Vec<u32> = self.promises.range((id, 0)..=(id, u32::MAX)).map(|((_, peer), _)| *peer).collect();
        let is_told = |neighbour: &&Neighbour| {
            (neighbour.is_in_mesh(topic) || asked.contains(&neighbour.peer)) && neighbour.peer != from
        };
        let told: Vec<u32> = self.neighbours.iter().filter(is_told).map(|neighbour| neighbour.peer).collect();
        told.into_iter().for_each(|peer| self.send(peer, Frame::IDontWant(id), out));
    }

    /// The verdict on a message that was delivered, named by whoever sent it first and its id.
    pub fn judge(&mut self, now: Nanos, (from, id): (u32, MessageId), verdict: Verdict, out: &mut Vec<Do<M>>) {
        if verdict != Verdict::Accept {
            self.neighbours.charge_worthless(from, &self.rules.limits, now);
        }
        self.report(now, (from, id), verdict, out);
    }

    fn report(&mut self, now: Nanos, (from, id): (u32, MessageId), verdict: Verdict, out: &mut Vec<Do<M>>) {
        let open = self.open.iter().rposition(|open| open.id == id).map(|at| self.open.remove(at));
        let others = open.map(|open| open.others).unwrap_or_default();
        let Some(sight) = self.seen.find(id, now).filter(|sight| sight.state == State::Open) else { return };
        if verdict == Verdict::Accept {
            self.seen.judge(id, State::Valid);
            let Some(message) = self.cache.validate(sight.place, id) else { return };
            if let Some(neighbour) = self.neighbours.get_mut(from) {
                neighbour.standing.delivered_first(message.topic() as usize);
            }
            return self.forward(from, &others, message, out);
        }
        self.seen.judge(id, if verdict == Verdict::Reject { State::Invalid } else { State::Ignored });
        let Some(message) = self.cache.refuse(sight.place, id) else { return };
        if verdict == Verdict::Reject {
            for peer in others.into_iter().chain([from]) {
                if let Some(at) = self.neighbours.find(peer) {
                    self.neighbours.punish(at).delivered_invalid(message.topic() as usize);
                }
            }
        }
    }

    /// To the mesh, but for those who have it.
    fn forward(&mut self, from: u32, others: &[u32], message: M, out: &mut Vec<Do<M>>) {
        let (id, topic) = (message.id(), message.topic());
        let bytes = u64::from(Frame::Message(message.clone()).bytes());
        for neighbour in self.neighbours.iter() {
            let has_it = neighbour.peer == from || others.contains(&neighbour.peer);
            if !neighbour.is_in_mesh(topic) || has_it {
                continue;
            }
            if neighbour.wants_not(id) {
                self.counters.spared += 1;
                continue;
            }
            self.counters.sent += 1;
            self.counters.message_bytes += bytes;
            out.push(Do::Send { to: neighbour.peer, frame: Frame::Message(message.clone()) });
        }
    }

    /// Publishes a message. False, and nothing happens, if it was seen before or there is nobody to tell.
    pub fn publish(&mut self, now: Nanos, message: M, out: &mut Vec<Do<M>>) -> bool {
        let (id, topic) = (message.id(), message.topic());
        if self.seen.find(id, now).is_some() {
            return false;
        }
        let (decayed_at, rules) = (self.decayed_at, self.rules.clone());
        let is_fit = |at: &usize| {
            let score = self.neighbours.score_if_low(*at, decayed_at, &rules);
            self.neighbours[*at].is_subscribed && score >= PUBLISH_THRESHOLD
        };
        let fit: Vec<usize> = (0..self.neighbours.len()).filter(is_fit).collect();
        let (mut chosen, others): (Vec<usize>, Vec<usize>) =
            fit.into_iter().partition(|at| rules.is_flood_publish || self.neighbours[*at].is_in_mesh(topic));
        let extra = rules.degree.saturating_sub(chosen.len());
        let extra = self.random.choose(others.len(), extra).into_iter().map(|at| others[at]);
        chosen.extend(extra);
        if chosen.is_empty() {
            return false;
        }
        let place = self.cache.put(message.clone(), self.beat, true);
        self.seen.insert(id, Sight { state: State::Valid, place }, now);
        self.forget_promises(id);
        let chosen: Vec<u32> = chosen.into_iter().map(|at| self.neighbours[at].peer).collect();
        chosen.into_iter().for_each(|peer| self.send(peer, Frame::Message(message.clone()), out));
        true
    }

    fn send(&mut self, to: u32, frame: Frame<M>, out: &mut Vec<Do<M>>) {
        let bytes = u64::from(frame.bytes());
        let counters = &mut self.counters;
        match &frame {
            Frame::Message(_) => {
                counters.sent += 1;
                counters.message_bytes += bytes;
            }
            Frame::IHave { .. } => counters.ihave_bytes += bytes,
            Frame::IWant(_) => counters.iwant_bytes += bytes,
            Frame::IDontWant(_) => counters.idontwant_bytes += bytes,
            Frame::Subscribe | Frame::Graft(_) | Frame::Prune { .. } => counters.mesh_bytes += bytes,
        }
        out.push(Do::Send { to, frame });
    }
}

#[cfg(test)]
mod tests;
