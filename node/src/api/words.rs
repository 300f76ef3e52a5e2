//! The words of the local HTTP API: what the node answers and the command line reads. Shapes only, no behaviour.
//!
//! Amounts and prices are decimal strings in SNM wei (per lot and second for prices), hashes and addresses are hex,
//! times are milliseconds since 1970 where the name ends in `_ms`. A `*_text` member is for people and not stable.

mod epochs;
mod owners;

use matcher::{DealState, EndReason};
use protocol::money::Amount;
use protocol::talk::TaskState;
use protocol::{Address, Authority, DealTerms, Flags, Hash, MarketId, Price, Receipt, Side, TaskFile};
use serde::{Deserialize, Serialize};

pub use epochs::{EpochWord, ExportWord, MatchWord, SealedWord, SideWord, surplus_text};
pub use owners::{DelegationWord, OutcomeWord, SignedWord};

/// Every error body: `{"error": {...}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The error.
    pub error: ErrorWord,
}

/// What went wrong, why, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ErrorWord {
    /// Stable code: lower case words joined by underscores.
    pub code: String,
    /// What happened.
    pub message: String,
    /// The next command or step to try.
    pub next: Option<String>,
}

/// One metric and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricWord {
    /// The metric's name, `cpu.hash`.
    pub metric: String,
    /// The value in base units.
    pub value: u64,
    /// The value in people's units, `30Mhash/s`.
    pub text: String,
}

/// `GET /v1/status`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatusWord {
    /// The build's version.
    pub version: String,
    /// In whose name it trades: an Ethereum address.
    pub address: Address,
    /// The node's own address, by which peers know it; the same unless it trades for another.
    pub key: Address,
    /// Why it may, if it does.
    pub delegation: Option<DelegationWord>,
    /// The market.
    pub market: MarketWord,
    /// Addresses to bootstrap from, with `/p2p/`.
    pub listeners: Vec<String>,
    /// Connected peers.
    pub peers: usize,
    /// Heads in the book, empty slots included.
    pub heads: usize,
    /// Struck deals of anyone that take lots off the book.
    pub fills: usize,
    /// Changes of the book that are not on this node's disk yet.
    pub unkept: usize,
    /// The running epoch.
    pub epoch: u64,
    /// The last clearing.
    pub cleared: Option<EpochWord>,
    /// What the machine can do; empty before it was measured.
    pub measured: Vec<MetricWord>,
    /// The node's clock.
    pub now_ms: u64,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// Own deals that run.
    pub deals_running: usize,
    /// The limits in force in the network layer.
    pub limits: serde_json::Value,
    /// What was dropped at a limit since the start, counted.
    pub dropped: serde_json::Value,
}

/// The market a node is in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MarketWord {
    /// Its id.
    pub id: MarketId,
    /// Its name.
    pub name: String,
    /// `none`, or the chain's id.
    pub chain: String,
    /// What that means for people.
    pub chain_text: String,
    /// Length of an epoch.
    pub epoch_ms: u32,
}

/// `GET /v1/limits`: one limit in force.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LimitWord {
    /// Which: stable, dotted.
    pub name: String,
    /// How much.
    pub value: u64,
    /// Of what; for people and not stable.
    pub unit: String,
    /// What happens there; for people and not stable.
    pub then: String,
}

/// `GET /v1/peers`: one peer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PeerWord {
    /// Its Ethereum address, proven by the handshake.
    pub address: Address,
    /// Its libp2p id.
    pub peer_id: String,
    /// Where it is.
    pub multiaddr: String,
    /// `in` or `out`.
    pub direction: String,
    /// `direct`, or `relayed` when all that is said goes through another peer.
    pub path: String,
    /// Round-trip time.
    pub latency_ms: Option<u64>,
    /// Gossip score.
    pub score: f64,
    /// Its build.
    pub agent: String,
}

/// `POST /v1/peers`: whom to connect to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectRequest {
    /// Ends in `/p2p/` and a peer id.
    pub multiaddr: String,
}

