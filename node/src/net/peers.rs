//! Who is connected, how far the hellos are, and whom to leave alone. Pure: takes the time, sends nothing.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use libp2p::request_response::ResponseChannel;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use protocol::talk::{Hello, Refusal, Response};
use protocol::{Address, Hash};
use tokio::sync::oneshot;

use super::bucket::Allowance;
use super::codec::Parcel;
use super::error::{DialFailure, RequestError};
use super::event::Direction;
use super::identity::address_of;
use super::limits::{BANNED_MAX, KNOWN_MAX, NetLimits};

/// Peers that left and whose allowance is remembered.
const LEFT_MAX: usize = 1024;

/// A request of the node that waits for its response.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) request: protocol::talk::Request,
    pub(super) reply: oneshot::Sender<Result<Response, RequestError>>,
}

/// Who waits for a dial to end.
pub(super) type DialWaiter = oneshot::Sender<Result<Address, DialFailure>>;

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: ConnectionId,
    pub(super) multiaddr: Multiaddr,
    pub(super) direction: Direction,
    pub(super) is_relayed: bool,
    pub(super) since: Instant,
}

/// How far two peers are.
#[derive(Debug)]
pub(super) enum Stage {
    /// The other side opened the connection and has to speak first.
    Awaited,
    /// Our hello is under way.
    Said,
    /// Both are welcome.
    Welcome(Hello),
    /// We do not talk; the connection is about to close.
    Leaving,
}

/// A connected peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) address: Address,
    pub(super) links: Vec<Link>,
    pub(super) stage: Stage,
    /// Whether a connection was opened since the peer was last welcomed. Only another connection brings another life.
    pub(super) is_anew: bool,
    /// Whether the node was told that the peer is up.
    pub(super) is_up: bool,
    /// When the connection is closed unless the peer is welcome by then.
    pub(super) deadline: Instant,
    pub(super) allowance: Allowance,
    pub(super) latency: Option<Duration>,
    pub(super) faults: u32,
    /// Where it says it listens.
    pub(super) reach: Vec<Multiaddr>,
    /// Whether it carries the words of others.
    pub(super) is_relay: bool,
    /// Whether it came through a relay and was dialed directly since.
    pub(super) is_dialed_back: bool,
    /// When either side last asked something that not every neighbour asks all the time.
    pub(super) talked_at: Instant,
    /// Requests that overtook its answer to our hello.
    pub(super) early: Vec<(Parcel, ResponseChannel<Response>)>,
    /// Our requests, and how many of them are under way.
    pub(super) waiting: VecDeque<Call>,
    pub(super) in_flight: usize,
    pub(super) dial_waiters: Vec<DialWaiter>,
}

impl Peer {
    pub(super) fn is_welcome(&self) -> bool {
        matches!(self.stage, Stage::Welcome(_))
    }

    /// Whether a hello with this salt is one that an honest peer can say: the salt of its life, or of the next one, which
    /// comes over a connection of its own.
    pub(super) fn can_say(&self, salt: &Hash) -> bool {
        match &self.stage {
            Stage::Welcome(before) => before.salt == *salt || self.is_anew,
            _ => true,
        }
    }

    /// The connection that counts: a direct one, if there is one.
    pub(super) fn link(&self) -> Option<&Link> {
        self.links.iter().min_by_key(|link| link.is_relayed)
    }

    /// Whether all its connections go through relays.
    pub(super) fn is_relayed(&self) -> bool {
        self.links.iter().all(|link| link.is_relayed)
    }

    /// Whether nothing is under way with it, and nothing was for `pause`.
    pub(super) fn is_idle(&self, pause: Duration, now: Instant) -> bool {
        self.in_flight == 0 && self.waiting.is_empty() && self.talked_at + pause <= now
    }
}

/// The connected peers, by both of their names.
#[derive(Debug, Default)]
pub(super) struct Peers {
    by_id: HashMap<PeerId, Peer>,
    ids: HashMap<Address, PeerId>,
    /// What peers that left had used of their allowance, newest last: coming back does not renew it.
    left: VecDeque<(Address, Allowance, u32)>,
    /// When one fault of everyone was forgiven last.
    eased_at: Option<Instant>,
}

