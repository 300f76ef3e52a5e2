//! Where peers are, connected or not: what to dial when neighbours are needed, and what the node may keep for its next
//! life. Pure: takes the time, dials nothing, knows no disk.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use libp2p::{Multiaddr, PeerId};
use protocol::Address;

use super::identity::address_of;
use super::limits::REACH_MAX;
use super::listening;

/// The first wait after a dial that failed; it doubles.
const BACKOFF_MIN: Duration = Duration::from_secs(5);
/// The longest wait between two dials of one peer.
const BACKOFF_MAX: Duration = Duration::from_secs(600);

/// A peer that can be dialed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPeer {
    /// Who it is.
    pub address: Address,
    /// Where it can be dialed, each ending in `/p2p/` and its id.
    pub multiaddrs: Vec<Multiaddr>,
    /// The last round trip, once measured.
    pub latency_ms: Option<u32>,
    /// Whether it answered when this node dialed it. One that only ever came by itself goes first at a bound.
    pub was_dialed: bool,
}

impl KnownPeer {
    /// Its libp2p name. `None` unless every multiaddress names it and can be dialed.
    fn id(&self) -> Option<PeerId> {
        let id = listening::place(self.multiaddrs.first()?)?.peer?;
        let is_its = |address: &Multiaddr| listening::place(address).is_some_and(|place| place.peer == Some(id));
        (address_of(&id) == Some(self.address) && self.multiaddrs.iter().all(is_its)).then_some(id)
    }
}

/// One peer.
#[derive(Debug)]
struct Entry {
    reach: Vec<Multiaddr>,
    latency: Option<Duration>,
    was_dialed: bool,
    backoff: Duration,
    next_at: Instant,
    /// Grows with every sign of life; the smallest leaves first.
    seen: u64,
}

/// A peer that may be dialed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) id: PeerId,
    pub(super) latency: Option<Duration>,
}

/// All of them, at most `known_max`.
#[derive(Debug, Default)]
pub(super) struct Known {
    entries: HashMap<PeerId, Entry>,
    known_max: usize,
    seen: u64,
}

impl Known {
    /// What an earlier life left, the peer seen last first. Records that make no sense are passed over.
    pub(super) fn new(peers: &[KnownPeer], known_max: usize, now: Instant) -> Known {
        let mut known = Known { known_max, ..Known::default() };
        for peer in peers.iter().take(known_max).rev() {
            let Some(id) = peer.id() else { continue };
            known.learn(id, peer.multiaddrs.clone(), now);
            if let Some(entry) = known.entries.get_mut(&id) {
                entry.latency = peer.latency_ms.map(|ms| Duration::from_millis(ms.into()));
                entry.was_dialed = peer.was_dialed;
            }
        }
        known
    }

    /// The peers that are known, with their Ethereum addresses.
    pub(super) fn ids(&self) -> impl Iterator<Item = (Address, PeerId)> {
        self.entries.keys().filter_map(|id| Some((address_of(id)?, *id)))
    }

    /// Where a peer can be dialed.
    pub(super) fn reach(&self, id: &PeerId) -> Vec<Multiaddr> {
        self.entries.get(id).map(|entry| entry.reach.clone()).unwrap_or_default()
    }

    /// A peer is at these places from now on.
    pub(super) fn learn(&mut self, id: PeerId, mut reach: Vec<Multiaddr>, now: Instant) {
        reach.truncate(REACH_MAX);
        if reach.is_empty() || self.known_max == 0 {
            return;
        }
        self.seen += 1;
        let seen = self.seen;
        if let Some(entry) = self.entries.get_mut(&id) {
            (entry.reach, entry.seen) = (reach, seen);
            return;
        }
        if self.entries.len() >= self.known_max {
            let first = self.entries.iter().min_by_key(|(_, entry)| (entry.was_dialed, entry.seen)).map(|(id, _)| *id);
            first.and_then(|id| self.entries.remove(&id));
        }
        let (latency, was_dialed, backoff) = (None, false, BACKOFF_MIN);
        self.entries.insert(id, Entry { reach, latency, was_dialed, backoff, next_at: now, seen });
    }

    /// Others say that a peer is there. What a peer said of itself counts more.
    pub(super) fn hear(&mut self, id: PeerId, reach: Vec<Multiaddr>, now: Instant) {
        if !self.entries.contains_key(&id) {
            self.learn(id, reach, now);
        }
    }

    /// A round trip was measured.
    pub(super) fn measured(&mut self, id: &PeerId, latency: Duration) {
        self.entries.get_mut(id).into_iter().for_each(|entry| entry.latency = Some(latency));
    }

