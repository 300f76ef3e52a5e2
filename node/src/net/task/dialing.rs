//! Dials: by the user, from the configuration, and what became of them.

use std::time::Instant;

use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionDenied, ConnectionId, DialError};
use libp2p::{Multiaddr, PeerId, allow_block_list, connection_limits, mdns};
use protocol::Address;

use super::super::error::DialFailure;
use super::super::identity::address_of;
use super::super::listening::{self, Place};
use super::super::peers::DialWaiter;
use super::Task;

impl Task {
    pub(super) fn dial(&mut self, multiaddr: Multiaddr, waiter: DialWaiter) {
        if let Some(outcome) = self.start_dial(multiaddr, waiter) {
            let (outcome, waiter) = outcome;
            let _ = waiter.send(outcome);
        }
    }

    /// Begins a dial, or says what came of it at once.
    fn start_dial(
        &mut self,
        multiaddr: Multiaddr,
        waiter: DialWaiter,
    ) -> Option<(Result<Address, DialFailure>, DialWaiter)> {
        let Some(place) = listening::place(&multiaddr) else { return Some((Err(DialFailure::BadAddress), waiter)) };
        if let Some(id) = place.peer {
            if let Some(why) = self.is_left_alone(&id) {
                return Some((Err(why), waiter));
            }
            if let Some(peer) = self.peers.find_mut(&id) {
                if peer.is_welcome() {
                    return Some((Ok(peer.address), waiter));
                }
                peer.dial_waiters.push(waiter);
                return None;
            }
        }
        if self.is_here(&place) {
            return Some((Err(DialFailure::Own), waiter));
        }
        let options = options(multiaddr, place.peer);
        let connection = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => {
                self.dials.insert(connection, waiter);
                None
            }
            Err(error) => Some((Err(failure(&error)), waiter)),
        }
    }

    /// Whether this node itself listens there. A TCP socket that shares its port can even connect to itself.
    fn is_here(&self, place: &Place) -> bool {
        let mut listeners = self.swarm.listeners().filter_map(listening::place);
        place.relay.is_none() && listeners.any(|own| (own.socket, own.is_quic) == (place.socket, place.is_quic))
    }

    /// Why a peer is not dialed, if so.
    pub(super) fn is_left_alone(&self, id: &PeerId) -> Option<DialFailure> {
        if id == self.swarm.local_peer_id() {
            return Some(DialFailure::Own);
        }
        if address_of(id).is_none_or(|address| self.memory.is_banned(&address)) {
            return Some(DialFailure::Banned);
        }
        let shunned = self.memory.shunned(id, Instant::now())?;
        Some(shunned.refusal.clone().map_or(DialFailure::Banned, DialFailure::Refused))
    }

    /// Dials the first peers that are not connected, unless there are others enough: an unused connection to one of
    /// them would be closed as idle and opened again for ever.
    pub(super) fn dial_bootstrap(&mut self, now: Instant) {
        if self.peers.count_welcome() >= self.limits.mesh {
            return;
        }
        for (address, peer) in self.bootstrap.due(now, |id| self.peers.find(id).is_some()) {
            let place = listening::place(&address);
            let peer = peer.or_else(|| place.and_then(|place| place.peer));
            let is_unwanted = |id: &PeerId| self.is_left_alone(id).is_some() || self.peers.find(id).is_some();
            if place.is_some_and(|place| self.is_here(&place)) || peer.as_ref().is_some_and(is_unwanted) {
                self.bootstrap.failed(&address, now);
                continue;
            }
            let options = options(address.clone(), peer);
            let connection = options.connection_id();
            match self.swarm.dial(options) {
                Ok(()) => self.bootstrap.dialing(&address, connection),
                Err(_) => self.bootstrap.failed(&address, now),
            }
        }
    }

    pub(super) fn on_dial_error(&mut self, peer: Option<PeerId>, connection: ConnectionId, error: &DialError) {
        if let Some(waiter) = self.dials.remove(&connection) {
            let _ = waiter.send(Err(failure(error)));
        }
        match error {
            DialError::LocalPeerId { .. } => self.bootstrap.forget(connection),
            _ => self.bootstrap.dial_failed(connection, Instant::now()),
        }
        self.on_own_dial_failed(connection);
        if let Some(peer) = peer.filter(|id| self.peers.find(id).is_none()) {
            self.on_search_dial_failed(&peer);
        }
    }

    pub(super) fn on_mdns(&mut self, event: mdns::Event) {
        let mdns::Event::Discovered(found) = event else { return };
        for (id, address) in found {
            if self.is_left_alone(&id).is_none() && self.peers.find(&id).is_none() {
                // A peer that is being dialed already, or a dial above the limits, is no loss: mDNS repeats itself.
                let _ = self.swarm.dial(options(address, Some(id)));
            }
        }
    }
}

fn options(address: Multiaddr, peer: Option<PeerId>) -> DialOpts {
    match peer {
        Some(peer) => DialOpts::peer_id(peer).condition(PeerCondition::Disconnected).addresses(vec![address]).build(),
        None => DialOpts::unknown_peer_id().address(address).build(),
    }
}

fn failure(error: &DialError) -> DialFailure {
    match error {
        DialError::LocalPeerId { .. } => DialFailure::Own,
        DialError::WrongPeerId { obtained, .. } => DialFailure::WrongPeer { found: address_of(obtained) },
        DialError::Denied { cause } => denial(cause),
        _ => DialFailure::Unreachable,
    }
}

fn denial(cause: &ConnectionDenied) -> DialFailure {
    if cause.downcast_ref::<connection_limits::Exceeded>().is_some() {
        DialFailure::Full
    } else if cause.downcast_ref::<allow_block_list::Blocked>().is_some() {
        DialFailure::Banned
    } else {
        DialFailure::Unreachable
    }
}