impl Peers {
    pub(super) fn find(&self, id: &PeerId) -> Option<&Peer> {
        self.by_id.get(id)
    }

    pub(super) fn find_mut(&mut self, id: &PeerId) -> Option<&mut Peer> {
        self.by_id.get_mut(id)
    }

    /// The id of a connected peer.
    pub(super) fn id_of(&self, address: &Address) -> Option<PeerId> {
        self.ids.get(address).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Peer)> {
        self.by_id.iter()
    }

    /// Charges a peer, connected or gone, for gossip that was worth nothing.
    pub(super) fn charge_worthless(&mut self, id: &PeerId, now: Instant) {
        if let Some(peer) = self.by_id.get_mut(id) {
            return peer.allowance.charge_worthless(now);
        }
        let address = address_of(id);
        let gone = self.left.iter_mut().rev().find(|(left, ..)| Some(*left) == address);
        gone.into_iter().for_each(|(_, allowance, _)| allowance.charge_worthless(now));
    }

    /// The peers that we connected to ourselves, not through a relay.
    pub(super) fn outbound(&self) -> impl Iterator<Item = (&PeerId, &Peer)> {
        let is_ours = |link: &Link| link.direction == Direction::Outbound && !link.is_relayed;
        self.by_id.iter().filter(move |(_, peer)| peer.link().is_some_and(is_ours))
    }

    /// How many peers are welcome.
    pub(super) fn count_welcome(&self) -> usize {
        self.by_id.values().filter(|peer| peer.is_welcome()).count()
    }

    /// Adds a connection and returns its peer, new or not.
    pub(super) fn connect(&mut self, id: PeerId, address: Address, limits: &NetLimits, link: Link) -> &mut Peer {
        let now = Instant::now();
        self.ids.insert(address, id);
        let before = self.left.iter().position(|(left, ..)| *left == address).and_then(|at| self.left.remove(at));
        let (allowance, faults) =
            before.map_or_else(|| (Allowance::new(limits, now), 0), |(_, allowance, faults)| (allowance, faults));
        let peer = self.by_id.entry(id).or_insert_with(|| Peer {
            address,
            links: Vec::new(),
            stage: Stage::Awaited,
            is_anew: true,
            is_up: false,
            deadline: now + Duration::from_secs(limits.hello_timeout_s),
            allowance,
            latency: None,
            faults,
            reach: Vec::new(),
            is_relay: false,
            is_dialed_back: false,
            talked_at: now,
            early: Vec::new(),
            waiting: VecDeque::new(),
            in_flight: 0,
            dial_waiters: Vec::new(),
        });
        peer.links.push(link);
        peer.is_anew = true;
        peer
    }

    /// Removes a connection; returns the peer when that was its last.
    pub(super) fn disconnect(&mut self, id: &PeerId, connection: ConnectionId) -> Option<Peer> {
        let peer = self.by_id.get_mut(id)?;
        peer.links.retain(|link| link.id != connection);
        if !peer.links.is_empty() {
            return None;
        }
        let peer = self.by_id.remove(id)?;
        self.ids.remove(&peer.address);
        self.left.push_back((peer.address, peer.allowance.clone(), peer.faults));
        if self.left.len() > LEFT_MAX {
            self.left.pop_front();
        }
        Some(peer)
    }

    /// Forgives everyone one fault each time that `refusal_s / faults_max` has passed: what happens once in a while is
    /// bad luck. Returns the connected peers that had one.
    pub(super) fn ease(&mut self, limits: &NetLimits, now: Instant) -> Vec<PeerId> {
        let pause = Duration::from_secs(limits.refusal_s) / limits.faults_max.max(1);
        if *self.eased_at.get_or_insert(now) + pause > now {
            return Vec::new();
        }
        self.eased_at = Some(now);
        self.left.iter_mut().for_each(|(.., faults)| *faults = faults.saturating_sub(1));
        let faulty = self.by_id.iter_mut().filter(|(_, peer)| peer.faults > 0);
        let eased = faulty.map(|(id, peer)| {
            peer.faults -= 1;
            *id
        });
        eased.collect()
    }