    /// A peer is welcome here; `was_dialed` if we opened the connection.
    pub(super) fn met(&mut self, id: &PeerId, was_dialed: bool) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.was_dialed |= was_dialed;
            entry.backoff = BACKOFF_MIN;
        }
    }

    /// A dial begins, or failed: the peer is left in peace for longer each time, until it is met.
    pub(super) fn wait(&mut self, id: &PeerId, now: Instant) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.next_at = now + entry.backoff;
            entry.backoff = (entry.backoff * 2).min(BACKOFF_MAX);
        }
    }

    pub(super) fn forget(&mut self, id: &PeerId) {
        self.entries.remove(id);
    }

    /// The peers that are due, can be dialed directly, and that `is_free` lets pass.
    pub(super) fn candidates(&self, now: Instant, is_free: impl Fn(&PeerId) -> bool) -> Vec<Candidate> {
        let is_direct = |entry: &Entry| entry.reach.iter().any(|place| !listening::is_relayed(place));
        let due = self.entries.iter().filter(|(_, entry)| entry.next_at <= now && is_direct(entry));
        due.filter(|(id, _)| is_free(id)).map(|(id, entry)| Candidate { id: *id, latency: entry.latency }).collect()
    }

    /// A peer as the node may keep it.
    pub(super) fn record(&self, id: &PeerId) -> Option<KnownPeer> {
        let (entry, address) = (self.entries.get(id)?, address_of(id)?);
        Some(KnownPeer {
            address,
            multiaddrs: entry.reach.iter().map(|place| listening::named(place.clone(), *id)).collect(),
            latency_ms: entry.latency.map(|latency| u32::try_from(latency.as_millis()).unwrap_or(u32::MAX)),
            was_dialed: entry.was_dialed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::keypair;

    fn id(seed: u8) -> PeerId {
        keypair(&mut [seed; 32]).unwrap().public().to_peer_id()
    }

    fn place(port: u8) -> Vec<Multiaddr> {
        vec![format!("/ip4/192.0.2.1/tcp/{port}").parse().unwrap()]
    }

    #[test]
    fn what_is_kept_for_the_next_life_is_what_that_life_begins_with() {
        let now = Instant::now();
        let mut known = Known::new(&[], 10, now);
        known.learn(id(1), place(7), now);
        known.measured(&id(1), Duration::from_millis(30));
        known.met(&id(1), true);
        let record = known.record(&id(1)).unwrap();
        assert_eq!((record.latency_ms, record.was_dialed), (Some(30), true));
        let again = Known::new(std::slice::from_ref(&record), 10, now);
        assert_eq!(again.record(&id(1)).as_ref(), Some(&record));
        assert_eq!(again.candidates(now, |_| true).len(), 1, "it is dialed at once");

        let other = KnownPeer { address: address_of(&id(2)).unwrap(), ..record.clone() };
        let mut mixed = record.clone();
        mixed.multiaddrs.push(listening::named(place(8)[0].clone(), id(2)));
        let nowhere = KnownPeer { multiaddrs: Vec::new(), ..record };
        assert!(Known::new(&[other, mixed, nowhere], 10, now).entries.is_empty(), "a record that lies is passed over");
    }

    #[test]
    fn at_the_bound_those_go_first_that_never_answered_a_dial_and_then_the_oldest() {
        let now = Instant::now();
        let mut known = Known::new(&[], 3, now);
        (1..=3).for_each(|seed| known.learn(id(seed), place(seed), now));
        known.met(&id(1), true);
        known.met(&id(2), true);
        (4..=9).for_each(|seed| known.learn(id(seed), place(seed), now));
        let mut left: Vec<PeerId> = known.entries.keys().copied().collect();
        let mut expected = vec![id(1), id(2), id(9)];
        left.sort();
        expected.sort();
        assert_eq!(left, expected, "strangers that come by themselves drive out only each other");
        known.met(&id(9), true);
        known.learn(id(1), place(7), now);
        known.learn(id(10), place(10), now);
        assert!(known.reach(&id(2)).is_empty() && known.reach(&id(1)) == place(7));
    }

    #[test]
    fn a_peer_that_does_not_answer_is_dialed_less_and_less_often() {
        let mut now = Instant::now();
        let mut known = Known::new(&[], 3, now);
        known.learn(id(1), place(1), now);
        for wait_s in [5, 10, 20, 40, 80, 160, 320, 600, 600] {
            assert_eq!(known.candidates(now, |_| true).len(), 1);
            known.wait(&id(1), now);
            let wait = Duration::from_secs(wait_s);
            assert!(known.candidates(now + wait - Duration::from_millis(1), |_| true).is_empty());
            now += wait;
        }
        known.met(&id(1), true);
        known.wait(&id(1), now);
        assert_eq!(known.candidates(now + BACKOFF_MIN, |_| true).len(), 1);
        assert!(known.candidates(now + BACKOFF_MIN, |_| false).is_empty());
    }
}
