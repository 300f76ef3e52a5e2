//! Which peers to dial so that a node keeps neighbours of its own choice: some near, some by chance. Pure: chooses, dials
//! nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use libp2p::PeerId;

use super::known::Candidate;
use super::limits::NetLimits;

/// How often one more peer than usual is tried.
const TRIAL_INTERVAL: Duration = Duration::from_secs(300);

/// Why a peer was dialed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// It is near, or shall show whether it is.
    Near,
    /// By chance.
    Random,
}

/// The choices that are connected, or being dialed.
///
/// Whoever fills all places for inbound connections still reaches none of these, and whoever sits near can win only the
/// near ones. One more is tried now and then, and the slowest of its kind goes for it.
#[derive(Debug)]
pub(super) struct Outbound {
    chosen: HashMap<PeerId, Choice>,
    trial_at: Instant,
}

impl Outbound {
    pub(super) fn new(now: Instant) -> Outbound {
        Outbound { chosen: HashMap::new(), trial_at: now + TRIAL_INTERVAL }
    }

    /// A peer that was chosen is gone, or was never reached.
    pub(super) fn lost(&mut self, id: &PeerId) {
        self.chosen.remove(id);
    }

    pub(super) fn chosen(&self) -> impl Iterator<Item = &PeerId> {
        self.chosen.keys()
    }

    pub(super) fn is_chosen(&self, id: &PeerId) -> bool {
        self.chosen.contains_key(id)
    }

    /// Whether there are too few.
    pub(super) fn wants_more(&self, limits: &NetLimits) -> bool {
        self.chosen.len() < limits.outbound_target
    }

    /// The next peer to dial, if one is wanted. `draw` is any number.
    pub(super) fn next(
        &mut self,
        candidates: &[Candidate],
        limits: &NetLimits,
        (now, draw): (Instant, u64),
    ) -> Option<PeerId> {
        let held = self.chosen.len();
        let is_trial = held == limits.outbound_target && self.trial_at <= now;
        if held >= limits.outbound_target && !is_trial {
            return None;
        }
        let near = self.chosen.values().filter(|choice| **choice == Choice::Near).count();
        let nearest = candidates.iter().filter(|one| one.latency.is_some()).min_by_key(|one| one.latency);
        let by_chance = || candidates.get((draw % candidates.len().max(1) as u64) as usize);
        let (id, choice) = match nearest {
            // Half of the trials go to peers of which nothing is known.
            _ if is_trial => match nearest.filter(|_| draw.is_multiple_of(2)).or_else(by_chance) {
                Some(one) => (one.id, Choice::Near),
                None => return None,
            },
            Some(one) if near < limits.outbound_near => (one.id, Choice::Near),
            _ => (by_chance()?.id, Choice::Random),
        };
        if is_trial {
            self.trial_at = now + TRIAL_INTERVAL;
        }
        self.chosen.insert(id, choice);
        Some(id)
    }

    /// The peer to let go when there is one too many: of the kind of which there are too many, the slowest that `is_idle`.
    pub(super) fn surplus(&self, limits: &NetLimits, is_idle: impl Fn(&PeerId) -> Option<Duration>) -> Option<PeerId> {
        if self.chosen.len() <= limits.outbound_target {
            return None;
        }
        let of = |kind: Choice| self.chosen.iter().filter(move |(_, choice)| **choice == kind);
        // A trial counts as near. While too few near ones were known, those chosen by chance took their places.
        let is_near_full = of(Choice::Near).count() > limits.outbound_near;
        let kind = if is_near_full { Choice::Near } else { Choice::Random };
        of(kind).filter_map(|(id, _)| Some((is_idle(id)?, *id))).max().map(|(_, id)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(latencies: &[Option<u64>]) -> Vec<Candidate> {
        let one = |ms: &Option<u64>| Candidate { id: PeerId::random(), latency: ms.map(Duration::from_millis) };
        latencies.iter().map(one).collect()
    }

    /// Dials until nothing more is wanted, and says how many of each kind.
    fn fill(outbound: &mut Outbound, mut candidates: Vec<Candidate>, now: Instant) -> (usize, usize) {
        let limits = NetLimits::default();
        while let Some(id) = outbound.next(&candidates, &limits, (now, candidates.len() as u64 / 2)) {
            candidates.retain(|one| one.id != id);
        }
        let near = outbound.chosen.values().filter(|choice| **choice == Choice::Near).count();
        (near, outbound.chosen.len() - near)
    }

    #[test]
    fn four_are_the_nearest_and_four_are_chosen_by_chance() {
        let now = Instant::now();
        let measured = candidates(&(0..40).map(|n| Some(10 + n)).collect::<Vec<_>>());
        let mut outbound = Outbound::new(now);
        assert_eq!(fill(&mut outbound, measured.clone(), now), (4, 4));
        assert!(measured[..4].iter().all(|one| outbound.chosen.get(&one.id) == Some(&Choice::Near)));
        let unmeasured = candidates(&[None; 20]);
        assert_eq!(fill(&mut Outbound::new(now), unmeasured, now), (0, 8), "nearness has to be measured first");
        assert_eq!(fill(&mut Outbound::new(now), candidates(&[None, Some(3)]), now), (1, 1));
    }

    #[test]
    fn now_and_then_one_more_is_tried_and_the_slowest_near_one_goes() {
        let (start, limits) = (Instant::now(), NetLimits::default());
        let measured = candidates(&(0..8).map(|n| Some(10 + n)).collect::<Vec<_>>());
        let mut outbound = Outbound::new(start);
        fill(&mut outbound, measured.clone(), start);
        let fresh = candidates(&[None]);
        assert_eq!(outbound.next(&fresh, &limits, (start, 1)), None);
        let later = start + TRIAL_INTERVAL;
        let latency =
            |id: &PeerId| measured.iter().find(|one| one.id == *id).map_or(Some(Duration::ZERO), |one| one.latency);
        assert_eq!(outbound.surplus(&limits, latency), None);
        assert_eq!(outbound.next(&fresh, &limits, (later, 1)), Some(fresh[0].id));
        assert_eq!(outbound.next(&fresh, &limits, (later, 1)), None, "one trial at a time");
        assert_eq!(outbound.surplus(&limits, latency), Some(measured[3].id));
        assert_eq!(outbound.surplus(&limits, |_| None), None, "whoever is busy stays");
    }

    #[test]
    fn a_near_trial_takes_the_place_of_one_that_was_chosen_for_want_of_near_ones() {
        let (start, limits) = (Instant::now(), NetLimits::default());
        let unmeasured = candidates(&[None; 8]);
        let mut outbound = Outbound::new(start);
        assert_eq!(fill(&mut outbound, unmeasured.clone(), start), (0, 8));
        let near = candidates(&[Some(1)]);
        assert_eq!(outbound.next(&near, &limits, (start + TRIAL_INTERVAL, 0)), Some(near[0].id));
        let place = |id: &PeerId| unmeasured.iter().position(|one| one.id == *id);
        let latency = |id: &PeerId| Some(Duration::from_millis(place(id).map_or(1, |at| 10 + at as u64)));
        assert_eq!(outbound.surplus(&limits, latency), Some(unmeasured[7].id), "the trial stays");
        outbound.lost(&unmeasured[7].id);
        assert_eq!(outbound.chosen.get(&near[0].id), Some(&Choice::Near));
    }
}
