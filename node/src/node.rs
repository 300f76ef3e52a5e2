//! One node: puts keys, disk, mesh, loop, tasks and API together, and takes them down again in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use matcher::{Input, Market};
use protocol::talk::{Hello, Request, Response, TaskRefusal};
use protocol::{Capacity, Hash, wire};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::api::{self, Api};
use crate::client::{Client, Desk};
use crate::clock::Clock;
use crate::data_folder::{DataFolder, DataFolderError, DataFolderLock};
use crate::engine::{self, Engine, Parts, Work};
use crate::files::{Files, FilesError};
use crate::happening::Happening;
use crate::keys::{self, Key, KeyError};
use crate::market_file::{MarketFile, MarketFileError};
use crate::net::{self, Net, NetConfig, NetError, NetEvent};
use crate::store::{Identity, Store, StoreError, Table};
use crate::worker::{Bench, Worker};

/// Requests about tasks that are served at once; followers wait in them.
const SERVED_MAX: usize = 256;

/// What `souk node run` was told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// The market file; else the one in the data folder.
    pub market: Option<PathBuf>,
    /// Unlocks the key.
    pub passphrase: Option<String>,
    /// Where to listen for peers.
    pub listen: Vec<String>,
    /// Peers to start from, besides the market file's.
    pub bootstrap: Vec<String>,
    /// Where the local API listens.
    pub api: SocketAddr,
    /// Whether to look for peers on the local network.
    pub is_mdns: bool,
    /// Whether to stop when standard input closes: for a parent that must not leave it behind.
    pub is_bound_to_stdin: bool,
}

