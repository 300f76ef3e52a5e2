//! Connected peers in the order of their numbers, and what is remembered of those who left. Knows nothing of messages.

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Index, IndexMut};

use crate::engine::{Nanos, SECOND};

use super::Link;
use super::frame::{MessageId, Topic};
use super::rules::{Limits, Rules, Score};
use super::standing::Standing;

/// Peers that left and whose conduct is remembered; beyond it the one that left first is forgotten.
const LEFT_MAX: usize = 1_024;
/// How long a bad score is remembered.
const RETAINED: Nanos = 3_600 * SECOND;

/// A connected peer.
#[derive(Debug, Clone)]
pub(super) struct Neighbour {
    pub(super) peer: u32,
    place: u32,
    pub(super) is_outbound: bool,
    pub(super) is_subscribed: bool,
    pub(super) round_trip: Nanos,
    /// Until when it is not grafted, by topic.
    pub(super) backoff: [Nanos; 2],
    pub(super) standing: Standing,
    /// IHAVEs since the last heartbeat.
    pub(super) ihaves: u32,
    /// Ids that it was asked for since the last heartbeat.
    pub(super) asked: usize,
    /// What it said that it has, and when.
    unwanted: VecDeque<(MessageId, Nanos)>,
}

impl Neighbour {
    pub(super) fn is_in_mesh(&self, topic: Topic) -> bool {
        self.standing.mesh_since[topic as usize].is_some()
    }

    /// Whether something speaks against it.
    fn is_suspect(&self) -> bool {
        !self.standing.is_clean() || self.place != self.peer
    }

    /// It has this message.
    pub(super) fn want_not(&mut self, id: MessageId, now: Nanos, rules: &Rules) {
        if self.wants_not(id) {
            return;
        }
        if self.unwanted.len() == rules.unwanted_max {
            self.unwanted.pop_front();
        }
        self.unwanted.push_back((id, now));
    }

    pub(super) fn wants_not(&self, id: MessageId) -> bool {
        self.unwanted.iter().rev().any(|(unwanted, _)| *unwanted == id)
    }

    /// A heartbeat passes.
    pub(super) fn beat(&mut self, now: Nanos, rules: &Rules) {
        (self.ihaves, self.asked) = (0, 0);
        while self.unwanted.front().is_some_and(|(_, at)| at + rules.unwanted_for < now) {
            self.unwanted.pop_front();
        }
        if self.unwanted.is_empty() && self.unwanted.capacity() > 64 {
            self.unwanted = VecDeque::new();
        }
    }
}

/// A peer that is gone.
#[derive(Debug, Clone)]
struct Left {
    peer: u32,
    at: Nanos,
    /// Until when it is left alone.
    alone_until: Nanos,
    backoff: [Nanos; 2],
    standing: Standing,
}

/// All connected peers, and those who were.
#[derive(Debug, Clone, Default)]
pub(super) struct Neighbours {
    /// Their numbers, so that one is found within a line of memory.
    numbers: Vec<u32>,
    list: Vec<Neighbour>,
    /// Whether the score of anyone can be negative: it is looked at for every frame then.
    has_suspects: bool,
    left: VecDeque<Left>,
    /// Peers at each address that more than one shares.
    crowds: BTreeMap<u32, u32>,
}

impl Index<usize> for Neighbours {
    type Output = Neighbour;

    fn index(&self, at: usize) -> &Neighbour {
        &self.list[at]
    }
}

impl IndexMut<usize> for Neighbours {
    fn index_mut(&mut self, at: usize) -> &mut Neighbour {
        &mut self.list[at]
    }
}

impl Neighbours {
    pub(super) fn find(&self, peer: u32) -> Option<usize> {
        self.numbers.binary_search(&peer).ok()
    }

    /// A connected peer's conduct, to speak against it.
    pub(super) fn punish(&mut self, at: usize) -> &mut Standing {
        self.has_suspects = true;
        &mut self.list[at].standing
    }