/// `POST /v1/orders`: what a user wants.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    /// Ask or bid.
    pub side: Side,
    /// Metric names and values in base units; for an ask empty means everything measured.
    pub capacity: Vec<(String, u64)>,
    /// How many lots.
    pub lots: u32,
    /// Limit price in wei for a lot and second.
    pub price: Price,
    /// The shortest deal.
    pub duration_min_s: u32,
    /// The longest deal.
    pub duration_max_s: u32,
    /// Ask: billed at least. Bid: accepted as that.
    pub billed_min_s: u32,
    /// Only this owner.
    #[serde(default)]
    pub counterparty: Option<Address>,
    /// Never these.
    #[serde(default)]
    pub excluded: Vec<Address>,
    /// Network needs.
    #[serde(default)]
    pub flags: Flags,
    /// Life of one version.
    pub life_s: u32,
    /// Whether the node renews it.
    pub is_renewed: bool,
}

/// The answer to `POST /v1/orders` with one order; with a list it is one [`OutcomeWord`] each.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlacedWord {
    /// The order's id.
    pub id: Hash,
    /// Its slot.
    pub slot: u16,
    /// Its version.
    pub version: u64,
    /// The first epoch it counts for.
    pub from_epoch: u64,
}

/// One order: `GET /v1/orders?side=ask` (own) and in `GET /v1/book` (all).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OrderWord {
    /// Its id.
    pub id: Hash,
    /// Ask or bid.
    pub side: Side,
    /// Whose.
    pub owner: Address,
    /// Its slot.
    pub slot: u16,
    /// Its version.
    pub version: u64,
    /// What one lot is.
    pub capacity: Vec<MetricWord>,
    /// How many lots.
    pub lots: u32,
    /// Lots that are not in a deal.
    pub open_lots: u32,
    /// The limit price.
    pub price: Price,
    /// For people.
    pub price_text: String,
    /// The shortest deal.
    pub duration_min_s: u32,
    /// The longest deal.
    pub duration_max_s: u32,
    /// The first epoch it counts for.
    pub from_epoch: u64,
    /// The first epoch it no longer counts for.
    pub expiry_epoch: u64,
    /// When that is.
    pub expires_ms: u64,
    /// `live`, `filled`, `withdrawn` or `expired`.
    pub state: String,
    /// Whether it is this node's.
    pub is_own: bool,
    /// Of an own bid: suppliers that failed it and are left out for a while.
    pub avoided: Vec<Address>,
}

/// `GET /v1/book`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BookWord {
    /// The running epoch.
    pub epoch: u64,
    /// Asks, cheapest first.
    pub asks: Vec<OrderWord>,
    /// Bids, dearest first.
    pub bids: Vec<OrderWord>,
}

/// One own deal: `GET /v1/deals`, `GET /v1/deals/{id}`, and the answer to `POST /v1/deals/{id}/cancel`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DealWord {
    /// The digest of its terms.
    pub id: Hash,
    /// `supplier` or `consumer`: this node's role.
    pub role: String,
    /// How far it is.
    pub state: DealState,
    /// Why it is over.
    pub reason: Option<EndReason>,
    /// For people.
    pub reason_text: Option<String>,
    /// The whole terms.
    pub terms: DealTerms,
    /// What one lot is.
    pub bought: Vec<MetricWord>,
    /// For people.
    pub price_text: String,
    /// When the clock started.
    pub started_ms: Option<u64>,
    /// When it was over.
    pub over_ms: Option<u64>,
    /// Agreed seconds.
    pub duration_s: u64,
    /// Served seconds.
    pub elapsed_s: u64,
    /// Billed seconds.
    pub billed_s: u64,
    /// What they cost.
    pub cost: Amount,
    /// For people.
    pub cost_text: String,
    /// Whether money moves: never under `--chain none`.
    pub is_paid: bool,
    /// The supplier's signature.
    pub supplier_signature: Option<Authority>,
    /// The consumer's signature.
    pub consumer_signature: Option<Authority>,
}

/// `POST /v1/bench`: measure this machine, and sell a share of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchRequest {
    /// 1 to 100: how much of the machine this node may sell.
    pub share_percent: u8,
    /// How long to measure.
    pub budget_ms: u64,
}

/// The answer to `POST /v1/bench` and `GET /v1/bench`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BenchWord {
    /// When, by the node's clock.
    pub measured_ms: u64,
    /// The share that is sold.
    pub share_percent: u8,
    /// What was measured.
    pub metrics: Vec<MeasurementWord>,
    /// What asks may offer: the share of it, rates rounded down.
    pub capacity: Vec<MetricWord>,
}

