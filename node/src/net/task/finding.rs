//! Finding peers: address records, places, and the searches of requests to peers that are not connected.

use std::time::{Duration, Instant};

use libp2p::kad::store::RecordStore;
use libp2p::kad::{self, GetRecordOk, InboundRequest, QueryResult, Quorum, Record, RecordKey};
use libp2p::swarm::DialError;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId, identify, relay};
use protocol::Address;

use super::super::error::{DialFailure, RequestError};
use super::super::event::Direction;
use super::super::finder::{Search, Step, fail};
use super::super::identity::{read_record, record_key, record_value};
use super::super::limits::REACH_MAX;
use super::super::listening;
use super::super::peers::Call;
use super::Task;

/// How often this node's address record is put.
const RECORD_INTERVAL: Duration = Duration::from_secs(300);
/// How soon after a new neighbour, so that several are one occasion.
const RECORD_DELAY: Duration = Duration::from_millis(250);
/// The shortest time between two.
const RECORD_PAUSE: Duration = Duration::from_secs(5);
/// How often a node without peers looks for those that it knew.
const REJOIN_INTERVAL: Duration = Duration::from_secs(5);
/// For how long peers are asked again for a key that nobody knew.
const KEY_PATIENCE: Duration = Duration::from_secs(3);
/// How long between two such questions.
const KEY_PAUSE: Duration = Duration::from_millis(500);

impl Task {
    /// Begins to look for a peer, or joins a search that is under way.
    pub(super) fn search(&mut self, to: Address, call: Call) {
        let Some(call) = self.finder.join(&to, call) else { return };
        if !self.finder.has_room() {
            return fail(call, RequestError::Busy);
        }
        let id = self.peers.id_of(&to).or_else(|| self.memory.id_of(&to));
        if let Some(why) = id.and_then(|id| self.is_left_alone(&id)) {
            let why = match why {
                DialFailure::Refused(refusal) => RequestError::Refused(refusal),
                _ => RequestError::Banned,
            };
            return fail(call, why);
        }
        let step = match id {
            Some(id) => Step::Dial(id, false),
            None => self.ask_for_key(&to),
        };
        let now = Instant::now();
        let deadline = now + Duration::from_secs(self.limits.hello_timeout_s);
        self.finder.begin(to, Search { step, again_until: now + KEY_PATIENCE, deadline, calls: vec![call] });
        if let Some(id) = id.filter(|id| self.peers.find(id).is_none()) {
            let places = self.known.reach(&id);
            self.dial_search(to, id, places);
        }
    }

    fn ask_for_key(&mut self, address: &Address) -> Step {
        Step::Key(self.swarm.behaviour_mut().kad.get_record(RecordKey::new(&record_key(address))))
    }

    /// Asks again for the keys that nobody knew a moment ago.
    pub(super) fn ask_again(&mut self, now: Instant) {
        for address in self.finder.again(now) {
            let step = self.ask_for_key(&address);
            if let Some(search) = self.finder.find_mut(&address) {
                search.step = step;
            }
        }
    }

    /// Dials a peer that is looked for, at `places` and wherever else it is known to be.
    fn dial_search(&mut self, address: Address, id: PeerId, places: Vec<Multiaddr>) {
        let options = DialOpts::peer_id(id)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(places)
            .extend_addresses_through_behaviour()
            .build();
        match self.swarm.dial(options) {
            // A dial that is under way ends this search as well.
            Ok(()) | Err(DialError::DialPeerConditionFalse(_)) => {}
            Err(_) => self.ask_for_place(address, id),
        }
    }

    /// Asks peers where a peer is, once.
    fn ask_for_place(&mut self, address: Address, id: PeerId) {
        let Some(search) = self.finder.find_mut(&address) else { return };
        match search.step {
            Step::Dial(_, false) => search.step = Step::Place(self.swarm.behaviour_mut().kad.get_closest_peers(id), id),
            _ => self.finder.give_up(&address, None),
        }
    }

    pub(super) fn on_search_dial_failed(&mut self, id: &PeerId) {
        if let Some((address, _)) = self.finder.of_dial(id) {
            self.ask_for_place(address, *id);
        }
    }

