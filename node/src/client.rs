//! The consumer's side of tasks: send a program into a deal, follow it, check the receipt, collect the outputs.

mod check;
mod drive;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use matcher::{Deal, DealState};
use protocol::{
    Address, Authority, Domain, Hash, Limits, Mandate, ProgramKind, Receipt, Side, Task, TaskFile, keccak256, wire,
};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};

use crate::api::words::{ErrorWord, TaskRequest, TaskStateWord};
use crate::engine::Engine;
use crate::files::Files;
use crate::keys::Key;
use crate::net::Net;
use crate::store::{Change, Store, StoreError, Table};
use crate::worker::Worker;

/// Tasks that are kept; the oldest finished one makes room.
const TASKS_MAX: usize = 1024;
/// Bytes of a task's own words, so that a request and a record hold them.
const TASK_BYTES_MAX: usize = 192 * 1024;
/// Bytes of one stored task.
const RECORD_MAX: usize = 1 << 20;

/// What the client works with.
pub struct Desk {
    /// The loop.
    pub engine: Engine,
    /// The mesh.
    pub net: Net,
    /// Content-addressed files.
    pub files: Arc<Files>,
    /// The disk.
    pub store: Arc<Store>,
    /// The node's key.
    pub key: Arc<Key>,
    /// In whose name it signs.
    pub mandate: Mandate,
    /// The market's signing domain.
    pub domain: Domain,
}

/// Runs this node's own tasks at suppliers.
pub struct Client {
    desk: Desk,
    /// Numbers of tasks rise, also within a millisecond and across restarts.
    last_number: AtomicU64,
    jobs: Mutex<BTreeMap<Hash, Arc<Job>>>,
}

/// One own task.
pub(crate) struct Job {
    pub(crate) id: Hash,
    pub(crate) task: Task,
    pub(crate) supplier: Address,
    pub(crate) created_ms: u64,
    pub(crate) progress: Mutex<JobProgress>,
    /// Told at every change of `progress`.
    pub(crate) news: Notify,
    pub(crate) stop: watch::Sender<bool>,
}

/// What has become of it so far.
#[derive(Debug, Clone)]
pub(crate) struct JobProgress {
    pub(crate) state: TaskStateWord,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) receipt: Option<(Receipt, Authority)>,
    pub(crate) detail: String,
    pub(crate) is_verified: bool,
    pub(crate) outputs: Vec<TaskFile>,
    pub(crate) failure: Option<ErrorWord>,
    pub(crate) over_ms: Option<u64>,
}

impl JobProgress {
    fn new() -> JobProgress {
        JobProgress {
            state: TaskStateWord::Waiting,
            stdout: Vec::new(),
            stderr: Vec::new(),
            receipt: None,
            detail: String::new(),
            is_verified: false,
            outputs: Vec::new(),
            failure: None,
            over_ms: None,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, TaskStateWord::Done | TaskStateWord::Failed)
    }
}

/// What is on disk of an own task.
#[derive(Serialize, Deserialize)]
struct JobRecord {
    task: Task,
    supplier: Address,
    created_ms: u64,
    over_ms: Option<u64>,
    detail: String,
    receipt: Option<(Receipt, Authority)>,
    is_verified: bool,
    outputs: Vec<TaskFile>,
    failure: Option<(String, String, Option<String>)>,
}

impl Job {
    pub(crate) fn progress(&self) -> MutexGuard<'_, JobProgress> {
        self.progress.lock().expect("nothing panics while it holds the progress of a task")
    }

    fn change(&self, change: impl FnOnce(&mut JobProgress)) {
        change(&mut self.progress());
        self.news.notify_waiters();
    }
}

/// An error with a code and a next step.
pub(crate) fn failure(code: &str, message: impl Into<String>, next: Option<&str>) -> ErrorWord {
    ErrorWord { code: code.to_owned(), message: message.into(), next: next.map(str::to_owned) }
}

impl Client {
    /// A client that goes on with the tasks of an earlier life.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn open(desk: Desk) -> Result<Arc<Client>, StoreError> {
        let rows = desk.store.load(Table::Tasks)?;
        let client = Arc::new(Client { desk, last_number: AtomicU64::new(0), jobs: Mutex::new(BTreeMap::new()) });
        for (key, value) in rows {
            let Ok(record) = wire::decode::<JobRecord>(&value, RECORD_MAX) else {
                // Its checksum is right, so this build cannot read what another one wrote: no reason to stay down.
                tracing::warn!(task = protocol::hash::hex_encode(&key), "a stored task cannot be read and is left out");
                continue;
            };
            let job = Arc::new(client.job_of(record));
            client.jobs().insert(job.id, job.clone());
            if !job.progress().is_over() {
                client.clone().spawn(job.clone());
            }
        }
        Ok(client)
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<Hash, Arc<Job>>> {
        self.jobs.lock().expect("nothing panics while it holds the list of tasks")
    }

