//! Neighbours of our own choice: dials to known peers, what is learnt of their places and distance, and who may go.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use libp2p::swarm::ConnectionId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId, kad};

use super::super::event::{NetEvent, Topic};
use super::super::listening;
use super::super::peers::Peer;
use super::Task;

/// How often the node is told again of the peers that are there, so that its records do not grow old.
const RECORD_INTERVAL: Duration = Duration::from_secs(3600);
/// How often peers are asked for others when there is nobody to choose from.
const WALK_INTERVAL: Duration = Duration::from_secs(60);
/// How long nothing must have been asked before a connection counts as one that nothing needs.
const IDLE_PAUSE: Duration = Duration::from_secs(60);

/// Dials that are under way, and when what is due next.
#[derive(Debug)]
pub(super) struct Upkeep {
    dials: HashMap<ConnectionId, PeerId>,
    record_at: Instant,
    walk_at: Instant,
    /// For choices that an attacker must not foresee.
    chance: RandomState,
    drawn: u64,
}

impl Upkeep {
    pub(super) fn new(now: Instant) -> Upkeep {
        let (record_at, chance) = (now + RECORD_INTERVAL, RandomState::new());
        Upkeep { dials: HashMap::new(), record_at, walk_at: now + WALK_INTERVAL, chance, drawn: 0 }
    }

    /// A dial has an outcome; the peer, if the dial was of our own choice.
    pub(super) fn dial_ended(&mut self, connection: ConnectionId) -> Option<PeerId> {
        self.dials.remove(&connection)
    }

    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.chance.hash_one(self.drawn)
    }
}

impl Task {
    /// Dials one more peer if there are too few of our own choice, and lets one go if there are too many.
    pub(super) fn keep_outbound(&mut self, now: Instant) {
        if self.upkeep.record_at <= now {
            self.upkeep.record_at = now + RECORD_INTERVAL;
            let welcome: Vec<PeerId> =
                self.peers.iter().filter(|(_, peer)| peer.is_welcome()).map(|(id, _)| *id).collect();
            welcome.iter().for_each(|id| self.tell_known(id));
        }
        self.let_go(now);
        let held = self.networks_held();
        let candidates = self.known.candidates(now, |id| self.is_free(id, &held));
        let draw = self.upkeep.draw();
        if let Some(id) = self.outbound.next(&candidates, &self.limits, (now, draw)) {
            self.dial_known(id, now);
        } else if candidates.is_empty() && self.outbound.wants_more(&self.limits) && self.upkeep.walk_at <= now {
            self.upkeep.walk_at = now + WALK_INTERVAL;
            // Whoever is met on the way, or named at its end, is somebody to choose from.
            self.swarm.behaviour_mut().kad.get_closest_peers(PeerId::random());
        }
    }

    /// Whether a peer can be chosen: not connected, not left alone, and not one more of a neighbourhood that has its share.
    fn is_free(&self, id: &PeerId, held: &[[u8; 4]]) -> bool {
        if self.peers.find(id).is_some() || self.upkeep.dials.values().any(|dialed| dialed == id) {
            return false;
        }
        if self.is_left_alone(id).is_some() {
            return false;
        }
        // It can be in any of the networks that it names, and the first may be named for show.
        networks(&self.known.reach(id))
            .into_iter()
            .all(|network| held.iter().filter(|one| **one == network).count() < self.limits.outbound_per_network_max)
    }

    /// The networks of the chosen peers: where each is connected, or else all that it names.
    fn networks_held(&self) -> Vec<[u8; 4]> {
        let of = |id: &PeerId| {
            let link = self.peers.find(id).and_then(Peer::link).filter(|link| !link.is_relayed);
            link.map_or_else(|| networks(&self.known.reach(id)), |link| networks(std::slice::from_ref(&link.multiaddr)))
        };
        self.outbound.chosen().flat_map(of).collect()
    }

