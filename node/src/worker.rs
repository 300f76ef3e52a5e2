//! The supplier's side of tasks: take what a consumer sends inside a deal, run it in the sandbox, sign the receipt.
//!
//! ```text
//!  RunTask --> checks --> Needs --PutChunk*--> files whole --> permit --> sandbox::run --> receipt, stored and signed
//!                                                                            |
//!  FollowTask <------------------- streams so far, state, receipt -----------+      GetChunk <-- outputs by hash
//! ```

mod job;
mod serve;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use protocol::talk::TaskState;
use protocol::{Address, Authority, Domain, Hash, Limits, Mandate, Receipt, Task};
use tokio::sync::{Notify, Semaphore, watch};

use crate::engine::Engine;
use crate::files::Files;
use crate::happening::{Happened, Happening};
use crate::keys::Key;
use crate::store::Store;

/// Tasks that are kept in memory; finished ones make room first.
const TASKS_MAX: usize = 256;
/// Tasks of one deal that are not finished.
const OPEN_TASKS_PER_DEAL_MAX: usize = 8;
/// Bytes that the files of one task may take: program, inputs and outputs.
const TASK_DISK_MAX: u64 = 4 << 30;
/// Bytes of one stored receipt.
const RECEIPT_MAX: usize = 1 << 20;
/// Memory of a task whose deal names no `mem.size`.
pub const MEMORY_DEFAULT: u64 = 256 << 20;

/// What the worker works with.
pub struct Bench {
    /// The loop.
    pub engine: Engine,
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
    /// How to start the sandbox's child.
    pub launcher: sandbox::Launcher,
    /// Where tasks get their folders.
    pub folder: PathBuf,
}

/// Runs tasks for consumers.
pub struct Worker {
    bench: Bench,
    tasks: Mutex<BTreeMap<Hash, Arc<Entry>>>,
    permits: Arc<Semaphore>,
    /// What each deal bought, in MiB: its tasks share it.
    memory: Mutex<BTreeMap<Hash, Arc<Semaphore>>>,
}

/// One task of a consumer.
pub(crate) struct Entry {
    pub(crate) id: Hash,
    pub(crate) task: Task,
    pub(crate) from: Address,
    pub(crate) created_ms: u64,
    pub(crate) progress: Mutex<Progress>,
    /// Told at every change of `progress`.
    pub(crate) news: Notify,
    pub(crate) stop: watch::Sender<bool>,
}

/// What has become of it so far.
pub(crate) struct Progress {
    pub(crate) state: TaskState,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) detail: String,
    pub(crate) receipt: Option<(Receipt, Authority)>,
    pub(crate) over_ms: Option<u64>,
}

impl Entry {
    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().expect("nothing panics while it holds the progress of a task")
    }

    fn change(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress());
        self.news.notify_waiters();
    }
}

impl Worker {
    /// A worker without tasks that runs at most one a core at a time.
    pub fn new(bench: Bench) -> Arc<Worker> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let worker = Arc::new(Worker {
            bench,
            tasks: Mutex::new(BTreeMap::new()),
            permits: Arc::new(Semaphore::new(cores)),
            memory: Mutex::new(BTreeMap::new()),
        });
        tokio::spawn(stop_with_deals(worker.clone()));
        worker
    }

    fn tasks(&self) -> MutexGuard<'_, BTreeMap<Hash, Arc<Entry>>> {
        self.tasks.lock().expect("nothing panics while it holds the list of tasks")
    }

    /// Every task that is kept in memory, for the API.
    pub(crate) fn entries(&self) -> Vec<Arc<Entry>> {
        self.tasks().values().cloned().collect()
    }

    /// Stops a task, also one that still waits for its files: it ends with a receipt like any other.
    pub(crate) fn stop(self: &Arc<Self>, entry: Arc<Entry>) {
        entry.stop.send_replace(true);
        self.start(entry);
    }

    /// What the task may use, while its deal runs and is its asker's.
    async fn is_served(&self, entry: &Entry) -> Option<Limits> {
        let (deal, asker) = (entry.task.deal, entry.from);
        let look = move |market: &matcher::Market, now: u64| {
            market.deal(&deal).filter(|deal| deal.serves(&asker, now)).map(|deal| Worker::limits_of(deal, now))
        };
        self.bench.engine.view(look).await.ok().flatten()
    }

    /// What a deal's consumer may use in one task.
    pub fn limits_of(deal: &matcher::Deal, now: u64) -> Limits {
        let bought = deal.bought.value(protocol::Metric::MemSize as u16).saturating_mul(u64::from(deal.lots()));
        let left_s = u64::from(deal.terms.duration_s).saturating_sub(deal.elapsed_at(now));
        Limits {
            gas: u64::MAX >> 1,
            memory: if bought == 0 { MEMORY_DEFAULT } else { bought.saturating_mul(1 << 20).min(4 << 30) },
            output: crate::files::FILE_MAX,
            wall_ms: left_s * 1000,
        }
    }
}

/// A deal that is over stops its tasks.
async fn stop_with_deals(worker: Arc<Worker>) {
    let mut events = worker.bench.engine.watch();
    loop {
        match events.recv().await {
            Ok(Happened { what: Happening::Market(matcher::Event::Over { deal, .. }), .. }) => {
                let of_deal = |entry: &Arc<Entry>| entry.task.deal == deal;
                worker.entries().into_iter().filter(of_deal).for_each(|entry| worker.stop(entry));
                worker.memory.lock().expect("nothing panics while it holds it").remove(&deal);
            }
            Ok(_) => {}
            // Missed events may have held an end: look at every deal again.
            Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {
                for entry in worker.entries() {
                    if worker.is_served(&entry).await.is_none() {
                        worker.stop(entry);
                    }
                }
            }
            Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
        }
    }
}
