//! Words about messages and meshes: subscriptions, grafts and prunes, what peers have and want. Knows no contents.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::{Nanos, SECOND};

use super::frame::{Frame, Gossip, MessageId, Topic};
use super::{Do, GOSSIP_THRESHOLD, Overlay};

/// The longest backoff that a peer is believed, in seconds.
const BACKOFF_MAX_S: u16 = 3_600;

impl<M: Gossip> Overlay<M> {
    /// A peer's first word: if the mesh is small, it is taken in at once.
    pub(super) fn on_subscribe(&mut self, now: Nanos, at: usize, out: &mut Vec<Do<M>>) {
        self.neighbours[at].is_subscribed = true;
        let score = self.neighbours.score(at, self.decayed_at, &self.rules);
        for topic in Topic::ALL {
            let is_small = self.mesh_len(topic) < self.rules.degree_low;
            let neighbour = &self.neighbours[at];
            if is_small && score >= 0 && !neighbour.is_in_mesh(topic) && !self.is_backing_off(at, topic, now) {
                self.graft(now, at, topic, out);
            }
        }
    }

    pub(super) fn mesh_len(&self, topic: Topic) -> usize {
        self.neighbours.iter().filter(|neighbour| neighbour.is_in_mesh(topic)).count()
    }

    /// Whether it must not be grafted by us, with some slack beyond what was agreed.
    pub(super) fn is_backing_off(&self, at: usize, topic: Topic, now: Nanos) -> bool {
        let until = self.neighbours[at].backoff[topic as usize];
        until > 0 && until + self.rules.heartbeat > now
    }

    /// Takes a peer into the mesh and tells it.
    pub(super) fn graft(&mut self, now: Nanos, at: usize, topic: Topic, out: &mut Vec<Do<M>>) {
        self.neighbours[at].standing.mesh_since[topic as usize] = Some(now);
        self.send(self.neighbours[at].peer, Frame::Graft(topic), out);
    }

    /// Leaves a peer out of the mesh and tells it.
    pub(super) fn prune(&mut self, now: Nanos, at: usize, topic: Topic, out: &mut Vec<Do<M>>) {
        let backoff = self.rules.prune_backoff;
        let neighbour = &mut self.neighbours[at];
        neighbour.standing.mesh_since[topic as usize] = None;
        let until = &mut neighbour.backoff[topic as usize];
        *until = (*until).max(now + backoff);
        let frame = Frame::Prune { topic, backoff_s: (backoff / SECOND) as u16 };
        self.send(self.neighbours[at].peer, frame, out);
    }

    pub(super) fn on_graft(&mut self, now: Nanos, at: usize, topic: Topic, out: &mut Vec<Do<M>>) {
        if self.neighbours[at].is_in_mesh(topic) {
            return;
        }
        let until = self.neighbours[at].backoff[topic as usize];
        if until > now {
            let is_flood = until - now > self.rules.prune_backoff.saturating_sub(self.rules.graft_flood);
            self.neighbours.punish(at).misbehaved(1 + u32::from(is_flood));
            return self.prune(now, at, topic, out);
        }
        let score = self.neighbours.score(at, self.decayed_at, &self.rules);
        let is_full = self.mesh_len(topic) >= self.rules.degree_high && !self.neighbours[at].is_outbound;
        match score < 0 || is_full {
            true => self.prune(now, at, topic, out),
            false if self.neighbours[at].is_subscribed => {
                self.neighbours[at].standing.mesh_since[topic as usize] = Some(now);
            }
            false => {}
        }
    }

    pub(super) fn on_prune(&mut self, now: Nanos, at: usize, topic: Topic, backoff_s: u16) {
        let neighbour = &mut self.neighbours[at];
        neighbour.standing.mesh_since[topic as usize] = None;
        let until = &mut neighbour.backoff[topic as usize];
        *until = (*until).max(now + Nanos::from(backoff_s.min(BACKOFF_MAX_S)) * SECOND);
    }

    /// A peer tells what it has; what is lacking here is asked for.
    pub(super) fn on_ihave(&mut self, now: Nanos, at: usize, ids: &[MessageId], out: &mut Vec<Do<M>>) {
        let score = self.neighbours.score_if_low(at, self.decayed_at, &self.rules);
        let neighbour = &mut self.neighbours[at];
        if score < GOSSIP_THRESHOLD {
            return;
        }
        neighbour.ihaves += 1;
        let room = self.rules.ids_max.saturating_sub(neighbour.asked);
        if neighbour.ihaves > self.rules.ihaves_max || room == 0 {
            return;
        }
        let peer = neighbour.peer;
        let is_asked = |id: MessageId| self.promises.range((id, 0)..=(id, u32::MAX)).next().is_some();
        let is_lacking = |id: &&MessageId| self.seen.find(**id, now).is_none() && !is_asked(**id);
        let lacking: BTreeSet<MessageId> = ids.iter().filter(is_lacking).copied().collect();
        if lacking.is_empty() {
            return;
        }
        let lacking: Vec<MessageId> = lacking.into_iter().collect();
        let wanted: Vec<MessageId> = match lacking.len() > room {
            true => self.random.choose(lacking.len(), room).into_iter().map(|at| lacking[at]).collect(),
            false => lacking,
        };
        self.neighbours[at].asked += wanted.len();
        let until = now + self.rules.promise;
        self.promises.extend(wanted.iter().map(|id| ((*id, peer), until)));
        self.send(peer, Frame::IWant(Arc::new(wanted)), out);
    }

    /// A peer wants messages that were told of.
    pub(super) fn on_iwant(&mut self, now: Nanos, at: usize, ids: &[MessageId], out: &mut Vec<Do<M>>) {
        if self.neighbours.score_if_low(at, self.decayed_at, &self.rules) < GOSSIP_THRESHOLD {
            return;
        }
        let peer = self.neighbours[at].peer;
        for id in ids {
            let place = self.seen.find(*id, now).map(|sight| sight.place);
            let Some((message, times)) = place.and_then(|place| self.cache.ask(place, *id, peer)) else { continue };
            if times > self.rules.resent_max || self.neighbours[at].wants_not(*id) {
                continue;
            }
            self.counters.answered += 1;
            self.send(peer, Frame::Message(message), out);
        }
    }
}
