//! Connections, hellos, faults and bans: who gets in and who has to leave.

use std::time::{Duration, Instant};

use libp2p::core::ConnectedPoint;
use libp2p::request_response::ResponseChannel;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use protocol::reconcile::Salt;
use protocol::talk::{Hello, Refusal, Request, Response};
use protocol::{Address, Rejected};

use super::super::codec::Parcel;
use super::super::error::{DialFailure, RequestError};
use super::super::event::{Direction, NetEvent};
use super::super::finder::fail;
use super::super::identity::address_of;
use super::super::listening;
use super::super::outbox::count;
use super::super::peers::{Link, Shunned, Stage};
use super::Task;
use super::talking::Sent;

/// How long a refused peer gets to read why before the connection is closed.
const LEAVE_TIME: Duration = Duration::from_secs(1);
/// What one fault costs in gossip score.
const FAULT_SCORE: f64 = -10.0;

/// Characters that are kept of what a peer calls its build.
const AGENT_MAX: usize = 64;

impl Task {
    pub(super) fn on_established(&mut self, id: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        let now = Instant::now();
        let waiter = self.dials.remove(&connection);
        self.bootstrap.answered(connection, id, now);
        self.upkeep.dial_ended(connection);
        let Some(address) = address_of(&id) else {
            waiter.map(|waiter| waiter.send(Err(DialFailure::WrongPeer { found: None })));
            return self.disconnect(&id);
        };
        if self.memory.is_banned(&address) {
            waiter.map(|waiter| waiter.send(Err(DialFailure::Banned)));
            self.swarm.behaviour_mut().blocked.block_peer(id);
            return self.disconnect(&id);
        }
        let direction = if endpoint.is_dialer() { Direction::Outbound } else { Direction::Inbound };
        if direction == Direction::Outbound
            && let Some(shunned) = self.memory.shunned(&id, now)
        {
            let why = shunned.refusal.clone().map_or(DialFailure::Banned, DialFailure::Refused);
            waiter.map(|waiter| waiter.send(Err(why)));
            return self.disconnect(&id);
        }
        self.memory.learn(address, id);
        self.on_visit(&id, endpoint);
        let is_relayed = endpoint.is_relayed();
        let multiaddr = match endpoint {
            // The other end of a circuit is known by its relay alone.
            ConnectedPoint::Listener { local_addr, .. } if is_relayed => listening::named_behind(local_addr, id),
            _ => endpoint.get_remote_address().clone(),
        };
        let link = Link { id: connection, multiaddr, direction, is_relayed, since: now };
        let peer = self.peers.connect(id, address, &self.limits, link);
        if peer.is_welcome() {
            waiter.map(|waiter| waiter.send(Ok(address)));
            return;
        }
        peer.dial_waiters.extend(waiter);
        if direction == Direction::Outbound && matches!(peer.stage, Stage::Awaited) {
            peer.stage = Stage::Said;
            let parcel = Parcel::of(Request::Hello(self.hello.clone()));
            let request = self.swarm.behaviour_mut().talk.send_request(&id, parcel);
            self.sent.insert(request, Sent::Hello);
        }
    }

    pub(super) fn on_closed(&mut self, id: PeerId, connection: ConnectionId) {
        let gone = self.peers.disconnect(&id, connection);
        if self.peers.find(&id).is_none() {
            self.outbound.lost(&id);
        }
        let Some(peer) = gone else { return };
        if peer.is_welcome() {
            self.tell_known(&id);
        }
        let refusal = self.memory.shunned(&id, Instant::now()).and_then(|shunned| shunned.refusal.clone());
        peer.waiting.into_iter().for_each(|call| fail(call, RequestError::Disconnected));
        for waiter in peer.dial_waiters {
            let why = match &refusal {
                Some(refusal) => DialFailure::Refused(refusal.clone()),
                None if self.memory.is_banned(&peer.address) => DialFailure::Banned,
                None => DialFailure::Unreachable,
            };
            let _ = waiter.send(Err(why));
        }
        self.finder.give_up(&peer.address, Some(refusal.map_or(RequestError::Unreachable, RequestError::Refused)));
        if peer.is_up {
            self.outbox.tell(NetEvent::PeerDown { address: peer.address });
        }
    }

