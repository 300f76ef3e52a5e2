//! The task that owns the swarm. It turns commands and what happens on the mesh into each other; nothing here waits
//! for the node.

mod connections;
mod dialing;
mod finding;
mod gossip;
mod relaying;
mod talking;
mod upkeep;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use libp2p::core::transport::TransportError;
use libp2p::identity::PublicKey;
use libp2p::request_response::OutboundRequestId;
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{Multiaddr, Swarm, ping};
use protocol::talk::{Hello, Response};
use protocol::{Address, Rejected};
use tokio::sync::{mpsc, oneshot};

use super::behaviour::{self, Behaviour, BehaviourEvent, Ground, Surroundings, Topics};
use super::bootstrap::Bootstrap;
use super::error::NetError;
use super::event::{MessageToken, PeerState, ReplyToken, Topic, Verdict};
use super::finder::Finder;
use super::identity::address_of_key;
use super::known::Known;
use super::limits::NetLimits;
use super::listening;
use super::outbound::Outbound;
use super::outbox::{Counters, Outbox};
use super::peers::{Call, DialWaiter, Memory, Peers, Stage};
use super::{NetConfig, event::Direction};
use relaying::Reachability;
use talking::Sent;
use upkeep::Upkeep;

/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(250);
/// How long listening may take to be confirmed.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long connections get to close at the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a handle asks of the task.
#[derive(Debug)]
pub(super) enum Command {
    Publish(Topic, Vec<u8>),
    Judge(MessageToken, Verdict),
    Request(Address, Box<Call>),
    Respond(ReplyToken, Response),
    Dial(Multiaddr, DialWaiter),
    Peers(oneshot::Sender<Vec<PeerState>>),
    Listeners(oneshot::Sender<Vec<Multiaddr>>),
    Ban(Address),
    Blame(Address, Rejected),
    Unban(Address),
    Heads(u64),
    Shutdown(oneshot::Sender<()>),
}

/// The owner of the swarm.
pub(super) struct Task {
    swarm: Swarm<Behaviour>,
    public_key: PublicKey,
    here: Address,
    hello: Hello,
    limits: NetLimits,
    topics: Topics,
    commands: mpsc::Receiver<Command>,
    outbox: Outbox,
    counters: Arc<Counters>,
    peers: Peers,
    memory: Memory,
    finder: Finder,
    sent: HashMap<OutboundRequestId, Sent>,
    dials: HashMap<ConnectionId, DialWaiter>,
    bootstrap: Bootstrap,
    known: Known,
    outbound: Outbound,
    upkeep: Upkeep,
    reachability: Reachability,
    /// When this node's own address record is put next.
    record_due: Option<Instant>,
    record_put: Option<Instant>,
    rejoin_due: Instant,
}

impl Task {
    /// A task that does not listen yet.
    ///
    /// # Errors
    /// [`NetError`], as building the swarm does.
    pub(super) fn new(
        config: NetConfig,
        limits: NetLimits,
        (commands, outbox, counters): (mpsc::Receiver<Command>, Outbox, Arc<Counters>),
        ground: Ground,
    ) -> Result<Task, NetError> {
        let public_key = config.keypair.public();
        let here = address_of_key(&public_key).ok_or(NetError::HostKey)?;
        let is_local = config.listen.iter().all(listening::is_local);
        let surroundings = Surroundings { is_mdns: config.is_mdns, is_upnp: config.is_upnp, is_local };
        let swarm = behaviour::swarm(config.keypair, &config.hello.market, &limits, (surroundings, ground))?;
        let now = Instant::now();
        let known = Known::new(&config.known, limits.known_max, now);
        let mut memory = Memory::default();
        known.ids().for_each(|(address, id)| memory.learn(address, id));
        Ok(Task {
            swarm,
            public_key,
            here,
            topics: Topics::new(&config.hello.market),
            hello: config.hello,
            limits,
            commands,
            outbox,
            counters,
            peers: Peers::default(),
            memory,
            finder: Finder::default(),
            sent: HashMap::new(),
            dials: HashMap::new(),
            bootstrap: Bootstrap::new(config.bootstrap, now),
            known,
            outbound: Outbound::new(now),
            upkeep: Upkeep::new(now),
            reachability: Reachability::new(is_local),
            record_due: None,
            record_put: None,
            rejoin_due: now,
        })
    }

    /// Listens on every address and returns when all of them are confirmed.
    ///
    /// # Errors
    /// [`NetError::PortInUse`], [`NetError::BadAddress`], [`NetError::Listen`].
    pub(super) async fn listen(&mut self, addresses: Vec<Multiaddr>) -> Result<(), NetError> {
        let mut pending = HashMap::new();
        for address in addresses {
            match self.swarm.listen_on(address.clone()) {
                Ok(id) => pending.insert(id, address),
                Err(TransportError::MultiaddrNotSupported(address)) => return Err(NetError::BadAddress { address }),
                Err(TransportError::Other(source)) => return Err(listening::failure(&address, source)),
            };
        }
        let give_up = tokio::time::sleep(LISTEN_TIMEOUT);
        tokio::pin!(give_up);
        while !pending.is_empty() {
            let event = tokio::select! {
                event = self.swarm.select_next_some() => event,
                () = &mut give_up => {
                    let address = pending.into_values().next().expect("one is pending");
                    return Err(NetError::Listen { address, source: std::io::ErrorKind::TimedOut.into() });
                }
            };
            match event {
                SwarmEvent::ListenerClosed { listener_id, reason: Err(source), .. }
                | SwarmEvent::ListenerError { listener_id, error: source }
                    if pending.contains_key(&listener_id) =>
                {
                    return Err(listening::failure(&pending[&listener_id], source));
                }
                event => {
                    if let SwarmEvent::NewListenAddr { listener_id, .. } = &event {
                        pending.remove(listener_id);
                    }
                    self.on_swarm(event);
                }
            }
        }
        Ok(())
    }

