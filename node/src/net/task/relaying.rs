//! Being reachable: whether peers can dial this node, places at relays if they cannot, and direct connections instead of
//! relayed ones where that works.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use libp2p::core::transport::ListenerId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId, autonat};

use super::super::event::{Direction, NetEvent};
use super::super::listening;
use super::super::peers::Peer;
use super::Task;

/// How long a relay that had no place, or took it back, is not asked again.
const RELAY_PAUSE: Duration = Duration::from_secs(60);
/// How long a direct connection must stand before the relayed one beside it is closed.
const DETOUR_TIME: Duration = Duration::from_secs(5);

/// What is known of how peers reach this node.
#[derive(Debug)]
pub(super) struct Reachability {
    /// The world of this node is its machine: whoever is in it can dial it wherever it listens.
    is_local: bool,
    /// Whether a peer tried to dial this node and failed.
    is_doubted: bool,
    /// Places at relays.
    reserved: HashMap<ListenerId, PeerId>,
    /// When relays that said no are asked again.
    again_at: HashMap<PeerId, Instant>,
}

impl Reachability {
    pub(super) fn new(is_local: bool) -> Reachability {
        Reachability { is_local, is_doubted: false, reserved: HashMap::new(), again_at: HashMap::new() }
    }

    pub(super) fn is_local(&self) -> bool {
        self.is_local
    }

    fn is_asked(&self, id: &PeerId) -> bool {
        self.again_at.contains_key(id) || self.reserved.values().any(|relay| relay == id)
    }
}

impl Task {
    pub(super) fn on_listening(&mut self, address: Multiaddr) {
        if self.reachability.is_local && listening::is_local(&address) && !listening::is_relayed(&address) {
            self.swarm.add_external_address(address.clone());
        }
        let address = self.with_peer_id(address);
        self.outbox.tell(NetEvent::Listening(address));
    }

    pub(super) fn on_listener_closed(&mut self, listener: ListenerId, now: Instant) {
        if let Some(relay) = self.reachability.reserved.remove(&listener) {
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
                self.reachability.is_doubted = true;
            }
        }
    }

    /// Whether peers can dial this node, as far as it knows.
    fn is_dialable(&self) -> bool {
        self.swarm.external_addresses().any(|address| !listening::is_relayed(address))
    }

    /// Keeps places at relays for as long as peers cannot dial this node.
    pub(super) fn reserve(&mut self, now: Instant) {
        if self.is_dialable() {
            self.reachability.is_doubted = false;
            for listener in std::mem::take(&mut self.reachability.reserved).into_keys() {
                self.swarm.remove_listener(listener);
            }
            return;
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
                Ok(listener) => drop(self.reachability.reserved.insert(listener, relay)),
                Err(_) => drop(self.reachability.again_at.insert(relay, now + RELAY_PAUSE)),
            }
        }
    }

    /// The nearest relay that was not asked yet, and where it is.
    fn next_relay(&self) -> Option<(PeerId, Multiaddr)> {
        let place_of = |peer: &Peer| {
            let direct = peer.links.iter().find(|link| !link.is_relayed)?;
            let others = || peer.reach.iter().find(|place| !listening::is_relayed(place)).cloned();
            if direct.direction == Direction::Outbound { Some(direct.multiaddr.clone()) } else { others() }
        };
        let is_fit =
            |(id, peer): &(&PeerId, &Peer)| peer.is_relay && peer.is_welcome() && !self.reachability.is_asked(id);
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
