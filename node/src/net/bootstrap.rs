//! When to dial the first peers, and again when they are lost. Pure: takes the time, dials nothing itself.

use std::time::{Duration, Instant};

use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};

/// The first wait after a dial that failed; it doubles.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// The longest wait between two dials of one address.
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// One address from the configuration.
#[derive(Debug)]
struct Entry {
    address: Multiaddr,
    peer: Option<PeerId>,
    dialing: Option<ConnectionId>,
    backoff: Duration,
    next_at: Instant,
}

/// The addresses that a node is given to begin with.
#[derive(Debug, Default)]
pub(super) struct Bootstrap {
    entries: Vec<Entry>,
}

impl Bootstrap {
    /// All of `addresses` are due at once.
    pub(super) fn new(addresses: Vec<Multiaddr>, now: Instant) -> Bootstrap {
        let entry = |address| Entry { address, peer: None, dialing: None, backoff: BACKOFF_MIN, next_at: now };
        Bootstrap { entries: addresses.into_iter().map(entry).collect() }
    }

    /// The addresses to dial now, with the peer that answered there before. Each must be followed by [`Self::dialing`]
    /// or [`Self::failed`].
    pub(super) fn due(&self, now: Instant, is_connected: impl Fn(&PeerId) -> bool) -> Vec<(Multiaddr, Option<PeerId>)> {
        let is_lost = |entry: &&Entry| entry.dialing.is_none() && !entry.peer.as_ref().is_some_and(&is_connected);
        let due = self.entries.iter().filter(is_lost).filter(|entry| entry.next_at <= now);
        due.map(|entry| (entry.address.clone(), entry.peer)).collect()
    }

    /// A dial of `address` has begun.
    pub(super) fn dialing(&mut self, address: &Multiaddr, connection: ConnectionId) {
        for entry in self.entries.iter_mut().filter(|entry| entry.address == *address) {
            entry.dialing = Some(connection);
        }
    }

    /// `peer` answered a dial.
    pub(super) fn answered(&mut self, connection: ConnectionId, peer: PeerId, now: Instant) {
        for entry in self.entries.iter_mut().filter(|entry| entry.dialing == Some(connection)) {
            entry.dialing = None;
            entry.peer = Some(peer);
            entry.backoff = BACKOFF_MIN;
            entry.next_at = now + BACKOFF_MIN;
        }
    }

    /// The dial of a connection failed.
    pub(super) fn dial_failed(&mut self, connection: ConnectionId, now: Instant) {
        let address = self.entries.iter().find(|entry| entry.dialing == Some(connection)).map(|e| e.address.clone());
        if let Some(address) = address {
            self.failed(&address, now);
        }
    }

    /// A dial of `address` failed or could not begin: it waits longer each time.
    pub(super) fn failed(&mut self, address: &Multiaddr, now: Instant) {
        for entry in self.entries.iter_mut().filter(|entry| entry.address == *address) {
            tracing::warn!("{address} does not answer; trying again in {} s", entry.backoff.as_secs());
            entry.dialing = None;
            entry.next_at = now + entry.backoff;
            entry.backoff = (entry.backoff * 2).min(BACKOFF_MAX);
        }
    }

    /// `address` is this node's own, or never can be dialed.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        self.entries.retain(|entry| entry.dialing != Some(connection));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(bootstrap: &Bootstrap, now: Instant) -> usize {
        bootstrap.due(now, |_| false).len()
    }

    #[test]
    fn a_peer_that_does_not_answer_is_dialed_less_and_less_often() {
        let start = Instant::now();
        let address: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        let mut bootstrap = Bootstrap::new(vec![address.clone()], start);
        let mut at = start;
        for wait_s in [1, 2, 4, 8, 10, 10] {
            assert_eq!(due(&bootstrap, at), 1);
            let connection = ConnectionId::new_unchecked(wait_s);
            bootstrap.dialing(&address, connection);
            assert_eq!(due(&bootstrap, at + Duration::from_secs(3600)), 0, "one dial at a time");
            bootstrap.dial_failed(connection, at);
            assert_eq!(due(&bootstrap, at + Duration::from_millis(wait_s as u64 * 1000 - 1)), 0);
            at += Duration::from_secs(wait_s as u64);
        }
    }

    #[test]
    fn a_lost_peer_is_dialed_again_and_a_connected_one_is_not() {
        let start = Instant::now();
        let address: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        let mut bootstrap = Bootstrap::new(vec![address.clone()], start);
        let (connection, peer) = (ConnectionId::new_unchecked(1), PeerId::random());
        bootstrap.dialing(&address, connection);
        bootstrap.answered(connection, peer, start);
        let later = start + Duration::from_secs(60);
        assert!(bootstrap.due(later, |id| *id == peer).is_empty());
        assert_eq!(bootstrap.due(later, |_| false), vec![(address, Some(peer))]);
    }
}