    /// Own tasks, for the API.
    pub(crate) fn all(&self) -> Vec<Arc<Job>> {
        self.jobs().values().cloned().collect()
    }

    /// The market's signing domain.
    pub(crate) fn domain(&self) -> &Domain {
        &self.desk.domain
    }

    /// Takes a task, stores it, and sends it on its way.
    ///
    /// # Errors
    /// [`ErrorWord`] if there is no such deal, a file is missing here, or the limits exceed the deal.
    pub(crate) async fn submit(self: &Arc<Self>, request: TaskRequest) -> Result<Arc<Job>, ErrorWord> {
        let stopped = |_| failure("stopped", "the node is shutting down", None);
        let wanted = request.deal;
        let look = move |market: &matcher::Market, now: u64| {
            let deal = find_deal(market, wanted)?;
            Ok((deal.clone(), Worker::limits_of(deal, now), now))
        };
        let (deal, most, now) = self.desk.engine.view(look).await.map_err(stopped)??;
        let missing = std::iter::once(request.program).chain(request.inputs.iter().map(|file| file.content));
        for content in missing {
            if !self.desk.files.has(&content) {
                let message = format!("the file {content} was not uploaded to this node");
                return Err(failure("unknown_file", message, Some("put it with PUT /v1/files/{blake3} first")));
            }
        }
        let number = self.last_number.fetch_max(now, Ordering::Relaxed).max(now - 1) + 1;
        self.last_number.fetch_max(number, Ordering::Relaxed);
        let task = self.task(&request, &deal, most, number)?;
        let id = task.id(&self.desk.domain);
        let job = Arc::new(Job {
            id,
            task,
            supplier: deal.peer,
            created_ms: now,
            progress: Mutex::new(JobProgress::new()),
            news: Notify::new(),
            stop: watch::channel(false).0,
        });
        self.save(&job, &job.progress().clone()).map_err(|error| failure("store_failed", error.to_string(), None))?;
        self.make_room().map_err(|error| failure("store_failed", error.to_string(), None))?;
        self.jobs().insert(id, job.clone());
        self.clone().spawn(job.clone());
        Ok(job)
    }

    fn task(&self, request: &TaskRequest, deal: &Deal, most: Limits, number: u64) -> Result<Task, ErrorWord> {
        let limits = Limits {
            gas: request.gas.unwrap_or(most.gas),
            memory: request.memory_mib.map_or(most.memory, |mib| mib.saturating_mul(1 << 20)),
            output: request.output_mib.map_or(256 << 20, |mib| mib.saturating_mul(1 << 20)),
            wall_ms: request.wall_s.map_or(most.wall_ms, |seconds| seconds.saturating_mul(1000)),
        };
        if limits.memory > most.memory || limits.wall_ms > most.wall_ms || limits.output > most.output {
            let message = format!(
                "the deal bought {} MiB of memory and has {} s left; the task wants {} MiB and {} s",
                most.memory >> 20,
                most.wall_ms / 1000,
                limits.memory >> 20,
                limits.wall_ms / 1000
            );
            return Err(failure(
                "beyond_deal",
                message,
                Some("lower --memory or --time, or buy more with `souk bid create`"),
            ));
        }
        let task = Task {
            deal: deal.id,
            number,
            kind: ProgramKind::WasiCommand,
            program: request.program,
            arguments: request.arguments.clone(),
            environment: request.environment.clone(),
            inputs: request.inputs.clone(),
            outputs: request.outputs.clone(),
            limits,
            metering: sandbox::metering(),
            seed: keccak256(&[&request.program.0]),
        };
        let advice = "paths must be relative, inside the task's folder, and each named once";
        task.check().map_err(|rejected| failure("malformed_task", rejected.to_string(), Some(advice)))?;
        // No peer takes a larger request, and no store a larger record.
        let bytes = wire::encode(&task).len();
        if bytes > TASK_BYTES_MAX {
            let message = format!("arguments, environment and paths take {bytes} bytes, more than {TASK_BYTES_MAX}");
            return Err(failure("task_too_large", message, Some("put long texts into an input file")));
        }
        Ok(task)
    }