    /// The other side opened the connection and says who it is.
    pub(super) fn on_hello(&mut self, id: PeerId, mut hello: Hello, channel: ResponseChannel<Response>) {
        hello.agent = hello.agent.chars().take(AGENT_MAX).collect();
        match hello.check(&self.hello) {
            Ok(()) if !self.can_say(&id, &hello) => self.turn_out(&id),
            Ok(()) => {
                let ours = Response::Hello(self.hello.clone());
                let _ = self.swarm.behaviour_mut().talk.send_response(channel, ours);
                self.welcome(id, hello);
            }
            Err(refusal) => {
                let _ = self.swarm.behaviour_mut().talk.send_response(channel, Response::Refused(refusal));
                let seen_from_here = self.hello.check(&hello).expect_err("both sides compare the same two hellos");
                // Closing at once could overtake the answer.
                self.refuse(id, seen_from_here, LEAVE_TIME);
            }
        }
    }

    /// The other side's answer to our hello.
    pub(super) fn on_hello_response(&mut self, id: PeerId, response: Response) {
        match response {
            Response::Hello(hello) => match self.hello.check(&hello) {
                Ok(()) if !self.can_say(&id, &hello) => self.turn_out(&id),
                Ok(()) => self.welcome(id, Hello { agent: hello.agent.chars().take(AGENT_MAX).collect(), ..hello }),
                Err(seen_from_here) => self.refuse(id, seen_from_here, Duration::ZERO),
            },
            Response::Refused(refusal) => self.refuse(id, refusal, Duration::ZERO),
            // It is behind, which is no fault.
            Response::Declined(_) => self.disconnect(&id),
            _ => self.turn_out(&id),
        }
    }

    /// Every life that a peer claims costs a sketch of the whole book, so it takes a connection each.
    fn can_say(&self, id: &PeerId, hello: &Hello) -> bool {
        self.peers.find(id).is_none_or(|peer| peer.can_say(&hello.salt))
    }

    /// What it said is no hello of an honest peer.
    fn turn_out(&mut self, id: &PeerId) {
        self.fault(id);
        self.disconnect(id);
    }

    fn welcome(&mut self, id: PeerId, hello: Hello) {
        let Some(peer) = self.peers.find_mut(&id) else { return };
        if matches!(peer.stage, Stage::Leaving) {
            return;
        }
        let salt = Salt::of_pair(&self.hello.salt, &hello.salt);
        // A peer that comes back before its old connection is seen to be dead has another salt.
        let is_same_life = matches!(&peer.stage, Stage::Welcome(before) if before.salt == hello.salt);
        peer.stage = Stage::Welcome(hello);
        peer.is_anew = false;
        let address = peer.address;
        let is_outbound = peer.link().is_some_and(|link| link.direction == Direction::Outbound);
        let is_news = !std::mem::replace(&mut peer.is_up, true) || !is_same_life;
        let early = std::mem::take(&mut peer.early);
        for waiter in std::mem::take(&mut peer.dial_waiters) {
            let _ = waiter.send(Ok(address));
        }
        self.memory.pardon(&id);
        self.add_reach(&id);
        self.dial_back(&id);
        if is_news {
            self.outbox.tell(NetEvent::PeerUp { address, salt, is_outbound });
        }
        for (parcel, channel) in early {
            self.on_request(id, parcel, channel);
        }
        for call in self.finder.found(&address) {
            self.send(id, call);
        }
    }