    pub(super) fn get_mut(&mut self, peer: u32) -> Option<&mut Neighbour> {
        self.find(peer).map(|at| &mut self.list[at])
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Neighbour> {
        self.list.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Neighbour> {
        self.list.iter_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Adds a connection; false if it is there already.
    pub(super) fn add(&mut self, link: Link, rules: &Rules, now: Nanos) -> bool {
        let Err(at) = self.numbers.binary_search(&link.peer) else { return false };
        let before = self.left.iter().position(|left| left.peer == link.peer).and_then(|at| self.left.remove(at));
        let (backoff, standing) = match before {
            Some(left) => (left.backoff, left.standing),
            None => ([0; 2], Standing::new(&rules.limits, now)),
        };
        let neighbour = Neighbour {
            peer: link.peer,
            place: link.place,
            is_outbound: link.is_outbound,
            is_subscribed: false,
            round_trip: link.round_trip,
            backoff,
            standing,
            ihaves: 0,
            asked: 0,
            unwanted: VecDeque::new(),
        };
        self.has_suspects |= neighbour.is_suspect();
        self.numbers.insert(at, link.peer);
        self.list.insert(at, neighbour);
        self.list[at].standing.measure(link.round_trip, rules);
        if link.place != link.peer {
            *self.crowds.entry(link.place).or_default() += 1;
        }
        true
    }

    /// Removes a connection, if it is there; until `alone_until` no other one is taken.
    pub(super) fn remove(&mut self, peer: u32, alone_until: Option<Nanos>, now: Nanos) {
        let Some(at) = self.find(peer) else { return };
        self.numbers.remove(at);
        let mut gone = self.list.remove(at);
        if let Some(crowd) = self.crowds.get_mut(&gone.place).filter(|_| gone.place != peer) {
            *crowd -= 1;
        }
        gone.standing.leave();
        if alone_until.is_some() {
            gone.standing.faults = 0;
        }
        if self.left.len() == LEFT_MAX {
            self.left.pop_front();
        }
        let alone_until = alone_until.unwrap_or(0);
        let Neighbour { backoff, standing, .. } = gone;
        self.left.push_back(Left { peer, at: now, alone_until, backoff, standing });
    }

    pub(super) fn is_left_alone(&self, peer: u32, now: Nanos) -> bool {
        self.left.iter().any(|left| left.peer == peer && left.alone_until > now)
    }

    /// Charges a peer, connected or gone.
    pub(super) fn charge_worthless(&mut self, peer: u32, limits: &Limits, now: Nanos) {
        if let Some(neighbour) = self.get_mut(peer) {
            return neighbour.standing.charge_worthless(limits, now);
        }
        let left = self.left.iter_mut().find(|left| left.peer == peer);
        left.into_iter().for_each(|left| left.standing.charge_worthless(limits, now));
    }

    pub(super) fn score(&self, at: usize, decayed_at: Nanos, rules: &Rules) -> Score {
        let neighbour = &self.list[at];
        neighbour.standing.score(decayed_at, self.crowd(neighbour), rules)
    }

    /// The score if it can be negative, else 0: most are good, and by how much is not asked for every frame.
    pub(super) fn score_if_low(&self, at: usize, decayed_at: Nanos, rules: &Rules) -> Score {
        match self.has_suspects && self.list[at].is_suspect() {
            true => self.score(at, decayed_at, rules),
            false => 0,
        }
    }

    fn crowd(&self, neighbour: &Neighbour) -> u32 {
        match neighbour.place == neighbour.peer {
            true => 1,
            false => self.crowds.get(&neighbour.place).copied().unwrap_or(1),
        }
    }

    /// A second passes for all who are connected.
    pub(super) fn decay(&mut self, now: Nanos) {
        self.list.iter_mut().for_each(|neighbour| neighbour.standing.decay());
        self.has_suspects = self.list.iter().any(Neighbour::is_suspect);
        while self.left.front().is_some_and(|left| left.at + RETAINED < now && left.alone_until < now) {
            self.left.pop_front();
        }
    }

    /// Everyone is forgiven one fault.
    pub(super) fn ease(&mut self) {
        let left = self.left.iter_mut().map(|left| &mut left.standing);
        let here = self.list.iter_mut().map(|neighbour| &mut neighbour.standing);
        here.chain(left).for_each(|standing| standing.faults = standing.faults.saturating_sub(1));
    }
}
