//! Being reachable: whether peers can dial this node, places at relays if they cannot, and direct connections instead of
//! relayed ones where that works.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use libp2p::core::ConnectedPoint;
use libp2p::core::transport::ListenerId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId, autonat, relay};

use super::super::event::{Direction, NetEvent};
use super::super::listening;
use super::super::peers::Peer;
use super::Task;

/// How long a relay that had no place, or took it back, is not asked again.
const RELAY_PAUSE: Duration = Duration::from_secs(60);
/// How long a node waits to be told that it can be dialed. A router that drops what it was not asked for leaves AutoNAT
/// without any answer.
const PROBE_PATIENCE: Duration = Duration::from_secs(15);
/// How long a direct connection must stand before the relayed one beside it is closed.
const DETOUR_TIME: Duration = Duration::from_secs(5);

/// A place at a relay, or the request for one.
#[derive(Debug)]
struct Reserved {
    relay: PeerId,
    is_confirmed: bool,
}

/// What is known of how peers reach this node.
#[derive(Debug)]
pub(super) struct Reachability {
    /// The world of this node is its machine: whoever is in it can dial it wherever it listens.
    is_local: bool,
    /// Whether a peer tried to dial this node and failed, or none said that it can.
    is_doubted: bool,
    /// Since when there are peers that could have said so.
    met_at: Option<Instant>,
    /// Places at relays.
    reserved: HashMap<ListenerId, Reserved>,
    /// When relays that said no are asked again.
    again_at: HashMap<PeerId, Instant>,
    /// Whether this node says of itself that it is a relay.
    is_relay: bool,
}

impl Reachability {
    pub(super) fn new(is_local: bool) -> Reachability {
        let (reserved, again_at) = (HashMap::new(), HashMap::new());
        Reachability { is_local, is_doubted: false, met_at: None, reserved, again_at, is_relay: false }
    }

    /// Whether a relay keeps a place for this node.
    pub(super) fn is_used(&self, id: &PeerId) -> bool {
        self.reserved.values().any(|reserved| reserved.relay == *id)
    }
}

impl Task {
    pub(super) fn on_listening(&mut self, listener: ListenerId, address: Multiaddr) {
        if let Some(reserved) = self.reachability.reserved.get_mut(&listener) {
            reserved.is_confirmed = true;
        }
        if self.reachability.is_local && listening::is_local(&address) && !listening::is_relayed(&address) {
            self.swarm.add_external_address(address.clone());
        }
        let address = self.with_peer_id(address);
        self.outbox.tell(NetEvent::Listening(address));
    }

    /// Whoever comes from afar, unasked, shows that the world can dial us there. The first public node of a market has
    /// nobody else to tell it.
    pub(super) fn on_visit(&mut self, id: &PeerId, endpoint: &ConnectedPoint) {
        let ConnectedPoint::Listener { local_addr, send_back_addr } = endpoint else { return };
        // A peer that is connected already may have come through a hole that we made for it.
        if self.peers.find(id).is_none() && listening::is_in_the_open(local_addr, send_back_addr) {
            self.swarm.add_external_address(local_addr.clone());
        }
    }

    pub(super) fn on_listener_closed(&mut self, listener: ListenerId, now: Instant) {
        if let Some(Reserved { relay, .. }) = self.reachability.reserved.remove(&listener) {
            tracing::debug!(%relay, "no place at this relay any more");
            self.reachability.again_at.insert(relay, now + RELAY_PAUSE);
        }
    }

    /// A peer tried to dial this node.
    pub(super) fn on_probed(&mut self, event: autonat::v2::client::Event) {
        let autonat::v2::client::Event { tested_addr, server, result, .. } = event;
        match result {
            Ok(()) => tracing::info!("peers can dial this node at {tested_addr}"),
            Err(error) => {
                tracing::debug!(%tested_addr, %server, %error, "a peer could not dial this node");
                self.swarm.remove_external_address(&tested_addr);
                self.reachability.is_doubted = true;
            }
        }
    }

    /// Whether the peers that are there can dial this node, as far as it knows: what a neighbour found to work is of no use
    /// to someone across the world.
    fn is_dialable(&self) -> bool {
        let serves = |own: &Multiaddr| {
            let mut links = self.peers.iter().flat_map(|(_, peer)| &peer.links).filter(|link| !link.is_relayed);
            links.all(|link| listening::is_believable(own, &link.multiaddr))
        };
        self.swarm.external_addresses().any(|own| !listening::is_relayed(own) && serves(own))
    }