/// One measurement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MeasurementWord {
    /// The metric's name.
    pub id: String,
    /// Its base unit.
    pub unit: String,
    /// Operations per CPU-second, all threads.
    pub capability: u64,
    /// Operations per second of wall clock.
    pub delivered: u64,
    /// 95 % interval of the median.
    pub interval: (u64, u64),
    /// For people.
    pub text: String,
}

/// `POST /v1/tasks`: run a program inside a deal. Files must have been put with `PUT /v1/files/{blake3}` before.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskRequest {
    /// The deal; without it the newest running one of this consumer.
    pub deal: Option<Hash>,
    /// BLAKE3 of the program.
    pub program: Hash,
    /// Arguments.
    pub arguments: Vec<String>,
    /// Environment.
    #[serde(default)]
    pub environment: Vec<(String, String)>,
    /// Inputs.
    pub inputs: Vec<TaskFile>,
    /// Paths of expected outputs.
    pub outputs: Vec<String>,
    /// Most gas; the default is generous.
    pub gas: Option<u64>,
    /// Most memory; the default is what the deal bought.
    pub memory_mib: Option<u64>,
    /// Most bytes of outputs.
    pub output_mib: Option<u64>,
    /// Most wall clock; the default is what is left of the deal.
    pub wall_s: Option<u64>,
}

/// One task: `GET /v1/tasks`, `GET /v1/tasks/{id}`, and the answer to `POST /v1/tasks` and `POST /v1/tasks/{id}/stop`.
///
/// `GET /v1/tasks/{id}/logs?stream=stdout&from=N` answers raw bytes from offset N, waits up to 5 s for news, and names
/// the task's state in the header `souk-task-state` (`waiting`, `queued`, `running`, `done`, `failed`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaskWord {
    /// The task's id.
    pub id: Hash,
    /// Its deal.
    pub deal: Hash,
    /// `consumer` or `supplier`: this node's role.
    pub role: String,
    /// How far it is.
    pub state: TaskStateWord,
    /// BLAKE3 of the program.
    pub program: Hash,
    /// Arguments.
    pub arguments: Vec<String>,
    /// When it was submitted here.
    pub created_ms: u64,
    /// When it was done or failed.
    pub over_ms: Option<u64>,
    /// Bytes of standard output so far.
    pub stdout_bytes: u64,
    /// Bytes of standard error so far.
    pub stderr_bytes: u64,
    /// Outputs that were collected and have the receipt's hash; get them with `GET /v1/files/{blake3}`.
    pub outputs: Vec<TaskFile>,
    /// The supplier's statement.
    pub receipt: Option<ReceiptWord>,
    /// Why there is none.
    pub failure: Option<ErrorWord>,
}

/// How far a task is, failures included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskStateWord {
    /// Waits for files.
    Waiting,
    /// Waits for its turn.
    Queued,
    /// Runs.
    Running,
    /// Has a receipt.
    Done,
    /// Will never have one.
    Failed,
}

impl TaskStateWord {
    /// The word as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskStateWord::Waiting => "waiting",
            TaskStateWord::Queued => "queued",
            TaskStateWord::Running => "running",
            TaskStateWord::Done => "done",
            TaskStateWord::Failed => "failed",
        }
    }
}

impl From<TaskState> for TaskStateWord {
    fn from(state: TaskState) -> TaskStateWord {
        match state {
            TaskState::Waiting => TaskStateWord::Waiting,
            TaskState::Queued => TaskStateWord::Queued,
            TaskState::Running => TaskStateWord::Running,
            TaskState::Done => TaskStateWord::Done,
        }
    }
}

/// A receipt and what was checked of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReceiptWord {
    /// The statement.
    pub receipt: Receipt,
    /// Its digest.
    pub digest: Hash,
    /// The supplier's word.
    pub authority: Authority,
    /// Who signed.
    pub signer: Address,
    /// Signature, task, program, arguments, inputs, streams and outputs were all checked and fit.
    pub is_verified: bool,
    /// For people: `exited 0`, `trapped`, …
    pub outcome_text: String,
    /// For people: `wasmtime-fuel 48`.
    pub metering_text: String,
}

/// One line of `GET /v1/events` (server-sent events; `data:` holds this as JSON).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventWord {
    /// When, by the node's clock.
    pub at_ms: u64,
    /// The event, with its kind in `event`: `head_admitted`, `cleared`, `skipped`, `proposed`, `struck`, `over`,
    /// `task`, `peer_up`, `peer_down`, `peer_refused`.
    #[serde(flatten)]
    pub event: serde_json::Value,
}