    /// Forgives a peer all its faults: it was left alone for them.
    pub(super) fn absolve(&mut self, id: &PeerId) {
        if let Some(peer) = self.by_id.get_mut(id) {
            peer.faults = 0;
        }
        let address = address_of(id);
        let left = self.left.iter_mut().filter(|(left, ..)| Some(*left) == address);
        left.for_each(|(.., faults)| *faults = 0);
    }

    /// Peers whose hello is overdue, or who were to leave by now.
    pub(super) fn overdue(&self, now: Instant) -> Vec<PeerId> {
        let is_overdue = |peer: &Peer| !peer.is_welcome() && peer.deadline <= now;
        self.by_id.iter().filter(|(_, peer)| is_overdue(peer)).map(|(id, _)| *id).collect()
    }
}

/// What is remembered of peers that are not connected. Every list is bounded; at the bound the oldest goes.
#[derive(Debug, Default)]
pub(super) struct Memory {
    known: HashMap<Address, PeerId>,
    known_order: VecDeque<Address>,
    banned: VecDeque<Address>,
    shunned: HashMap<PeerId, Shunned>,
}

/// A peer that is left alone for a while.
#[derive(Debug, Clone)]
pub(super) struct Shunned {
    pub(super) until: Instant,
    /// What it or we refused; `None` for misbehaviour.
    pub(super) refusal: Option<Refusal>,
}

impl Memory {
    pub(super) fn id_of(&self, address: &Address) -> Option<PeerId> {
        self.known.get(address).copied()
    }