    fn refuse(&mut self, id: PeerId, refusal: Refusal, grace: Duration) {
        let now = Instant::now();
        let Some(peer) = self.peers.find_mut(&id) else { return };
        peer.stage = Stage::Leaving;
        peer.deadline = now + grace;
        peer.early.clear();
        let (address, link) = (peer.address, peer.link());
        let multiaddr = link.map_or_else(Multiaddr::empty, |link| link.multiaddr.clone());
        self.swarm.behaviour_mut().kad.remove_peer(&id);
        self.known.forget(&id);
        if self.memory.shunned(&id, now).is_none() {
            self.outbox.tell(NetEvent::Refused { address, multiaddr, refusal: refusal.clone() });
        }
        let until = now + Duration::from_secs(self.limits.refusal_s);
        self.leave_alone(id, Shunned { until, refusal: Some(refusal) });
        if grace.is_zero() {
            self.disconnect(&id);
        }
    }

    /// A peer did what no honest peer does. After some of it, the peer is left alone for a while.
    pub(super) fn fault(&mut self, id: &PeerId) {
        count(&self.counters.faults);
        let Some(peer) = self.peers.find_mut(id) else { return };
        peer.faults += 1;
        let faults = peer.faults;
        self.score(id);
        if faults >= self.limits.faults_max {
            let until = Instant::now() + Duration::from_secs(self.limits.refusal_s);
            self.leave_alone(*id, Shunned { until, refusal: None });
            self.swarm.behaviour_mut().blocked.block_peer(*id);
            self.swarm.behaviour_mut().kad.remove_peer(id);
        }
    }

    fn leave_alone(&mut self, id: PeerId, shunned: Shunned) {
        if let Some(over) = self.memory.shun(id, shunned) {
            self.peers.absolve(&over);
            self.unblock(&over);
        }
    }

    /// What time heals: some faults of everyone, and all of whoever was left alone for long enough.
    pub(super) fn forgive(&mut self, now: Instant) {
        for id in self.peers.ease(&self.limits, now) {
            self.score(&id);
        }
        for id in self.memory.forgive(now) {
            self.peers.absolve(&id);
            self.score(&id);
            self.unblock(&id);
        }
    }

    pub(super) fn blame(&mut self, address: Address, why: Rejected) {
        tracing::debug!(%address, code = why.code(), "a fault of a peer");
        if let Some(id) = self.peers.id_of(&address) {
            self.fault(&id);
        }
    }

    /// What a peer's conduct outside of gossip and its nearness are worth in gossip. Near peers gain a little, so that
    /// a mesh that is too large keeps them and one that is too slow takes them in; it never outweighs two invalid messages.
    pub(super) fn score(&mut self, id: &PeerId) {
        let Some(peer) = self.peers.find(id) else { return };
        let nearness = peer.latency.map_or(0.0, |latency| {
            let far = f64::from(self.limits.near_ms) / 1000.0;
            (1.0 - latency.as_secs_f64() / far).max(0.0)
        });
        let score = f64::from(peer.faults) * FAULT_SCORE + nearness * f64::from(self.limits.near_score_max);
        self.swarm.behaviour_mut().gossip.set_application_score(id, score);
    }

    pub(super) fn ban(&mut self, address: Address) {
        if let Some(over) = self.memory.ban(address) {
            self.unban(&over);
        }
        if let Some(id) = self.peers.id_of(&address).or_else(|| self.memory.id_of(&address)) {
            self.swarm.behaviour_mut().blocked.block_peer(id);
            self.swarm.behaviour_mut().kad.remove_peer(&id);
            self.known.forget(&id);
        }
        self.finder.give_up(&address, Some(RequestError::Banned));
    }

    pub(super) fn unban(&mut self, address: &Address) {
        self.memory.unban(address);
        let blocked = self.swarm.behaviour().blocked.blocked_peers();
        if let Some(id) = blocked.iter().find(|id| address_of(id) == Some(*address)).copied() {
            self.unblock(&id);
        }
    }

    /// Lets a peer in again unless its address is banned.
    pub(super) fn unblock(&mut self, id: &PeerId) {
        if !address_of(id).is_some_and(|address| self.memory.is_banned(&address)) {
            self.swarm.behaviour_mut().blocked.unblock_peer(*id);
        }
    }

    /// Closes all connections with a peer; that there is none is no error.
    pub(super) fn disconnect(&mut self, id: &PeerId) {
        let _ = self.swarm.disconnect_peer_id(*id);
    }
}
