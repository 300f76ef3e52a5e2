//! Twenty nodes without an API, each with its own folder, key, store and ports; and what all of them admitted, when.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use matcher::{Event, Input, Market, Topic};
use protocol::{Address, Hash};
use tokio::sync::broadcast::error::RecvError;

use super::super::{Config, Home, net_config, pump};
use crate::clock::Clock;
use crate::data_folder::DataFolder;
use crate::engine::{self, Engine, Parts};
use crate::files::Files;
use crate::happening::Happening;
use crate::keys::Key;
use crate::market_file::MarketFile;
use crate::net::{self, Net};
use crate::peer_records;
use crate::store::{Identity, Store};

/// The longest wait for anything that is not load.
const PATIENCE: Duration = Duration::from_secs(30);
/// Peers after which a node is a part of the mesh.
const PEERS_MIN: usize = 6;

/// One node.
pub struct Node {
    pub engine: Engine,
    pub net: Net,
    _home: Home,
}

/// All nodes of one market.
pub struct Fleet {
    pub nodes: Vec<Node>,
    pub file: MarketFile,
    pub admitted: Admitted,
    folder: tempfile::TempDir,
}

/// When every order was placed, by how many nodes it was admitted, and when by the last of them so far.
#[derive(Clone, Default)]
pub struct Admitted(Arc<Mutex<Watch>>);

#[derive(Default)]
struct Watch {
    orders: BTreeMap<Hash, Seen>,
    /// Events that a watcher was too slow for.
    missed: u64,
}

/// One order on its way.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub placed: Instant,
    pub last: Instant,
    pub nodes: usize,
}

impl Fleet {
    fn empty() -> Fleet {
        let folder = tempfile::tempdir().unwrap();
        let file = MarketFile::init("load", None, Vec::new()).unwrap();
        Fleet { nodes: Vec::new(), file, admitted: Admitted::default(), folder }
    }

    /// Starts one node that has nobody to meet.
    pub async fn alone() -> Fleet {
        let mut fleet = Fleet::empty();
        let node = fleet.node(0, &[]).await;
        fleet.nodes.push(node);
        fleet
    }

    /// Starts `size` nodes and waits until each has met some others.
    pub async fn start(size: usize) -> Fleet {
        let mut fleet = Fleet::empty();
        let mut bootstrap = Vec::new();
        for index in 0..size {
            let node = fleet.node(index, &bootstrap).await;
            if index < 2 {
                bootstrap.extend(node.net.listeners().await.first().map(ToString::to_string));
            }
            fleet.nodes.push(node);
        }
        let end = Instant::now() + PATIENCE;
        for node in &fleet.nodes {
            while node.net.peers().await.len() < PEERS_MIN {
                assert!(Instant::now() < end, "a node met too few others");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        fleet
    }

    async fn node(&self, index: usize, bootstrap: &[String]) -> Node {
        let data = self.folder.path().join(index.to_string());
        let folder = DataFolder::open(&data).unwrap();
        let key = Arc::new(Key::generate().unwrap());
        let identity = Identity { market: self.file.market.id(), owner: key.address() };
        let home = Home {
            _lock: folder.lock().unwrap(),
            clock: Arc::new(Clock::new()),
            store: Arc::new(Store::open(folder.path(), &identity).unwrap()),
            files: Arc::new(Files::open(&folder.cache()).unwrap()),
            file: self.file.clone(),
            folder,
            mandate: protocol::Mandate::own(key.address()),
            key,
        };
        let config = Config {
            data,
            market: None,
            passphrase: None,
            listen: vec!["/ip4/127.0.0.1/udp/0/quic-v1".into()],
            bootstrap: bootstrap.to_vec(),
            api: ([127, 0, 0, 1], 0).into(),
            is_mdns: false,
            is_upnp: false,
            is_bound_to_stdin: false,
        };
        let (peer_records, known) = peer_records::start(home.store.clone(), home.clock.clone()).unwrap();
        let (net, events) = net::start(net_config(&config, &home, known).unwrap()).await.unwrap();
        let (engine, _) = engine::start(Parts {
            market: Market::new(home.file.market.clone(), home.key.address()),
            store: home.store.clone(),
            net: net.clone(),
            key: home.key.clone(),
            clock: home.clock.clone(),
        });
        let (worker, _) = home.tasks(&engine, &net).unwrap();
        self.admitted.follow(&engine);
        tokio::spawn(pump(net.clone(), events, (engine.clone(), worker, peer_records)));
        Node { engine, net, _home: home }
    }

    /// Ends all nodes.
    pub async fn stop(self) {
        for node in &self.nodes {
            node.engine.stop().await;
            node.net.shutdown().await;
        }
    }
}

impl Node {
    /// Takes in a message of signed orders, by the door that gossip uses, and sends it to the peers.
    pub async fn submit(&self, from: Address, bytes: Vec<u8>) {
        self.net.publish(Topic::Orders, bytes.clone()).unwrap();
        self.engine.input(Input::Heard { from, token: 0, topic: Topic::Orders, bytes }).await;
    }

    /// Heads in its book.
    pub async fn heads(&self) -> usize {
        self.engine.view(|market, _| market.book().len()).await.unwrap()
    }
}

impl Seen {
    /// From placing to the last admission so far.
    pub fn delay(&self) -> Duration {
        self.last - self.placed
    }
}

impl Admitted {
    /// An order is placed now.
    pub fn placed(&self, id: Hash) {
        let now = Instant::now();
        self.0.lock().unwrap().orders.insert(id, Seen { placed: now, last: now, nodes: 0 });
    }

    /// Every order that was placed.
    pub fn all(&self) -> Vec<Seen> {
        self.0.lock().unwrap().orders.values().copied().collect()
    }

    /// Events that were missed, so that fewer admissions are known than there were.
    pub fn missed(&self) -> u64 {
        self.0.lock().unwrap().missed
    }

    fn follow(&self, engine: &Engine) {
        let (mut events, watch) = (engine.watch(), self.0.clone());
        tokio::spawn(async move {
            loop {
                match events.recv().await {
                    Ok(happened) => {
                        let Happening::Market(Event::HeadAdmitted { id, .. }) = happened.what else { continue };
                        if let Some(seen) = watch.lock().unwrap().orders.get_mut(&id) {
                            (seen.nodes, seen.last) = (seen.nodes + 1, Instant::now());
                        }
                    }
                    Err(RecvError::Lagged(missed)) => watch.lock().unwrap().missed += missed,
                    Err(RecvError::Closed) => return,
                }
            }
        });
    }
}
