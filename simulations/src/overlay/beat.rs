//! The heartbeat: scores decay, meshes are kept at their size and mended, lazy gossip goes out. Knows no contents.

use std::sync::Arc;

use crate::engine::{Nanos, SECOND};

use super::frame::{Frame, Gossip, MessageId, Topic};
use super::rules::{Choice, Score};
use super::{Do, GOSSIP_THRESHOLD, GRAFT_THRESHOLD, Overlay};

impl<M: Gossip> Overlay<M> {
    /// Every `rules.heartbeat`.
    pub fn heartbeat(&mut self, now: Nanos, out: &mut Vec<Do<M>>) {
        let rules = self.rules.clone();
        while self.decayed_at + SECOND <= now {
            self.decayed_at += SECOND;
            self.neighbours.decay(now);
        }
        if self.eased_at + rules.limits.refusal / u64::from(rules.limits.faults_max.max(1)) <= now {
            self.eased_at = now;
            self.neighbours.ease();
        }
        self.neighbours.iter_mut().for_each(|neighbour| neighbour.beat(now, &rules));
        self.punish_broken_promises(now);
        let scores: Vec<Score> =
            (0..self.neighbours.len()).map(|at| self.neighbours.score(at, self.decayed_at, &rules)).collect();
        let is_opportune = (self.beat + 1).is_multiple_of(rules.opportunistic_beats.max(1));
        for topic in Topic::ALL {
            self.drop_bad(now, topic, &scores, out);
            self.grow(now, topic, &scores, out);
            self.shrink(now, topic, &scores, out);
            self.keep_outbound(now, topic, &scores, out);
            if is_opportune && rules.is_scored {
                self.improve(now, topic, &scores, out);
            }
            self.tell(topic, &scores, out);
        }
        self.cache.shift(self.beat, rules.history);
        self.beat += 1;
    }

    fn punish_broken_promises(&mut self, now: Nanos) {
        let broken: Vec<(MessageId, u32)> =
            self.promises.iter().filter(|(_, until)| **until < now).map(|(promise, _)| *promise).collect();
        for promise in broken {
            self.promises.remove(&promise);
            if let Some(at) = self.neighbours.find(promise.1) {
                self.neighbours.punish(at).misbehaved(1);
            }
        }
    }

    fn members(&self, topic: Topic) -> Vec<usize> {
        (0..self.neighbours.len()).filter(|at| self.neighbours[*at].is_in_mesh(topic)).collect()
    }

    /// Peers outside the mesh that may be taken in.
    fn candidates(&self, now: Nanos, topic: Topic, is_fit: impl Fn(usize) -> bool) -> Vec<usize> {
        let is_free = |at: &usize| {
            let neighbour = &self.neighbours[*at];
            neighbour.is_subscribed && !neighbour.is_in_mesh(topic) && !self.is_backing_off(*at, topic, now)
        };
        (0..self.neighbours.len()).filter(is_free).filter(|at| is_fit(*at)).collect()
    }

    /// Some of `among`, at random.
    fn some(&mut self, among: &[usize], wanted: usize) -> Vec<usize> {
        self.random.choose(among.len(), wanted).into_iter().map(|at| among[at]).collect()
    }

    fn drop_bad(&mut self, now: Nanos, topic: Topic, scores: &[Score], out: &mut Vec<Do<M>>) {
        let bad = self.members(topic).into_iter().filter(|at| scores[*at] < 0);
        bad.for_each(|at| self.prune(now, at, topic, out));
    }

    fn grow(&mut self, now: Nanos, topic: Topic, scores: &[Score], out: &mut Vec<Do<M>>) {
        if let Choice::Dialed { near, any } = self.rules.choice {
            self.graft_dialed(now, (topic, near, any), scores, out);
        }
        let len = self.mesh_len(topic);
        if len >= self.rules.degree_low {
            return;
        }
        let wanted = self.rules.degree.saturating_sub(len);
        let candidates = self.candidates(now, topic, |at| scores[at] >= 0);
        self.some(&candidates, wanted).into_iter().for_each(|at| self.graft(now, at, topic, out));
    }