/// Why a node does not run.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The data folder.
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The market file.
    #[error(transparent)]
    Market(#[from] MarketFileError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Kept files.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The mesh.
    #[error(transparent)]
    Net(#[from] NetError),
    /// A multiaddress that is none.
    #[error("{text:?} is not a multiaddress such as /ip4/127.0.0.1/udp/7626/quic-v1")]
    BadAddress {
        /// What was given.
        text: String,
    },
    /// The API's port.
    #[error("the local API cannot listen on {address}: {source}")]
    Api {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The API must stay on this machine.
    #[error("the local API listens on loopback addresses only, not on {address}")]
    ApiNotLocal {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// The system.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl NodeError {
    /// The stable code, part of the API.
    pub fn code(&self) -> &'static str {
        match self {
            NodeError::DataFolder(error) => error.code(),
            NodeError::Key(error) => error.code(),
            NodeError::Market(error) => error.code(),
            NodeError::Store(error) => error.code(),
            NodeError::Files(error) => error.code(),
            NodeError::Net(error) => error.code(),
            NodeError::BadAddress { .. } => "bad_address",
            NodeError::Api { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => "port_in_use",
            NodeError::Api { .. } => "cannot_listen",
            NodeError::ApiNotLocal { .. } => "api_not_local",
            NodeError::System { .. } => "system_failed",
        }
    }
}

/// Runs a node until Ctrl-C, SIGTERM, or a failure of its disk.
///
/// # Errors
/// [`NodeError`] if it cannot start, or had to stop.
pub async fn run(config: Config) -> Result<(), NodeError> {
    let home = Home::open(&config)?;
    let (listener, api_address) = bind_api(config.api).await?;
    let (net, net_events) = net::start(net_config(&config, &home)?).await?;
    for (key, _) in home.store.load(Table::Bans)? {
        api::banned_address(&key).into_iter().for_each(|address| net.ban(address));
    }
    let owner = home.key.address();
    let (engine, engine_task) = engine::start(Parts {
        market: Market::new(home.file.market.clone(), owner),
        store: home.store.clone(),
        net: net.clone(),
        key: home.key.clone(),
        clock: home.clock.clone(),
    });
    let mut entropy = Hash::ZERO;
    getrandom::fill(&mut entropy.0).map_err(KeyError::Randomness)?;
    engine.input(Input::Entropy(entropy)).await;
    if let Some(capacity) = stored_capacity(&home.store)? {
        engine.input(Input::Measured(capacity)).await;
    }
    engine.input(engine::restore(&home.store)?).await;
    let (worker, client) = home.tasks(&engine, &net)?;
    let api = Api {
        engine: engine.clone(),
        net: net.clone(),
        worker: worker.clone(),
        client,
        files: home.files.clone(),
        store: home.store.clone(),
        key: home.key.clone(),
        token: home.folder.api_token()?,
        started_ms: home.clock.now_ms(),
    };
    tokio::spawn(pump(net.clone(), net_events, engine.clone(), worker));
    let (stop, stopping) = watch::channel(false);
    let serving = tokio::spawn(api::serve(listener, api, until_true(stopping)));
    home.folder.write_api_address(api_address)?;
    tracing::info!("{owner} is up in market {}; nothing is paid there: it has no chain", home.file.market.name);
    let listeners = net.listeners().await;
    let is_local = |address: &&net::Multiaddr| address.to_string().starts_with("/ip4/127.");
    if let Some(address) = listeners.iter().find(|address| !is_local(address)).or(listeners.first()) {
        tracing::info!("others join with: souk node run --bootstrap {address}");
    }
    let result = wait(engine_task, config.is_bound_to_stdin).await;
    stop.send_replace(true);
    engine.stop().await;
    net.shutdown().await;
    serving.abort();
    tracing::info!("the node is down");
    result
}

fn net_config(config: &Config, home: &Home) -> Result<NetConfig, NodeError> {
    let market = &home.file.market;
    let hello = Hello {
        market: market.id(),
        protocol_version: market.protocol_version,
        agent: format!("souk/{}", env!("CARGO_PKG_VERSION")),
        heads: 0,
    };
    Ok(NetConfig {
        keypair: home.key.host_key(),
        hello,
        listen: addresses(&config.listen)?,
        bootstrap: addresses(&[&config.bootstrap[..], &home.file.network.bootstrap[..]].concat())?,
        is_mdns: config.is_mdns,
    })
}

/// What a node finds in its data folder.
struct Home {
    folder: DataFolder,
    _lock: DataFolderLock,
    clock: Arc<Clock>,
    key: Arc<Key>,
    file: MarketFile,
    store: Arc<Store>,
    files: Arc<Files>,
}

impl Home {
    fn open(config: &Config) -> Result<Home, NodeError> {
        let folder = DataFolder::open(&config.data)?;
        let lock = folder.lock()?;
        // Left behind by a node that was killed; nothing runs in them any more.
        let _ = std::fs::remove_dir_all(folder.tasks());
        let key = Arc::new(keys::load(folder.path(), config.passphrase.as_deref())?);
        let file = MarketFile::read(&config.market.clone().unwrap_or_else(|| folder.market_file()))?;
        let identity = Identity { market: file.market.id(), owner: key.address() };
        let store = Arc::new(Store::open(folder.path(), &identity)?);
        Ok(Home {
            files: Arc::new(Files::open(&folder.cache())?),
            clock: Arc::new(Clock::new()),
            _lock: lock,
            folder,
            key,
            file,
            store,
        })
    }
}

impl Home {
    /// Tasks of others, and own ones.
    fn tasks(&self, engine: &Engine, net: &Net) -> Result<(Arc<Worker>, Arc<Client>), NodeError> {
        let no_path = |source| NodeError::System { what: "this executable has no path", source };
        let domain = self.file.market.domain();
        let worker = Worker::new(Bench {
            engine: engine.clone(),
            files: self.files.clone(),
            store: self.store.clone(),
            key: self.key.clone(),
            domain,
            launcher: sandbox::Launcher::this_executable().map_err(no_path)?,
            folder: self.folder.tasks(),
        });
        let client = Client::open(Desk {
            engine: engine.clone(),
            net: net.clone(),
            files: self.files.clone(),
            store: self.store.clone(),
            key: self.key.clone(),
            domain,
        })?;
        Ok((worker, client))
    }
}

async fn bind_api(address: SocketAddr) -> Result<(TcpListener, SocketAddr), NodeError> {
    if !address.ip().is_loopback() {
        return Err(NodeError::ApiNotLocal { address });
    }
    let failed = |source| NodeError::Api { address, source };
    let listener = api::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Ends with a signal, with standard input, or with the engine.
async fn wait(
    mut engine: tokio::task::JoinHandle<Result<(), StoreError>>,
    is_bound_to_stdin: bool,
) -> Result<(), NodeError> {
    use tokio::signal::unix::{SignalKind, signal};
    let broken = |source| NodeError::System { what: "signals cannot be received", source };
    let mut terminate = signal(SignalKind::terminate()).map_err(broken)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(broken)?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        () = stdin_closed(), if is_bound_to_stdin => Ok(()),
        ended = &mut engine => match ended {
            Ok(result) => result.map_err(NodeError::Store),
            Err(error) => Err(NodeError::System { what: "the loop ended", source: std::io::Error::other(error) }),
        },
    }
}

async fn stdin_closed() {
    use tokio::io::AsyncReadExt;
    let mut stdin = tokio::io::stdin();
    let mut sink = [0; 64];
    while stdin.read(&mut sink).await.is_ok_and(|bytes| bytes > 0) {}
}

async fn until_true(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Hands what the mesh says to the loop, and requests about tasks to the worker.
async fn pump(net: Net, mut events: mpsc::Receiver<NetEvent>, engine: Engine, worker: Arc<Worker>) {
    let served = Arc::new(Semaphore::new(SERVED_MAX));
    while let Some(event) = events.recv().await {
        match event {
            NetEvent::Gossip { topic, bytes, token, from } => {
                let input = Input::Heard { from, token: 0, topic, bytes };
                engine.work(Work::Gossip { input, token }).await;
            }
            NetEvent::Request { from, request, reply } if is_about_tasks(&request) => {
                let Ok(permit) = served.clone().try_acquire_owned() else {
                    net.respond(reply, Response::TaskRefused(TaskRefusal::Busy));
                    continue;
                };
                let (net, worker) = (net.clone(), worker.clone());
                tokio::spawn(async move {
                    net.respond(reply, worker.serve(from, request).await);
                    drop(permit);
                });
            }
            NetEvent::Request { from, request, reply } => {
                let input = Input::Asked { from, token: 0, request: Box::new(request) };
                engine.work(Work::Request { input, reply }).await;
            }
            NetEvent::PeerUp { address } => {
                tracing::info!("connected to {address}");
                engine.tell(Happening::PeerUp { peer: address });
                engine.input(Input::PeerUp(address)).await;
            }
            NetEvent::PeerDown { address } => {
                tracing::info!("lost {address}");
                engine.tell(Happening::PeerDown { peer: address });
                engine.input(Input::PeerDown(address)).await;
            }
            NetEvent::Refused { address, multiaddr, refusal } => {
                tracing::warn!(%address, %multiaddr, %refusal, "a peer does not belong here");
                let (code, why) = (refusal.code(), refusal.to_string());
                engine.tell(Happening::PeerRefused { peer: address, code, why });
            }
            NetEvent::Listening(multiaddr) => tracing::info!("listening on {multiaddr}"),
        }
    }
}

fn is_about_tasks(request: &Request) -> bool {
    matches!(
        request,
        Request::RunTask(..)
            | Request::PutChunk { .. }
            | Request::FollowTask { .. }
            | Request::GetChunk { .. }
            | Request::StopTask { .. }
    )
}

fn addresses<T: std::str::FromStr>(texts: &[String]) -> Result<Vec<T>, NodeError> {
    let parse = |text: &String| text.parse().map_err(|_| NodeError::BadAddress { text: text.clone() });
    texts.iter().map(parse).collect()
}

fn stored_capacity(store: &Store) -> Result<Option<Capacity>, StoreError> {
    let rows = store.load(Table::Measurements)?;
    let row = rows.into_iter().find(|(key, _)| key == b"capacity");
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        wire::decode(&value, engine::RECORD_MAX).map_err(|_| store.damaged(Table::Measurements, key))
    };
    row.map(read).transpose()
}