    fn make_room(&self) -> Result<(), StoreError> {
        let oldest = {
            let jobs = self.jobs();
            let over = jobs.values().filter(|job| jobs.len() >= TASKS_MAX && job.progress().is_over());
            over.min_by_key(|job| job.created_ms).map(|job| job.id)
        };
        let Some(id) = oldest else { return Ok(()) };
        let change = Change::Delete { table: Table::Tasks, key: id.0.to_vec() };
        tokio::task::block_in_place(|| self.desk.store.commit(&[change]))?;
        self.jobs().remove(&id);
        Ok(())
    }

    /// Puts what is known of a task on disk.
    fn save(&self, job: &Job, progress: &JobProgress) -> Result<(), StoreError> {
        let progress = progress.clone();
        let record = JobRecord {
            task: job.task.clone(),
            supplier: job.supplier,
            created_ms: job.created_ms,
            over_ms: progress.over_ms,
            detail: progress.detail,
            receipt: progress.receipt,
            is_verified: progress.is_verified,
            outputs: progress.outputs,
            failure: progress.failure.map(|word| (word.code, word.message, word.next)),
        };
        let change = Change::Put { table: Table::Tasks, key: job.id.0.to_vec(), value: wire::encode(&record) };
        tokio::task::block_in_place(|| self.desk.store.commit(&[change]))
    }

    fn job_of(&self, record: JobRecord) -> Job {
        let read = |file: Option<&TaskFile>| {
            let read = file.map(|file| self.desk.files.read(&file.content, 0, protocol::task::STREAM_MAX as usize));
            read.and_then(Result::ok).unwrap_or_default()
        };
        let receipt = record.receipt.as_ref().map(|(receipt, _)| receipt);
        let is_done = record.failure.is_none() && record.receipt.is_some();
        let over = if is_done { TaskStateWord::Done } else { TaskStateWord::Failed };
        let progress = JobProgress {
            state: if record.over_ms.is_some() { over } else { TaskStateWord::Waiting },
            stdout: read(receipt.map(|receipt| &receipt.stdout)),
            stderr: read(receipt.map(|receipt| &receipt.stderr)),
            detail: record.detail,
            is_verified: record.is_verified,
            outputs: record.outputs,
            failure: record.failure.map(|(code, message, next)| ErrorWord { code, message, next }),
            over_ms: record.over_ms,
            receipt: record.receipt,
        };
        Job {
            id: record.task.id(&self.desk.domain),
            task: record.task,
            supplier: record.supplier,
            created_ms: record.created_ms,
            progress: Mutex::new(progress),
            news: Notify::new(),
            stop: watch::channel(false).0,
        }
    }
}

fn no_deal(market: &matcher::Market) -> ErrorWord {
    let is_waiting = market
        .standings()
        .any(|standing| standing.draft.side == Side::Bid && !standing.is_withdrawn && market.open_lots(standing) > 0);
    match is_waiting {
        true => failure(
            "no_deal",
            "no deal of this node is running yet: its bid waits for a match at the end of an epoch",
            Some("wait a moment; `souk deal list` shows the deal, `souk market book` whether an ask fits"),
        ),
        false => failure("no_deal", "no deal of this node is running", Some("buy capacity with `souk bid create`")),
    }
}

/// The deal a task goes to: the named one, or the newest that runs with this node as the consumer.
fn find_deal(market: &matcher::Market, wanted: Option<Hash>) -> Result<&Deal, ErrorWord> {
    let advice = Some("see `souk deal list`, or buy capacity with `souk bid create`");
    let deal = match wanted {
        Some(id) => market.deal(&id).ok_or_else(|| failure("unknown_deal", format!("no deal {id} here"), advice))?,
        None => market
            .deals()
            .filter(|deal| deal.side == Side::Bid && deal.state == DealState::Running)
            .max_by_key(|deal| deal.started_ms)
            .ok_or_else(|| no_deal(market))?,
    };
    match (deal.side, deal.state) {
        (Side::Ask, _) => {
            Err(failure("not_the_consumer", "this node sells in that deal: only its consumer runs tasks", advice))
        }
        (_, DealState::Running) => Ok(deal),
        _ => Err(failure("deal_over", "that deal is not running", advice)),
    }
}
