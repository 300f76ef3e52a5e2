//! The mesh: the only module that knows libp2p. It carries words between peers and decides nothing about orders.
//!
//! ```text
//!   Net (handle) --commands--> Task (owns the swarm) <--QUIC, TCP + TLS 1.3--> peers
//!   node <------ NetEvent ---- outbox                     hello, gossip, request and response, address records
//! ```
//!
//! The handshake proves a peer's secp256k1 key, so every event names its peer by its Ethereum address. Both queues are
//! bounded, and a slow node never stops the swarm.

mod behaviour;
mod bootstrap;
mod bucket;
mod codec;
mod errands;
mod error;
mod event;
mod finder;
mod identity;
mod known;
mod limits;
mod listening;
mod outbound;
mod outbox;
mod peers;
mod probe;
mod task;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

pub use libp2p::Multiaddr;
pub use libp2p::identity::Keypair;
use protocol::talk::{Hello, Request, Response};
use protocol::wire::GOSSIP_MAX;
use protocol::{Address, Rejected};
use tokio::sync::{mpsc, oneshot};

pub use error::{DialFailure, NetError, PublishError, RequestError};
pub use event::{Direction, MessageToken, NetEvent, PeerState, ReplyToken, Topic, Verdict};
pub use identity::{keypair, peer_address};
pub use known::KnownPeer;
pub use limits::{NetLimits, PLACES_MAX};
pub use outbox::NetCounters;

use behaviour::Ground;
use limits::COMMANDS_CAP;
use outbox::{Counters, count};
use peers::Call;
use task::{Command, Task};

/// What the mesh needs to know to start.
#[derive(Debug, Clone)]
pub struct NetConfig {
    /// The host key: the node's Ethereum key.
    pub keypair: Keypair,
    /// What this node says first on every connection; names the market.
    pub hello: Hello,
    /// Where to listen: `/ip4/0.0.0.0/tcp/4001`, `/ip4/0.0.0.0/udp/4001/quic-v1`.
    pub listen: Vec<Multiaddr>,
    /// Peers to begin with, with or without `/p2p/` at the end.
    pub bootstrap: Vec<Multiaddr>,
    /// Peers of an earlier life, the one seen last first; see [`NetEvent::Known`].
    pub known: Vec<KnownPeer>,
    /// Whether to look for peers on the local network.
    pub is_mdns: bool,
    /// Whether to ask the router for a port, unless the node listens on loopback only.
    pub is_upnp: bool,
}

/// The handle to a running mesh. Clones share it; when the last one is dropped, the mesh shuts down.
#[derive(Debug, Clone)]
pub struct Net {
    commands: mpsc::Sender<Command>,
    counters: Arc<Counters>,
    limits: Arc<NetLimits>,
}

/// Starts the mesh and returns when every listen address is confirmed.
///
/// # Errors
/// [`NetError`]: a port in use, an address of the wrong kind, a host key that is not secp256k1.
pub async fn start(config: NetConfig) -> Result<(Net, mpsc::Receiver<NetEvent>), NetError> {
    start_with(config, NetLimits::default()).await
}

async fn start_with(config: NetConfig, limits: NetLimits) -> Result<(Net, mpsc::Receiver<NetEvent>), NetError> {
    start_on(config, limits, Ground::default()).await
}

async fn start_on(
    config: NetConfig,
    limits: NetLimits,
    ground: Ground,
) -> Result<(Net, mpsc::Receiver<NetEvent>), NetError> {
    identity::address_of_key(&config.keypair.public()).ok_or(NetError::HostKey)?;
    listening::check(&config.listen, &config.bootstrap)?;
    listening::probe(&config.listen)?;
    let (commands, command_receiver) = mpsc::channel(COMMANDS_CAP);
    let (event_sender, events) = mpsc::channel(limits.events_max);
    let counters = Arc::new(Counters::default());
    let net = Net { commands, counters: counters.clone(), limits: Arc::new(limits.clone()) };
    let listen = config.listen.clone();
    let outbox = outbox::Outbox::new(event_sender, counters.clone());
    let mut task = Task::new(config, limits, (command_receiver, outbox, counters), ground)?;
    task.listen(listen).await?;
    tokio::spawn(task.run());
    Ok((net, events))
}

