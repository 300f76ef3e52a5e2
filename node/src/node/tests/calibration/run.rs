//! Runs a plan on whole nodes over cables of known delay, and notes down what happened where and when.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use matcher::{Answer, Draft, Event};
use protocol::{Address, Capacity, Flags, Hash, Identity, Metric, Price, Side, keccak256};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::broadcast::error::RecvError;

use super::super::fleet::{self, Node};
use super::plan::{Plan, Publish};
use crate::engine::{Engine, Wish};
use crate::happening::Happening;
use crate::keys::Key;
use crate::market_file::MarketFile;
use crate::net::tests::rig::{self, Cables, Ear, Heard, Lateness, Rig};
use crate::net::{NetCounters, NetLimits};
use crate::peer_records;

/// The longest wait for nodes to meet, and for orders to be everywhere after the last was placed.
const PATIENCE: Duration = Duration::from_secs(30);

/// All that was noted down.
pub struct Run {
    pub plan: Plan,
    pub domain: protocol::Domain,
    /// The end of the warm-up.
    pub began: Instant,
    pub placed: Vec<Placed>,
    /// By node: every gossip message by its bytes.
    pub heard: Vec<HashMap<Vec<u8>, Heard>>,
    /// By node: when each order entered its book.
    pub admitted: Vec<HashMap<Hash, Instant>>,
    pub connections: Vec<usize>,
    /// By node, at the end of the warm-up and at the end of the run.
    pub mesh: [Vec<Vec<usize>>; 2],
    /// By node, in and out since the end of the warm-up.
    pub bytes: Vec<(u64, u64)>,
    pub counters: Vec<NetCounters>,
    pub late: Lateness,
    /// Of the whole process.
    pub cpu: Duration,
    pub took: Duration,
}

/// One publish of the plan as it was done.
pub struct Placed {
    pub node: usize,
    /// Just before the node was asked.
    pub at: Instant,
    pub ids: Vec<Hash>,
}

type Admissions = Arc<Mutex<HashMap<Hash, Instant>>>;

struct Stack {
    node: Node,
    ear: Ear,
    admitted: Admissions,
}

struct Stacks {
    all: Vec<Stack>,
    numbers: BTreeMap<Address, usize>,
    file: MarketFile,
    _folder: tempfile::TempDir,
}

impl Run {
    /// Runs `plan` from the first dial to the last copy.
    pub async fn of(plan: Plan) -> Run {
        let cables = Cables::new(plan.delays());
        let stacks = Stacks::start(&plan, &cables).await;
        stacks.connect(&plan).await;
        tokio::time::sleep(Duration::from_millis(plan.warmup_ms)).await;
        let (mesh_start, before) = (stacks.mesh().await, traffic(&cables, plan.nodes));
        let (began, cpu) = (Instant::now(), cpu_time(ClockId::ProcessCPUTime));
        let placed = stacks.place_all(&plan, began).await;
        stacks.wait_for_all(&placed).await;
        // The last copies are still under way: what is sent now is there after the longest way of two hops.
        let longest = plan.one_way_us.iter().flatten().max().copied().unwrap_or_default();
        tokio::time::sleep(Duration::from_micros(3 * longest)).await;
        let after = traffic(&cables, plan.nodes);
        let run = Run {
            domain: stacks.file.market.domain(),
            cpu: cpu_time(ClockId::ProcessCPUTime) - cpu,
            took: began.elapsed(),
            began,
            placed,
            heard: stacks.all.iter().map(|stack| stack.ear.all()).collect(),
            admitted: stacks.all.iter().map(|stack| stack.admitted.lock().unwrap().clone()).collect(),
            connections: stacks.connections().await,
            mesh: [mesh_start, stacks.mesh().await],
            bytes: before
                .into_iter()
                .zip(after)
                .map(|(before, after)| (after.0 - before.0, after.1 - before.1))
                .collect(),
            counters: stacks.all.iter().map(|stack| stack.node.net.counters()).collect(),
            late: cables.lateness(),
            plan,
        };
        stacks.stop().await;
        run
    }
}

impl Stacks {
    async fn start(plan: &Plan, cables: &Arc<Cables>) -> Stacks {
        // In memory where the system has such a folder: a disk that is busy elsewhere would delay publishing.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let mut file = MarketFile::init("calibration", None, Vec::new()).unwrap();
        file.market.epoch_ms = plan.epoch_ms;
        file.id = file.market.id();
        let mut stacks = Stacks { all: Vec::new(), numbers: BTreeMap::new(), file, _folder: folder };
        for number in 0..plan.nodes {
            let key = Key::from_bytes(&keccak256(&[b"calibration", &number.to_be_bytes()]).0).unwrap();
            stacks.numbers.insert(key.address(), number);
            let home = fleet::home(&stacks._folder.path().join(number.to_string()), &stacks.file, key);
            let (records, _) = peer_records::start(home.store.clone(), home.clock.clone()).unwrap();
            let config = fleet::mesh(&home, &Cables::listen_address().to_string(), &[], Vec::new());
            let ear = Ear::open();
            // The plan alone says who dials whom.
            let limits = NetLimits { outbound_target: 0, outbound_near: 0, ..NetLimits::default() };
            let mesh = rig::start(config, limits, Rig::new(cables, number, ear.clone())).await.unwrap();
            let node = Node::bring_up(home, mesh, records);
            let admitted = follow(&node.engine);
            stacks.all.push(Stack { node, ear, admitted });
        }
        stacks
    }

