//! The client of AutoNAT with a bound: it keeps every address that peers say they see us at, so it hears of so many and no
//! more. Judges no address.

use std::collections::HashSet;
use std::task::{Context, Poll};

use libp2p::autonat::v2::client;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

use super::limits::CANDIDATES_MAX;

/// Asks peers to dial this node where it may be reached.
#[derive(Default)]
pub(super) struct Probe {
    client: client::Behaviour,
    /// The addresses that the client has heard of. It forgets none, so at the bound it hears of no other.
    heard: HashSet<Multiaddr>,
}

impl Probe {
    /// Whether the client hears of an address.
    fn hears(&mut self, address: &Multiaddr) -> bool {
        if self.heard.contains(address) {
            return true;
        }
        let has_room = self.heard.len() < CANDIDATES_MAX;
        if has_room {
            self.heard.insert(address.clone());
        }
        has_room
    }
}

impl NetworkBehaviour for Probe {
    type ConnectionHandler = THandler<client::Behaviour>;
    type ToSwarm = client::Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        here: &Multiaddr,
        there: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.client.handle_established_inbound_connection(connection, peer, here, there)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        there: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.client.handle_established_outbound_connection(connection, peer, there, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::NewExternalAddrCandidate(candidate) = &event
            && !self.hears(candidate.addr)
        {
            return;
        }
        self.client.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        self.client.on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ToSwarm<client::Event, THandlerInEvent<Self>>> {
        self.client.poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_peers_invent_are_heard_of_up_to_a_bound() {
        let mut probe = Probe::default();
        let invented = |port: usize| format!("/ip4/203.0.113.9/tcp/{}", port + 1).parse::<Multiaddr>().unwrap();
        let heard = (0..CANDIDATES_MAX * 3).filter(|port| probe.hears(&invented(*port))).count();
        assert_eq!((heard, probe.heard.len()), (CANDIDATES_MAX, CANDIDATES_MAX));
        assert!(probe.hears(&invented(0)), "the same one again costs nothing");
    }
}