    /// Keeps places at relays for as long as peers cannot dial this node.
    pub(super) fn reserve(&mut self, now: Instant) {
        self.be_a_relay();
        if self.is_dialable() {
            self.reachability.is_doubted = false;
            // A place that is still being asked for is given back once it is there: libp2p does not bear it earlier.
            let confirmed = self.reachability.reserved.iter().filter(|(_, reserved)| reserved.is_confirmed);
            let confirmed: Vec<ListenerId> = confirmed.map(|(listener, _)| *listener).collect();
            for listener in confirmed {
                self.swarm.remove_listener(listener);
                self.reachability.reserved.remove(&listener);
            }
            return;
        }
        let met_at = *self.reachability.met_at.get_or_insert(now);
        if self.peers.count_welcome() == 0 {
            self.reachability.met_at = None;
        } else if met_at + PROBE_PATIENCE <= now {
            self.reachability.is_doubted = true;
        }
        let is_listening = self.swarm.listeners().any(|address| !listening::is_relayed(address));
        if is_listening && !self.reachability.is_doubted {
            return;
        }
        self.reachability.again_at.retain(|_, at| *at > now);
        while self.reachability.reserved.len() < self.limits.reservations_target
            && let Some((relay, place)) = self.next_relay()
        {
            match self.swarm.listen_on(listening::behind(&place, relay)) {
                Ok(listener) => {
                    self.reachability.reserved.insert(listener, Reserved { relay, is_confirmed: false });
                }
                Err(_) => drop(self.reachability.again_at.insert(relay, now + RELAY_PAUSE)),
            }
        }
    }

    /// Offers places to others while they can dial this node. libp2p takes a place behind a relay for one that can be dialed,
    /// and breaks relayed connections when it changes its mind, so it is told, and only when there are none.
    fn be_a_relay(&mut self) {
        let is_dialable = self.is_dialable();
        let is_relayed = |peer: &Peer| peer.links.iter().any(|link| link.is_relayed);
        if is_dialable == self.reachability.is_relay || self.peers.iter().any(|(_, peer)| is_relayed(peer)) {
            return;
        }
        self.reachability.is_relay = is_dialable;
        let status = if is_dialable { relay::Status::Enable } else { relay::Status::Disable };
        self.swarm.behaviour_mut().relay.set_status(Some(status));
    }

    /// The nearest relay that was not asked yet, and where it is.
    fn next_relay(&self) -> Option<(PeerId, Multiaddr)> {
        let place_of = |peer: &Peer| {
            let direct = peer.links.iter().find(|link| !link.is_relayed)?;
            let others = || peer.reach.iter().find(|place| !listening::is_relayed(place)).cloned();
            if direct.direction == Direction::Outbound { Some(direct.multiaddr.clone()) } else { others() }
        };
        let is_fit = |(id, peer): &(&PeerId, &Peer)| {
            peer.is_relay
                && peer.is_welcome()
                && !self.reachability.again_at.contains_key(id)
                && !self.reachability.is_used(id)
        };
        let fit = self.peers.iter().filter(is_fit).filter_map(|(id, peer)| Some((peer.latency, *id, place_of(peer)?)));
        fit.min_by_key(|(latency, ..)| latency.unwrap_or(Duration::MAX)).map(|(_, id, place)| (id, place))
    }

    /// Dials a peer that came through a relay directly, once: whoever had to come that way may yet be easy to reach.
    pub(super) fn dial_back(&mut self, id: &PeerId) {
        let Some(peer) = self.peers.find_mut(id) else { return };
        let places: Vec<Multiaddr> = peer.reach.iter().filter(|place| !listening::is_relayed(place)).cloned().collect();
        let came = peer.links.iter().any(|link| link.direction == Direction::Inbound);
        if places.is_empty() || peer.is_dialed_back || !peer.is_relayed() || !came {
            return;
        }
        peer.is_dialed_back = true;
        // That it fails is no loss: the relayed connection stands.
        let _ = self.swarm.dial(DialOpts::peer_id(*id).condition(PeerCondition::Always).addresses(places).build());
    }

    /// Closes circuits of our own beside which a direct connection stands, unless something is under way.
    pub(super) fn drop_detours(&mut self, now: Instant) {
        let mut detours = Vec::new();
        for (_, peer) in self.peers.iter() {
            let is_direct = peer.links.iter().any(|link| !link.is_relayed && link.since + DETOUR_TIME <= now);
            if is_direct && peer.is_welcome() && peer.in_flight == 0 {
                let ours = peer.links.iter().filter(|link| link.is_relayed && link.direction == Direction::Outbound);
                detours.extend(ours.map(|link| link.id));
            }
        }
        for connection in detours {
            self.swarm.close_connection(connection);
        }
    }
}