    fn dial_known(&mut self, id: PeerId, now: Instant) {
        self.known.wait(&id, now);
        let mut places = self.known.reach(&id);
        places.retain(|place| !listening::is_relayed(place));
        let options =
            DialOpts::peer_id(id).condition(PeerCondition::DisconnectedAndNotDialing).addresses(places).build();
        let connection = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => drop(self.upkeep.dials.insert(connection, id)),
            Err(_) => self.outbound.lost(&id),
        }
    }

    pub(super) fn on_own_dial_failed(&mut self, connection: ConnectionId) {
        if let Some(id) = self.upkeep.dial_ended(connection).filter(|id| self.peers.find(id).is_none()) {
            self.outbound.lost(&id);
        }
    }

    /// Closes what nothing needs: the slowest of the near peers when one is too many, and connections that were opened
    /// on the way to somewhere else.
    fn let_go(&mut self, now: Instant) {
        let is_idle = |id: &PeerId| {
            let is_spare = |peer: &&Peer| peer.is_idle(IDLE_PAUSE, now) && !self.reachability.is_used(id);
            self.peers.find(id).filter(is_spare)
        };
        let slowest = self.outbound.surplus(&self.limits, |id| is_idle(id).and_then(|peer| peer.latency));
        let passing = (self.peers.outbound().count() > self.limits.outbound_max).then(|| {
            let gossip = &self.swarm.behaviour().gossip;
            let in_mesh = |id: &PeerId| {
                [Topic::Orders, Topic::Deals]
                    .iter()
                    .any(|topic| gossip.mesh_peers(&self.topics.hash(*topic)).any(|one| one == id))
            };
            let mut unneeded = self
                .peers
                .outbound()
                .filter(|(id, _)| !self.outbound.is_chosen(id) && !in_mesh(id) && is_idle(id).is_some());
            unneeded.next().map(|(id, _)| *id)
        });
        for id in slowest.into_iter().chain(passing.flatten()) {
            self.disconnect(&id);
        }
    }

    /// A welcomed peer's places are known from now on.
    pub(super) fn learn_place(&mut self, id: &PeerId) {
        let Some(peer) = self.peers.find(id).filter(|peer| peer.is_welcome()) else { return };
        let was_dialed = self.peers.outbound().any(|(other, _)| other == id);
        self.known.learn(*id, peer.reach.clone(), Instant::now());
        self.known.met(id, was_dialed);
        if let Some(latency) = peer.latency {
            self.known.measured(id, latency);
        }
        self.tell_known(id);
    }

    /// Tells the node where a peer can be dialed.
    pub(super) fn tell_known(&mut self, id: &PeerId) {
        if let Some(record) = self.known.record(id) {
            // A node that is behind hears of it at another time; news of who is there comes first.
            let _ = self.outbox.offer(NetEvent::Known(record));
        }
    }

    /// Others name peers and their places.
    pub(super) fn hear_of(&mut self, peers: &[kad::PeerInfo]) {
        let Some(nearest) = self.nearest_link() else { return };
        let now = Instant::now();
        for peer in peers.iter().filter(|peer| peer.peer_id != *self.swarm.local_peer_id()) {
            let places: Vec<Multiaddr> =
                peer.addrs.iter().filter(|place| listening::is_believable(place, &nearest)).cloned().collect();
            self.known.hear(peer.peer_id, places, now);
        }
    }

    /// Of the peers that we reach directly, where the nearest is. What it could say of itself is all that is believed of
    /// others: nobody beyond this machine or site can send us to it.
    pub(super) fn nearest_link(&self) -> Option<Multiaddr> {
        let direct = self.peers.iter().flat_map(|(_, peer)| &peer.links).filter(|link| !link.is_relayed);
        listening::nearest(direct.map(|link| &link.multiaddr))
    }

    pub(super) fn on_round_trip(&mut self, id: &PeerId, round_trip: Duration) {
        let Some(peer) = self.peers.find_mut(id) else { return };
        let is_first = peer.latency.replace(round_trip).is_none();
        self.known.measured(id, round_trip);
        self.score(id);
        if is_first && self.peers.find(id).is_some_and(|peer| peer.is_welcome()) {
            self.tell_known(id);
        }
    }
}

/// The networks of the places at which a peer is dialed, each once.
fn networks(places: &[Multiaddr]) -> Vec<[u8; 4]> {
    let direct = places.iter().filter(|place| !listening::is_relayed(place));
    let mut networks: Vec<[u8; 4]> = direct.filter_map(listening::neighbourhood).collect();
    networks.sort_unstable();
    networks.dedup();
    networks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_in_every_network_that_it_names() {
        let places = ["/ip4/192.168.1.9/tcp/9", "/ip4/203.0.113.9/tcp/9", "/ip4/198.51.100.1/tcp/9"];
        let places = [places[0], places[1], places[2], places[1]].map(|text| text.parse::<Multiaddr>().unwrap());
        assert_eq!(networks(&places), [[198, 51, 0, 0], [203, 0, 0, 0]]);
    }
}