impl Net {
    /// Sends a message to all peers of the market. Best effort: without peers it goes nowhere.
    ///
    /// # Errors
    /// [`PublishError::TooLarge`] above `GOSSIP_MAX`, [`PublishError::Stopped`].
    pub fn publish(&self, topic: Topic, bytes: Vec<u8>) -> Result<(), PublishError> {
        if bytes.len() > GOSSIP_MAX {
            return Err(PublishError::TooLarge { bytes: bytes.len() });
        }
        self.commands.try_send(Command::Publish(topic, bytes)).map_err(|_| PublishError::Stopped)
    }

    /// Says what becomes of a gossip message: only an accepted one is sent on. The message waits about five seconds.
    pub fn judge(&self, token: MessageToken, verdict: Verdict) {
        self.tell(Command::Judge(token, verdict));
    }

    /// Asks a peer something: finds it by its address, connects if need be, and waits for the response.
    ///
    /// # Errors
    /// [`RequestError`], each with a stable code.
    pub async fn request(&self, to: Address, request: Request) -> Result<Response, RequestError> {
        let (reply, response) = oneshot::channel();
        let command = Command::Request(to, Box::new(Call { request, reply }));
        self.commands.send(command).await.map_err(|_| RequestError::Stopped)?;
        response.await.unwrap_or(Err(RequestError::Stopped))
    }

    /// Answers a request. An answer that comes too late is dropped.
    pub fn respond(&self, reply: ReplyToken, response: Response) {
        self.tell(Command::Respond(reply, response));
    }

    /// Connects to a peer and returns its address once both said hello.
    ///
    /// # Errors
    /// [`DialFailure`], each with a stable code.
    pub async fn dial(&self, multiaddr: Multiaddr) -> Result<Address, DialFailure> {
        let (waiter, outcome) = oneshot::channel();
        self.commands.send(Command::Dial(multiaddr, waiter)).await.map_err(|_| DialFailure::Stopped)?;
        outcome.await.unwrap_or(Err(DialFailure::Stopped))
    }

    /// The welcomed peers, by address. Empty after shutdown.
    pub async fn peers(&self) -> Vec<PeerState> {
        let (reply, peers) = oneshot::channel();
        let _ = self.commands.send(Command::Peers(reply)).await;
        peers.await.unwrap_or_default()
    }

    /// Where this node can be reached, each with its `/p2p/` suffix. Empty after shutdown.
    pub async fn listeners(&self) -> Vec<Multiaddr> {
        let (reply, listeners) = oneshot::channel();
        let _ = self.commands.send(Command::Listeners(reply)).await;
        listeners.await.unwrap_or_default()
    }

    /// Disconnects an address and keeps it out until the node ends or [`Net::unban`].
    pub fn ban(&self, address: Address) {
        self.tell(Command::Ban(address));
    }

    /// A peer did what no honest one does: it counts as a fault, and after some of them the peer is left alone.
    pub fn blame(&self, address: Address, why: Rejected) {
        self.tell(Command::Blame(address, why));
    }

    /// Lets a banned address in again.
    pub fn unban(&self, address: Address) {
        self.tell(Command::Unban(address));
    }

    /// Sets how many live heads the next hellos speak of.
    pub fn set_heads(&self, heads: u64) {
        self.tell(Command::Heads(heads));
    }

    /// The limits in force.
    pub fn config_dump(&self) -> NetLimits {
        (*self.limits).clone()
    }

    /// What was dropped at a bound since the start.
    pub fn counters(&self) -> NetCounters {
        self.counters.read()
    }

    /// Closes all connections and returns when the mesh has ended. Requests under way fail with `Stopped`.
    pub async fn shutdown(&self) {
        let (done, ended) = oneshot::channel();
        let _ = self.commands.send(Command::Shutdown(done)).await;
        let _ = ended.await;
    }

    fn tell(&self, command: Command) {
        if self.commands.try_send(command).is_err() {
            count(&self.counters.commands_lost);
        }
    }
}