    pub(super) fn on_kad(&mut self, event: kad::Event) {
        match event {
            kad::Event::InboundRequest { request: InboundRequest::PutRecord { source, record: Some(record), .. } } => {
                self.on_put_record(&source, record);
            }
            kad::Event::RoutingUpdated { is_new_peer: true, .. } => {
                let soon = Instant::now() + RECORD_DELAY;
                let pause = self.record_put.map_or(soon, |at| at + RECORD_PAUSE);
                let due = soon.max(pause);
                self.record_due = Some(self.record_due.map_or(due, |before| before.min(due)));
            }
            kad::Event::OutboundQueryProgressed { id, result, step, .. } => match result {
                QueryResult::GetRecord(result) => self.on_record(id, result, step.last),
                QueryResult::GetClosestPeers(result) => {
                    let peers = match result {
                        Ok(found) => found.peers,
                        Err(kad::GetClosestPeersError::Timeout { peers, .. }) => peers,
                    };
                    self.on_places(id, peers, step.last);
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// A peer asks us to keep an address record: only its own, and only a true one.
    fn on_put_record(&mut self, source: &PeerId, record: Record) {
        match read_record(record.key.as_ref(), &record.value) {
            Some((_, owner)) if owner == *source => {
                // A full store keeps what it has; the record finds its place with other peers.
                let _ = self.swarm.behaviour_mut().kad.store_mut().put(record);
            }
            _ => self.fault(source),
        }
    }

    /// Puts this node's address record with the peers closest to it, when that is due.
    pub(super) fn put_record(&mut self, now: Instant) {
        if self.record_due.is_none_or(|due| due > now) {
            return;
        }
        self.record_due = Some(now + RECORD_INTERVAL);
        self.record_put = Some(now);
        let value = record_value(&self.public_key).expect("the host key is a secp256k1 key");
        let record = Record::new(record_key(&self.here).to_vec(), value.to_vec());
        let _ = self.swarm.behaviour_mut().kad.put_record(record, Quorum::One);
    }

    /// A node that lost all its peers looks for those that it knew.
    pub(super) fn rejoin(&mut self, now: Instant) {
        if self.peers.count_welcome() > 0 {
            self.rejoin_due = now + REJOIN_INTERVAL;
        } else if self.rejoin_due <= now {
            self.rejoin_due = now + REJOIN_INTERVAL;
            // A node that never knew anyone has nobody to ask.
            let _ = self.swarm.behaviour_mut().kad.bootstrap();
        }
    }

    fn on_record(&mut self, query: kad::QueryId, result: kad::GetRecordResult, is_last: bool) {
        let Some((address, search)) = self.finder.of_query(query) else { return };
        let found = match result {
            Ok(GetRecordOk::FoundRecord(found)) => read_record(found.record.key.as_ref(), &found.record.value),
            Ok(GetRecordOk::FinishedWithNoAdditionalRecord { .. }) | Err(_) => None,
        };
        match found.filter(|(owner, _)| *owner == address) {
            Some((_, id)) => {
                search.step = Step::Dial(id, false);
                if let Some(mut query) = self.swarm.behaviour_mut().kad.query_mut(&query) {
                    query.finish();
                }
                self.memory.learn(address, id);
                match self.is_left_alone(&id) {
                    Some(DialFailure::Refused(refusal)) => {
                        self.finder.give_up(&address, Some(RequestError::Refused(refusal)));
                    }
                    Some(_) => self.finder.give_up(&address, Some(RequestError::Banned)),
                    None => self.dial_search(address, id, Vec::new()),
                }
            }
            None if is_last && search.again_until > Instant::now() => {
                search.step = Step::KeyAgain(Instant::now() + KEY_PAUSE);
            }
            None if is_last => self.finder.give_up(&address, None),
            None => {}
        }
    }

    fn on_places(&mut self, query: kad::QueryId, peers: Vec<kad::PeerInfo>, is_last: bool) {
        self.hear_of(&peers);
        let nearest = self.nearest_link();
        let Some((address, search)) = self.finder.of_query(query) else { return };
        let Step::Place(_, id) = search.step else { return };
        let named = peers.into_iter().find(|peer| peer.peer_id == id);
        let mut places = named.map(|peer| peer.addrs).unwrap_or_default();
        places.retain(|place| nearest.as_ref().is_some_and(|nearest| listening::is_believable(place, nearest)));
        if !places.is_empty() {
            search.step = Step::Dial(id, true);
            self.dial_search(address, id, places);
        } else if is_last {
            self.finder.give_up(&address, None);
        }
    }

    /// A peer says where it listens. It is told to others only once the peer is welcome.
    pub(super) fn on_identify(&mut self, event: identify::Event) {
        let identify::Event::Received { peer_id, info, .. } = event else { return };
        let Some(peer) = self.peers.find_mut(&peer_id) else { return };
        // It can say so again and again, and each time the routing table and the known peers are gone through.
        if !peer.allowance.take_identity(Instant::now()) {
            return;
        }
        peer.is_relay = info.protocols.contains(&relay::HOP_PROTOCOL_NAME);
        let Some(link) = peer.link() else { return };
        let seen = link.multiaddr.clone();
        // Where it answered us is sure; what it says comes after.
        let sure = (link.direction == Direction::Outbound && !link.is_relayed).then(|| listening::bare(&seen));
        let believable = info.listen_addrs.into_iter().filter(|said| listening::is_believable(said, &seen));
        let mut reach: Vec<Multiaddr> = sure.into_iter().collect();
        for said in believable.filter(|said| listening::place(said).is_some_and(|p| p.relay != Some(peer_id))) {
            if reach.len() < REACH_MAX && !reach.contains(&listening::bare(&said)) {
                reach.push(said);
            }
        }
        if peer.reach == reach {
            return;
        }
        peer.reach = reach;
        if peer.is_welcome() {
            // Addresses only ever add up there, so the old ones go first.
            self.swarm.behaviour_mut().kad.remove_peer(&peer_id);
            self.add_reach(&peer_id);
            self.dial_back(&peer_id);
        }
    }

    /// Lets others find a welcomed peer through us.
    pub(super) fn add_reach(&mut self, id: &PeerId) {
        let Some(peer) = self.peers.find(id) else { return };
        for address in &peer.reach {
            self.swarm.behaviour_mut().kad.add_address(id, address.clone());
        }
        self.learn_place(id);
    }
}
