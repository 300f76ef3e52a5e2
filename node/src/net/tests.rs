//! Real nodes on loopback sockets. Every wait is for an event or a state, and is bounded.

mod finding;
mod forged;
mod gossip;
mod hello;
mod identity;
mod known;
mod limits;
mod raw;
mod relay;
mod requests;
pub(crate) mod rig;

use std::future::Future;
use std::time::Duration;

use protocol::talk::{Hello, Request, Response};
use protocol::{Address, MarketId, keccak256};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::{
    Keypair, Multiaddr, Net, NetConfig, NetEvent, NetLimits, PeerState, identity as names, keypair, start_with,
};

/// The longest wait for anything. It is never reached unless something is broken.
const PATIENCE: Duration = Duration::from_secs(30);
const TCP: &str = "/ip4/127.0.0.1/tcp/0";
const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

/// A running node with the receiving end of its events.
struct Node {
    net: Net,
    events: mpsc::Receiver<NetEvent>,
    address: Address,
}

fn key(seed: u8) -> Keypair {
    keypair(&mut [seed; 32]).unwrap()
}

fn address(seed: u8) -> Address {
    names::address_of_key(&key(seed).public()).unwrap()
}

fn market() -> MarketId {
    MarketId(keccak256(&[b"a market for tests"]))
}

fn hello() -> Hello {
    Hello { market: market(), protocol_version: 1, agent: "souk/test".into(), heads: 3, salt: protocol::Hash::ZERO }
}

fn config(seed: u8, listen: &[&str]) -> NetConfig {
    let listen = listen.iter().map(|text| text.parse().unwrap()).collect();
    let (bootstrap, known) = (Vec::new(), Vec::new());
    NetConfig { keypair: key(seed), hello: hello(), listen, bootstrap, known, is_mdns: false, is_upnp: false }
}

async fn run(config: NetConfig) -> Node {
    run_with(config, NetLimits::default()).await
}

async fn run_with(config: NetConfig, limits: NetLimits) -> Node {
    let address = names::address_of_key(&config.keypair.public()).unwrap();
    let (net, events) = start_with(config, limits).await.unwrap();
    Node { address, net, events }
}

/// A node that listens on TCP.
async fn node(seed: u8) -> Node {
    run(config(seed, &[TCP])).await
}

impl Node {
    async fn place(&self) -> Multiaddr {
        self.net.listeners().await.first().cloned().unwrap()
    }

    /// Dials `other` and waits until both sides know each other.
    async fn meet(&mut self, other: &mut Node) {
        assert_eq!(self.net.dial(other.place().await).await, Ok(other.address));
        self.wait_up(other.address).await;
        other.wait_up(self.address).await;
    }

    /// The first event that `pick` wants; others are passed over.
    async fn wait<T>(&mut self, what: &str, mut pick: impl FnMut(NetEvent) -> Option<T>) -> T {
        let search = async {
            loop {
                let event = self.events.recv().await.unwrap_or_else(|| panic!("the node ended before {what}"));
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
    }

    async fn wait_up(&mut self, peer: Address) {
        self.wait("a peer up", |event| {
            matches!(event, NetEvent::PeerUp { address, .. } if address == peer).then_some(())
        })
        .await;
    }

    async fn wait_down(&mut self, peer: Address) {
        let is_it = |event: NetEvent| matches!(event, NetEvent::PeerDown { address } if address == peer).then_some(());
        self.wait("a peer down", is_it).await;
    }

    /// Waits for a request and answers it.
    async fn answer(&mut self, response: Response) -> (Address, Request) {
        let (from, request, reply) = self
            .wait("a request", |event| match event {
                NetEvent::Request { from, request, reply } => Some((from, request, reply)),
                _ => None,
            })
            .await;
        self.net.respond(reply, response);
        (from, request)
    }

    /// Asks `to` for its book while `to` answers.
    async fn ask(&mut self, to: &mut Node) {
        let request = Request::Book { after: None };
        let (response, (from, _)) = tokio::join!(self.net.request(to.address, request), to.answer(Response::Done));
        assert_eq!(response, Ok(Response::Done));
        assert_eq!(from, self.address);
    }

    async fn peer(&self, address: Address) -> Option<PeerState> {
        self.net.peers().await.into_iter().find(|peer| peer.address == address)
    }
}

/// Looks again and again until `is_so`.
async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let end = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < end, "waited too long until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
