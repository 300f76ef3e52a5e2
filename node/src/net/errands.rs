//! The gatekeeper of dials that a connected peer asked for: to see whether it can be reached, or to meet it directly. Nobody
//! across the world sends this node to its own machine or site.

use std::collections::HashMap;
use std::convert::Infallible;
use std::task::{Context, Poll};

use libp2p::core::transport::PortUse;
use libp2p::core::{ConnectedPoint, Endpoint};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
};
use libp2p::{Multiaddr, PeerId};

use super::listening::{is_believable, is_relayed};

/// Where the connected peers are seen.
#[derive(Debug, Default)]
pub(super) struct Errands {
    seen: HashMap<PeerId, Vec<(ConnectionId, Multiaddr)>>,
}

/// Why a dial is not made.
#[derive(Debug, thiserror::Error)]
#[error("a peer from afar names places on this machine or site alone")]
struct NotOurErrand;

impl Errands {
    fn is_fit(&self, peer: &PeerId, places: &[Multiaddr]) -> bool {
        let Some(seen) = self.seen.get(peer) else { return true };
        let is_fit = |place| seen.iter().any(|(_, seen)| is_believable(place, seen) || place == seen);
        places.iter().all(is_fit)
    }
}

/// Where the other end of a connection is: itself, or the relay in front of it.
fn other_end(endpoint: &ConnectedPoint) -> &Multiaddr {
    match endpoint {
        ConnectedPoint::Listener { local_addr, .. } if is_relayed(local_addr) => local_addr,
        _ => endpoint.get_remote_address(),
    }
}

impl NetworkBehaviour for Errands {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        places: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        match peer.is_none_or(|peer| self.is_fit(&peer, places)) {
            true => Ok(Vec::new()),
            false => Err(ConnectionDenied::new(NotOurErrand)),
        }
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<dummy::ConnectionHandler, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<dummy::ConnectionHandler, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(made) => {
                let link = (made.connection_id, other_end(made.endpoint).clone());
                self.seen.entry(made.peer_id).or_default().push(link);
            }
            FromSwarm::ConnectionClosed(closed) => {
                if let Some(links) = self.seen.get_mut(&closed.peer_id) {
                    links.retain(|(id, _)| *id != closed.connection_id);
                }
                if closed.remaining_established == 0 {
                    self.seen.remove(&closed.peer_id);
                }
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_from_afar_does_not_send_us_home_and_a_neighbour_may() {
        let [far, near, here] = ["/ip4/203.0.113.9/tcp/9", "/ip4/192.168.1.9/tcp/9", "/ip4/127.0.0.1/tcp/9"]
            .map(|text| text.parse::<Multiaddr>().unwrap());
        let (mut errands, stranger, neighbour) = (Errands::default(), PeerId::random(), PeerId::random());
        errands.seen.insert(stranger, vec![(ConnectionId::new_unchecked(1), far.clone())]);
        errands.seen.insert(neighbour, vec![(ConnectionId::new_unchecked(2), near.clone())]);
        let mut sends = |peer: PeerId, place: &Multiaddr| {
            let connection = ConnectionId::new_unchecked(3);
            let places = std::slice::from_ref(place);
            errands.handle_pending_outbound_connection(connection, Some(peer), places, Endpoint::Dialer).is_ok()
        };
        assert_eq!([&far, &near, &here].map(|place| sends(stranger, place)), [true, false, false]);
        assert_eq!([&far, &near, &here].map(|place| sends(neighbour, place)), [true, true, false]);
        let [decoy, errand] = [far.clone(), here.clone()];
        let connection = ConnectionId::new_unchecked(4);
        let sent =
            errands.handle_pending_outbound_connection(connection, Some(stranger), &[decoy, errand], Endpoint::Dialer);
        assert!(sent.is_err(), "a fit place beside it does not make it fit");
        let mut sends = |peer: PeerId, place: &Multiaddr| {
            let places = std::slice::from_ref(place);
            errands.handle_pending_outbound_connection(connection, Some(peer), places, Endpoint::Dialer).is_ok()
        };
        assert!(sends(PeerId::random(), &here), "nobody is connected who could have asked for it");
    }
}