    pub(super) fn learn(&mut self, address: Address, id: PeerId) {
        if self.known.insert(address, id).is_none() {
            self.known_order.push_back(address);
        }
        if self.known_order.len() > KNOWN_MAX
            && let Some(oldest) = self.known_order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    pub(super) fn is_banned(&self, address: &Address) -> bool {
        self.banned.contains(address)
    }

    /// Bans an address; returns the one whose ban ends for it.
    pub(super) fn ban(&mut self, address: Address) -> Option<Address> {
        if self.is_banned(&address) {
            return None;
        }
        self.banned.push_back(address);
        if self.banned.len() > BANNED_MAX { self.banned.pop_front() } else { None }
    }

    pub(super) fn unban(&mut self, address: &Address) {
        self.banned.retain(|banned| banned != address);
    }

    /// Leaves a peer alone until `until`; returns the one that is let in again for it.
    pub(super) fn shun(&mut self, id: PeerId, shunned: Shunned) -> Option<PeerId> {
        let is_full = self.shunned.len() >= KNOWN_MAX && !self.shunned.contains_key(&id);
        let earliest = || self.shunned.iter().min_by_key(|(_, shunned)| shunned.until).map(|(id, _)| *id);
        let over = is_full.then(earliest).flatten();
        over.and_then(|id| self.shunned.remove(&id));
        self.shunned.insert(id, shunned);
        over
    }

    /// The peer turned out to belong here after all.
    pub(super) fn pardon(&mut self, id: &PeerId) {
        self.shunned.remove(id);
    }

    pub(super) fn shunned(&self, id: &PeerId, now: Instant) -> Option<&Shunned> {
        self.shunned.get(id).filter(|shunned| shunned.until > now)
    }

    /// Takes back those whose time is over.
    pub(super) fn forgive(&mut self, now: Instant) -> Vec<PeerId> {
        let over: Vec<PeerId> = self.shunned.iter().filter(|(_, s)| s.until <= now).map(|(id, _)| *id).collect();
        self.shunned.retain(|_, shunned| shunned.until > now);
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(id: usize) -> Link {
        let (id, multiaddr, since) = (ConnectionId::new_unchecked(id), Multiaddr::empty(), Instant::now());
        Link { id, multiaddr, direction: Direction::Inbound, is_relayed: false, since }
    }

    #[test]
    fn a_peer_is_gone_with_its_last_connection() {
        let (mut peers, id, address) = (Peers::default(), PeerId::random(), Address([1; 20]));
        peers.connect(id, address, &NetLimits::default(), link(1));
        peers.connect(id, address, &NetLimits::default(), link(2));
        assert!(peers.disconnect(&id, ConnectionId::new_unchecked(1)).is_none());
        assert_eq!(peers.id_of(&address), Some(id));
        assert!(peers.disconnect(&id, ConnectionId::new_unchecked(2)).is_some());
        assert_eq!(peers.id_of(&address), None);
    }

    #[test]
    fn a_peer_that_never_says_hello_is_overdue() {
        let (mut peers, id) = (Peers::default(), PeerId::random());
        let limits = NetLimits::default();
        peers.connect(id, Address([1; 20]), &limits, link(1));
        let deadline = Instant::now() + Duration::from_secs(limits.hello_timeout_s);
        assert!(peers.overdue(deadline - Duration::from_secs(1)).is_empty());
        assert_eq!(peers.overdue(deadline), vec![id]);
    }

    #[test]
    fn a_peer_that_leaves_and_comes_back_has_used_what_it_used() {
        let (mut peers, limits, id) = (Peers::default(), NetLimits::default(), PeerId::random());
        let now = Instant::now();
        let peer = peers.connect(id, Address([1; 20]), &limits, link(1));
        peer.faults = 3;
        (0..limits.gossip_burst).for_each(|_| peer.allowance.charge_worthless(now));
        assert!(!peer.allowance.take_gossip(1, now));
        assert!(peers.disconnect(&id, ConnectionId::new_unchecked(1)).is_some());
        let peer = peers.connect(id, Address([1; 20]), &limits, link(2));
        assert!(!peer.allowance.take_gossip(1, now) && peer.faults == 3);
    }

    #[test]
    fn faults_are_forgiven_one_at_a_time_and_all_at_once_after_the_penance() {
        let (mut peers, limits) = (Peers::default(), NetLimits::default());
        let [here, gone] =
            [1, 2].map(|seed| super::super::identity::keypair(&mut [seed; 32]).unwrap().public().to_peer_id());
        for id in [here, gone] {
            peers.connect(id, address_of(&id).unwrap(), &limits, link(1)).faults = 3;
        }
        peers.disconnect(&gone, ConnectionId::new_unchecked(1));
        let (now, pause) = (Instant::now(), Duration::from_secs(limits.refusal_s) / limits.faults_max);
        assert!(peers.ease(&limits, now).is_empty() && peers.ease(&limits, now + pause / 2).is_empty());
        assert_eq!(peers.ease(&limits, now + pause), vec![here]);
        assert!(peers.ease(&limits, now + pause).is_empty());
        let faults = |peers: &Peers| (peers.find(&here).map(|peer| peer.faults), peers.left[0].2);
        assert_eq!(faults(&peers), (Some(2), 2));
        [here, gone].iter().for_each(|id| peers.absolve(id));
        assert_eq!(faults(&peers), (Some(0), 0));
    }

    #[test]
    fn whoever_is_left_alone_no_more_for_another_is_named() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        let shunned = |n: usize| Shunned { until: now + Duration::from_secs(n as u64), refusal: None };
        let ids: Vec<PeerId> = (0..=KNOWN_MAX).map(|_| PeerId::random()).collect();
        assert!((0..KNOWN_MAX).all(|n| memory.shun(ids[n], shunned(n)).is_none()));
        assert_eq!(memory.shun(ids[0], shunned(0)), None, "it is there already");
        assert_eq!(memory.shun(ids[KNOWN_MAX], shunned(KNOWN_MAX)), Some(ids[0]));
    }

    #[test]
    fn memory_is_bounded_and_forgets_the_oldest() {
        let mut memory = Memory::default();
        let address =
            |n: usize| Address([(n >> 8) as u8, n as u8, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]);
        for n in 0..=KNOWN_MAX {
            memory.learn(address(n), PeerId::random());
            memory.ban(address(n));
        }
        assert_eq!((memory.id_of(&address(0)), memory.is_banned(&address(0))), (None, false));
        assert!(memory.id_of(&address(1)).is_some() && memory.is_banned(&address(1)));
    }

    #[test]
    fn a_shunned_peer_is_forgiven_in_time() {
        let (mut memory, id, now) = (Memory::default(), PeerId::random(), Instant::now());
        let until = now + Duration::from_secs(600);
        memory.shun(id, Shunned { until, refusal: None });
        assert!(memory.shunned(&id, now).is_some() && memory.forgive(now).is_empty());
        assert!(memory.shunned(&id, until).is_none());
        assert_eq!(memory.forgive(until), vec![id]);
    }
}
