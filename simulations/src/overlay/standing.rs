//! What a neighbour's conduct is worth: gossipsub's peer score with the node's parameters, in integers, and the node's own
//! allowance and faults. Knows one neighbour and the rules.

use crate::engine::{Nanos, SECOND};

use super::rules::{Limits, POINT, Rules, Score};

/// Below it, a peer's lazy gossip is not answered, nor given.
pub const GOSSIP_THRESHOLD: Score = -100 * POINT;
/// Below it, nothing of our own is published to a peer.
pub const PUBLISH_THRESHOLD: Score = -200 * POINT;
/// Below it, nothing of a peer's is looked at.
pub const GRAYLIST_THRESHOLD: Score = -400 * POINT;
/// A mesh whose median is below takes in better peers.
pub const GRAFT_THRESHOLD: Score = 5 * POINT;

/// Counters are in 1/2^16.
const ONE: u32 = 1 << 16;
/// Counters below a tenth count for nothing.
const ZERO_BELOW: u32 = ONE / 10;
/// 0.1^(1/300) and 0.1^(1/600) in 1/2^32: after so many seconds a tenth is left.
const TENTH_IN_300: u64 = 4_262_128_389;
const TENTH_IN_600: u64 = 4_278_516_337;
/// A fifth, in 1/2^32.
const FIFTH: u64 = 858_993_459;

const TOPIC_SCORE_MAX: Score = 30 * POINT;
const MESH_SECONDS_MAX: u64 = 300;
const FIRST_MAX: u32 = 200 * ONE;
const COUNTER_MAX: u32 = 10_000 * ONE;
const BEHAVIOUR_THRESHOLD: u32 = 6 * ONE;

/// Token buckets: what a peer may send.
#[derive(Debug, Clone)]
struct Bucket {
    /// Thousandths of a token.
    level: u64,
    filled_ms: u64,
}

impl Bucket {
    fn new(burst: u32, now: Nanos) -> Bucket {
        Bucket { level: u64::from(burst) * 1_000, filled_ms: now / 1_000_000 }
    }

    fn fill(&mut self, rate: u32, burst: u32, now: Nanos) {
        let now_ms = now / 1_000_000;
        let filled = self.level + now_ms.saturating_sub(self.filled_ms) * u64::from(rate);
        self.level = filled.min(u64::from(burst) * 1_000);
        self.filled_ms = self.filled_ms.max(now_ms);
    }

    fn take(&mut self, tokens: u32) -> bool {
        let wanted = u64::from(tokens) * 1_000;
        let is_enough = wanted <= self.level;
        if is_enough {
            self.level -= wanted;
        }
        is_enough
    }
}

/// A neighbour's conduct, which outlives its connection.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    /// Since when it is in the mesh of a topic.
    pub(super) mesh_since: [Option<Nanos>; 2],
    first: [u32; 2],
    invalid: [u32; 2],
    behaviour: u32,
    slow: u32,
    pub(super) faults: u32,
    near: Score,
    worthless: Bucket,
    bytes: Bucket,
}

impl Standing {
    pub(super) fn new(limits: &Limits, now: Nanos) -> Standing {
        Standing {
            mesh_since: [None; 2],
            first: [0; 2],
            invalid: [0; 2],
            behaviour: 0,
            slow: 0,
            faults: 0,
            near: 0,
            worthless: Bucket::new(limits.worthless_burst, now),
            bytes: Bucket::new(limits.bytes_burst, now),
        }
    }

    /// How near it is, by a round trip.
    pub(super) fn measure(&mut self, round_trip: Nanos, rules: &Rules) {
        let left = rules.near.saturating_sub(round_trip);
        self.near = rules.near_score * (left / 1_000) as i64 / (rules.near / 1_000).max(1) as i64;
    }

    /// Whether nothing speaks against it: its score is not negative.
    pub(super) fn is_clean(&self) -> bool {
        self.invalid == [0; 2] && self.behaviour == 0 && self.slow == 0 && self.faults == 0
    }

    /// Its score as of the last decay; `crowd` peers share its address.
    pub(super) fn score(&self, decayed_at: Nanos, crowd: u32, rules: &Rules) -> Score {
        if !rules.is_scored {
            return 0;
        }
        let points = |counter: u32| i64::from(counter) * POINT / i64::from(ONE);
        let topics = [0, 1].map(|topic| {
            let mesh_s = self.mesh_since[topic].map_or(0, |since| decayed_at.saturating_sub(since) / SECOND);
            let time = mesh_s.min(MESH_SECONDS_MAX) as i64 * POINT / 100;
            let invalid = points(self.invalid[topic]);
            time + points(self.first[topic]) / 20 - 4 * squared(invalid)
        });
        let topics = (topics[0] + topics[1]).min(TOPIC_SCORE_MAX);
        let faults = i64::from(self.faults) * rules.limits.fault_score;
        let surplus = i64::from(crowd.saturating_sub(rules.limits.peers_per_place));
        let crowd = -5 * surplus * surplus * POINT;
        let behaviour = -10 * squared(points(self.behaviour.saturating_sub(BEHAVIOUR_THRESHOLD)));
        topics + faults + self.near + crowd + behaviour - points(self.slow) / 5
    }

    /// A second passes.
    pub(super) fn decay(&mut self) {
        for topic in [0, 1] {
            self.first[topic] = decayed(self.first[topic], TENTH_IN_300);
            self.invalid[topic] = decayed(self.invalid[topic], TENTH_IN_600);
        }
        self.behaviour = decayed(self.behaviour, TENTH_IN_600);
        self.slow = decayed(self.slow, FIFTH);
    }

    pub(super) fn delivered_first(&mut self, topic: usize) {
        self.first[topic] = (self.first[topic] + ONE).min(FIRST_MAX);
    }

    pub(super) fn delivered_invalid(&mut self, topic: usize) {
        self.invalid[topic] = (self.invalid[topic] + ONE).min(COUNTER_MAX);
    }

    pub(super) fn misbehaved(&mut self, times: u32) {
        self.behaviour = self.behaviour.saturating_add(times.saturating_mul(ONE)).min(COUNTER_MAX);
    }

    pub(super) fn was_slow(&mut self) {
        self.slow = (self.slow + ONE).min(COUNTER_MAX);
    }

    /// The connection closed. A good score is forgotten, a bad one is kept but for what spoke for it.
    pub(super) fn leave(&mut self) {
        (self.mesh_since, self.first) = ([None; 2], [0; 2]);
    }

    /// Whether a message is looked at, by what its sender sent before.
    pub(super) fn take_gossip(&mut self, bytes: u32, limits: &Limits, now: Nanos) -> bool {
        self.worthless.fill(limits.worthless_rate, limits.worthless_burst, now);
        self.bytes.fill(limits.bytes_rate, limits.bytes_burst, now);
        self.worthless.level >= 1_000 && self.bytes.take(bytes.max(limits.message_cost_min))
    }

    /// A message that was looked at was worth nothing.
    pub(super) fn charge_worthless(&mut self, limits: &Limits, now: Nanos) {
        self.worthless.fill(limits.worthless_rate, limits.worthless_burst, now);
        self.worthless.take(1);
    }
}

/// Of points, in points.
fn squared(score: Score) -> Score {
    (i128::from(score) * i128::from(score) / i128::from(POINT)) as i64
}

fn decayed(counter: u32, factor: u64) -> u32 {
    let left = ((u64::from(counter) * factor) >> 32) as u32;
    if left < ZERO_BELOW { 0 } else { left }
}