    /// Runs until shutdown, or until the last handle is gone.
    pub(super) async fn run(mut self) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let done = loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm(event),
                command = self.commands.recv() => match command {
                    Some(Command::Shutdown(done)) => break Some(done),
                    Some(command) => self.on_command(command),
                    None => break None,
                },
                () = self.outbox.settle() => {}
                _ = tick.tick() => self.on_tick(Instant::now()),
            }
        };
        self.close().await;
        drop(self);
        if let Some(done) = done {
            let _ = done.send(());
        }
    }

    /// Closes all connections and waits a moment for the other sides to hear of it.
    async fn close(&mut self) {
        let connected: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in connected {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let swarm = &mut self.swarm;
        let closed = async {
            while swarm.network_info().num_peers() > 0 {
                swarm.select_next_some().await;
            }
        };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, closed).await;
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Publish(topic, bytes) => self.publish(topic, bytes),
            Command::Judge(token, verdict) => self.judge(token, verdict),
            Command::Request(to, call) => self.request(to, *call),
            Command::Respond(token, response) => self.respond(token, response),
            Command::Dial(multiaddr, waiter) => self.dial(multiaddr, waiter),
            Command::Peers(reply) => drop(reply.send(self.peer_states())),
            Command::Listeners(reply) => drop(reply.send(self.listeners())),
            Command::Ban(address) => self.ban(address),
            Command::Blame(address, why) => self.blame(address, why),
            Command::Unban(address) => self.unban(&address),
            Command::Heads(heads) => self.hello.heads = heads,
            Command::Shutdown(_) => unreachable!("the loop ends at a shutdown"),
        }
    }

    fn on_swarm(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_established(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => self.on_closed(peer_id, connection_id),
            SwarmEvent::OutgoingConnectionError { peer_id, connection_id, error } => {
                self.on_dial_error(peer_id, connection_id, &error);
            }
            SwarmEvent::NewListenAddr { listener_id, address } => self.on_listening(listener_id, address),
            SwarmEvent::ExpiredListenAddr { address, .. } => self.swarm.remove_external_address(&address),
            SwarmEvent::ListenerClosed { listener_id, .. } => self.on_listener_closed(listener_id, Instant::now()),
            _ => {}
        }
    }

    fn on_behaviour(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Gossip(event) => self.on_gossip(event),
            BehaviourEvent::Talk(event) => self.on_talk(event),
            BehaviourEvent::Kad(event) => self.on_kad(event),
            BehaviourEvent::Identify(event) => self.on_identify(event),
            BehaviourEvent::Mdns(event) => self.on_mdns(event),
            BehaviourEvent::Ping(ping::Event { peer, result: Ok(round_trip), .. }) => {
                self.on_round_trip(&peer, round_trip);
            }
            BehaviourEvent::Ping(ping::Event { result: Err(ping::Failure::Unsupported), .. }) => {}
            BehaviourEvent::Ping(ping::Event { connection, .. }) => drop(self.swarm.close_connection(connection)),
            BehaviourEvent::Probe(event) => self.on_probed(event),
            BehaviourEvent::Relay(event) => tracing::debug!(?event, "as a relay"),
            BehaviourEvent::Relayed(event) => tracing::debug!(?event, "behind a relay"),
            BehaviourEvent::Direct(event) => tracing::debug!(?event, "a direct connection instead of a relayed one"),
            BehaviourEvent::Prober(event) => tracing::debug!(?event, "probed a peer"),
            BehaviourEvent::Upnp(event) => tracing::debug!(?event, "the router"),
            BehaviourEvent::Limits(never) => match never {},
            BehaviourEvent::Blocked(never) | BehaviourEvent::Errands(never) => match never {},
        }
    }

    fn on_tick(&mut self, now: Instant) {
        for peer in self.peers.overdue(now) {
            self.disconnect(&peer);
        }
        self.forgive(now);
        self.finder.expire(now);
        self.ask_again(now);
        self.dial_bootstrap(now);
        self.keep_outbound(now);
        self.reserve(now);
        self.drop_detours(now);
        self.rejoin(now);
        self.put_record(now);
    }

    fn peer_states(&self) -> Vec<PeerState> {
        let gossip = &self.swarm.behaviour().gossip;
        let orders = self.topics.hash(Topic::Orders);
        let mesh: Vec<_> = gossip.mesh_peers(&orders).copied().collect();
        let mut states = Vec::new();
        for (id, peer) in self.peers.iter() {
            let Stage::Welcome(hello) = &peer.stage else { continue };
            let link = peer.link();
            states.push(PeerState {
                address: peer.address,
                peer_id: id.to_string(),
                multiaddr: link.map(|link| link.multiaddr.to_string()).unwrap_or_default(),
                direction: link.map_or(Direction::Inbound, |link| link.direction),
                is_relayed: peer.is_relayed(),
                latency_ms: peer.latency.map(|latency| latency.as_secs_f64() * 1000.0),
                score: gossip.peer_score(id).unwrap_or_default(),
                in_orders_mesh: mesh.contains(id),
                agent: hello.agent.clone(),
                heads: hello.heads,
            });
        }
        states.sort_by_key(|state| state.address);
        states
    }

    fn listeners(&self) -> Vec<Multiaddr> {
        self.swarm.listeners().cloned().map(|address| self.with_peer_id(address)).collect()
    }

    fn with_peer_id(&self, address: Multiaddr) -> Multiaddr {
        listening::named(address, *self.swarm.local_peer_id())
    }
}