    async fn connect(&self, plan: &Plan) {
        let dials = plan.dials.iter().map(|&[dialer, listener]| async move {
            self.all[dialer].node.net.dial(Cables::address(dialer, listener)).await.unwrap();
        });
        futures::future::join_all(dials).await;
        let end = Instant::now() + PATIENCE;
        while self.connections().await.iter().sum::<usize>() < 2 * plan.dials.len() || self.has_lonely().await {
            assert!(Instant::now() < end, "the nodes did not meet");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn has_lonely(&self) -> bool {
        self.mesh().await.iter().any(Vec::is_empty)
    }

    async fn connections(&self) -> Vec<usize> {
        let counts = self.all.iter().map(|stack| async { stack.node.net.peers().await.len() });
        futures::future::join_all(counts).await
    }

    /// By node, its peers in the mesh of orders.
    async fn mesh(&self) -> Vec<Vec<usize>> {
        let of = |stack: &Stack| {
            let net = stack.node.net.clone();
            async move {
                let peers = net.peers().await.into_iter().filter(|peer| peer.in_orders_mesh);
                peers.map(|peer| self.numbers[&peer.address]).collect()
            }
        };
        futures::future::join_all(self.all.iter().map(of)).await
    }

    async fn place_all(&self, plan: &Plan, began: Instant) -> Vec<Placed> {
        let mut placing = Vec::new();
        for (number, publish) in plan.publishes.iter().enumerate() {
            tokio::time::sleep_until((began + Duration::from_millis(publish.at_ms)).into()).await;
            placing.push(tokio::spawn(place(self.all[publish.node].node.engine.clone(), number, *publish)));
        }
        let mut placed = Vec::new();
        for one in placing {
            placed.push(one.await.unwrap());
        }
        placed
    }

    /// Until every order is in every book, or patience ends.
    async fn wait_for_all(&self, placed: &[Placed]) {
        let orders: usize = placed.iter().map(|placed| placed.ids.len()).sum();
        let end = Instant::now() + PATIENCE;
        let lacks = |stack: &Stack| stack.admitted.lock().unwrap().len() < orders;
        while self.all.iter().any(lacks) && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn stop(self) {
        for stack in &self.all {
            stack.node.engine.stop().await;
        }
        futures::future::join_all(self.all.iter().map(|stack| stack.node.net.shutdown())).await;
    }
}

async fn place(engine: Engine, number: usize, publish: Publish) -> Placed {
    let drafts: Vec<Draft> = (0..publish.orders).map(|leaf| draft(number, leaf)).collect();
    let is_list = drafts.len() > 1;
    let at = Instant::now();
    let wish = if is_list { Wish::PlaceList(drafts) } else { Wish::Place(Box::new(drafts[0].clone())) };
    let ids = match engine.wish(wish).await.unwrap().unwrap() {
        Answer::Placed { id, .. } => vec![id],
        Answer::PlacedList(list) => list.into_iter().map(|placed| placed.unwrap().id).collect(),
        other => panic!("{other:?}"),
    };
    Placed { node: publish.node, at, ids }
}

/// A bid; nobody asks, so that all orders stay and the load is gossip's.
fn draft(number: usize, leaf: usize) -> Draft {
    Draft {
        side: Side::Bid,
        capacity: Capacity::new([(Metric::CpuHash, 10_000_000), (Metric::MemSize, 1024)]),
        lots: 1,
        price: Price(1_000 + (number * 64 + leaf) as u128),
        duration_min_s: 10,
        duration_max_s: 600,
        billed_min_s: 60,
        counterparty: Address::ZERO,
        excluded: Vec::new(),
        identity_min: Identity::Anonymous,
        flags: Flags::default(),
        tag: Hash::ZERO,
        life_s: 3_600,
        is_renewed: false,
    }
}

fn follow(engine: &Engine) -> Admissions {
    let (mut events, admissions) = (engine.watch(), Admissions::default());
    let noted = admissions.clone();
    tokio::spawn(async move {
        loop {
            match events.recv().await {
                Ok(happened) => {
                    let Happening::Market(Event::HeadAdmitted { id, .. }) = happened.what else { continue };
                    noted.lock().unwrap().entry(id).or_insert_with(Instant::now);
                }
                Err(RecvError::Lagged(missed)) => panic!("{missed} events were missed"),
                Err(RecvError::Closed) => return,
            }
        }
    });
    admissions
}

fn traffic(cables: &Cables, nodes: usize) -> Vec<(u64, u64)> {
    (0..nodes).map(|node| cables.traffic(node).read()).collect()
}

/// What a clock of the system says of used processor time.
pub fn cpu_time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