    /// Of those that this peer dialed, the `near` of the shortest round trips are in the mesh, and `any` of the others.
    fn graft_dialed(
        &mut self,
        now: Nanos,
        (topic, near, any): (Topic, usize, usize),
        scores: &[Score],
        out: &mut Vec<Do<M>>,
    ) {
        let mut dialed: Vec<usize> =
            (0..self.neighbours.len()).filter(|at| self.neighbours[*at].is_outbound && scores[*at] >= 0).collect();
        dialed.sort_by_key(|at| self.neighbours[*at].round_trip);
        let others = dialed.split_off(near.min(dialed.len()));
        for (group, wanted) in [(dialed, near), (others, any)] {
            let members = group.iter().filter(|at| self.neighbours[**at].is_in_mesh(topic)).count();
            let candidates = self.candidates(now, topic, |at| group.contains(&at));
            let chosen = self.some(&candidates, wanted.saturating_sub(members));
            chosen.into_iter().for_each(|at| self.graft(now, at, topic, out));
        }
    }

    /// Too many: the best few stay, and of the others any, but for enough of those that this peer dialed.
    fn shrink(&mut self, now: Nanos, topic: Topic, scores: &[Score], out: &mut Vec<Do<M>>) {
        let members = self.members(topic);
        if members.len() < self.rules.degree_high {
            return;
        }
        let excess = members.len() - self.rules.degree.min(members.len());
        let mut order = self.some(&members, members.len());
        // From the worst to the best; all but the best ones in any order.
        order.sort_by_key(|at| scores[*at]);
        let any = order.len().saturating_sub(self.rules.retained);
        let mixed = self.some(&order[..any], any);
        order[..any].copy_from_slice(&mixed);
        let is_outbound = |at: &usize| self.neighbours[*at].is_outbound;
        let mut outbound = order.iter().filter(|at| is_outbound(at)).count();
        let mut pruned = Vec::new();
        for at in order {
            if pruned.len() == excess {
                break;
            }
            if is_outbound(&at) {
                if outbound <= self.rules.degree_out {
                    continue;
                }
                outbound -= 1;
            }
            pruned.push(at);
        }
        pruned.into_iter().for_each(|at| self.prune(now, at, topic, out));
    }

    fn keep_outbound(&mut self, now: Nanos, topic: Topic, scores: &[Score], out: &mut Vec<Do<M>>) {
        let members = self.members(topic);
        let outbound = members.iter().filter(|at| self.neighbours[**at].is_outbound).count();
        if members.len() < self.rules.degree_low || outbound >= self.rules.degree_out {
            return;
        }
        let is_fit = |at: usize| scores[at] >= 0 && self.neighbours[at].is_outbound;
        let candidates = self.candidates(now, topic, is_fit);
        let wanted = self.rules.degree_out - outbound;
        self.some(&candidates, wanted).into_iter().for_each(|at| self.graft(now, at, topic, out));
    }

    /// A poor mesh takes in peers that are better than its middle one.
    fn improve(&mut self, now: Nanos, topic: Topic, scores: &[Score], out: &mut Vec<Do<M>>) {
        let mut members: Vec<Score> = self.members(topic).into_iter().map(|at| scores[at]).collect();
        if members.len() < 2 {
            return;
        }
        members.sort_unstable();
        let middle = members.len() / 2;
        let median = match members.len() % 2 {
            0 => (members[middle - 1] + members[middle]) / 2,
            _ => members[middle],
        };
        if median < GRAFT_THRESHOLD {
            let candidates = self.candidates(now, topic, |at| scores[at] > median);
            let chosen = self.some(&candidates, self.rules.opportunistic_peers);
            chosen.into_iter().for_each(|at| self.graft(now, at, topic, out));
        }
    }

    /// Lazy gossip: some peers outside the mesh hear what came lately.
    fn tell(&mut self, topic: Topic, scores: &[Score], out: &mut Vec<Do<M>>) {
        let mut recent = self.cache.recent(topic, self.beat, self.rules.history_gossip);
        if recent.is_empty() {
            return;
        }
        let is_told = |at: &usize| {
            let neighbour = &self.neighbours[*at];
            neighbour.is_subscribed && !neighbour.is_in_mesh(topic) && scores[*at] >= GOSSIP_THRESHOLD
        };
        let others: Vec<usize> = (0..self.neighbours.len()).filter(is_told).collect();
        let wanted = self.rules.lazy.max(others.len() / 4);
        let told = self.some(&others, wanted);
        let (max, is_too_many) = (self.rules.ids_max, recent.len() > self.rules.ids_max);
        recent.sort_unstable();
        let all = Arc::new(recent);
        for at in told {
            let ids = match is_too_many {
                true => Arc::new(self.random.choose(all.len(), max).into_iter().map(|at| all[at]).collect()),
                false => all.clone(),
            };
            self.send(self.neighbours[at].peer, Frame::IHave { topic, ids }, out);
        }
    }
}
