//! Answering a consumer's requests about tasks. Every one is checked against the deal before anything is kept.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::talk::{Bytes, CHUNK_MAX, Request, Response, TaskNews, TaskRefusal, TaskState};
use protocol::task::{PROGRAM_MAX, STREAM_MAX};
use protocol::{Address, Authority, Claim, Hash, ProgramKind, Receipt, Scope, Task, TaskFile, wire};
use tokio::sync::{Notify, watch};

use crate::files::FilesError;
use crate::store::Table;
use crate::worker::{Entry, OPEN_TASKS_PER_DEAL_MAX, Progress, RECEIPT_MAX, TASK_DISK_MAX, TASKS_MAX, Worker};

/// How long a follower waits for news before it gets what there is.
const NEWS_WAIT: Duration = Duration::from_secs(2);
/// Stream bytes in one answer.
const NEWS_BYTES_MAX: usize = 256 * 1024;

impl Worker {
    /// Serves one request of `from` about tasks.
    pub async fn serve(self: Arc<Self>, from: Address, request: Request) -> Response {
        let result = match request {
            Request::RunTask(task, authority) => self.take(from, task, authority).await,
            Request::PutChunk { task, content, offset, bytes } => {
                self.put_chunk(from, &task, (&content, offset), &bytes.0).await
            }
            Request::FollowTask { task, stdout_from, stderr_from } => {
                self.follow(from, &task, stdout_from, stderr_from).await
            }
            Request::GetChunk { task, content, offset } => self.get_chunk(from, &task, &content, offset),
            Request::StopTask { task } => self.entry(from, &task).map(|entry| {
                self.stop(entry);
                Response::Done
            }),
            _ => Err(TaskRefusal::Unknown),
        };
        result.unwrap_or_else(Response::TaskRefused)
    }

    fn entry(&self, from: Address, task: &Hash) -> Result<Arc<Entry>, TaskRefusal> {
        self.tasks().get(task).filter(|entry| entry.from == from).cloned().ok_or(TaskRefusal::Unknown)
    }

    async fn take(self: &Arc<Self>, from: Address, task: Task, authority: Authority) -> Result<Response, TaskRefusal> {
        let id = task.id(&self.bench.domain);
        if let Ok(entry) = self.entry(from, &id) {
            return Ok(Response::Needs(self.missing(&entry)));
        }
        if self.remembered(from, &id).is_ok() {
            return Ok(Response::Needs(Vec::new()));
        }
        self.check(from, &task, authority).await?;
        let progress = Progress {
            state: TaskState::Waiting,
            stdout: Vec::new(),
            stderr: Vec::new(),
            detail: String::new(),
            receipt: None,
            over_ms: None,
        };
        let created_ms = self.bench.engine.clock().now_ms();
        let (news, stop) = (Notify::new(), watch::channel(false).0);
        let entry = Entry { id, from, created_ms, progress: Mutex::new(progress), news, stop, task };
        let entry = self.admit(Arc::new(entry))?;
        // The deal may have ended since it was looked at, before its end could reach this task.
        if self.is_served(&entry).await.is_none() {
            self.stop(entry);
            return Err(TaskRefusal::NoDeal);
        }
        let missing = self.missing(&entry);
        if missing.is_empty() {
            self.start(entry);
        }
        Ok(Response::Needs(missing))
    }

    /// The deal runs and is the asker's, the task is well-formed, within the deal, and signed by the consumer.
    async fn check(&self, from: Address, task: &Task, authority: Authority) -> Result<(), TaskRefusal> {
        task.check().map_err(TaskRefusal::Malformed)?;
        let deal = task.deal;
        let look = move |market: &matcher::Market, now: u64| {
            let deal = market.deal(&deal).filter(|deal| deal.serves(&from, now))?;
            Some((Worker::limits_of(deal, now), deal.terms.consumer(), now))
        };
        let found = self.bench.engine.view(look).await.map_err(|_| TaskRefusal::NoDeal)?;
        let (most, consumer, now) = found.ok_or(TaskRefusal::NoDeal)?;
        // Nobody would believe the receipt.
        if self.bench.mandate.check(Scope::RECEIPT, now / 1000).is_err() {
            return Err(TaskRefusal::NotOffered);
        }
        let limits = &task.limits;
        let is_within = limits.memory <= most.memory && limits.wall_ms <= most.wall_ms + 2000;
        let inputs = task.inputs.iter().fold(0, |sum: u64, file| sum.saturating_add(file.size));
        let disk = PROGRAM_MAX.saturating_add(inputs).saturating_add(limits.output);
        if !is_within || limits.output > most.output || limits.gas > most.gas || disk > TASK_DISK_MAX {
            return Err(TaskRefusal::BeyondDeal);
        }
        let has_other_size = |file: &TaskFile| self.bench.files.size(&file.content).is_ok_and(|size| size != file.size);
        if task.inputs.iter().any(has_other_size) {
            return Err(TaskRefusal::WrongBytes);
        }
        if task.kind != ProgramKind::WasiCommand || task.metering != sandbox::metering() {
            return Err(TaskRefusal::NotOffered);
        }
        let claim = Claim::single(task, consumer, Scope::TASK);
        let domain = self.bench.domain;
        let verify = move || authority.verify(&claim, &domain, now / 1000);
        let verdict = tokio::task::spawn_blocking(verify).await.map_err(|_| TaskRefusal::Busy)?;
        verdict.map_err(TaskRefusal::Malformed)
    }

    /// Takes the task in; the same task twice is one entry.
    fn admit(&self, entry: Arc<Entry>) -> Result<Arc<Entry>, TaskRefusal> {
        let mut tasks = self.tasks();
        if let Some(known) = tasks.get(&entry.id) {
            return if known.from == entry.from { Ok(known.clone()) } else { Err(TaskRefusal::Unknown) };
        }
        let is_open = |other: &&Arc<Entry>| other.progress().state != TaskState::Done;
        let open = tasks.values().filter(|other| other.task.deal == entry.task.deal).filter(is_open).count();
        if open >= OPEN_TASKS_PER_DEAL_MAX {
            return Err(TaskRefusal::Busy);
        }
        if tasks.len() >= TASKS_MAX {
            let oldest = tasks.values().filter(|other| !is_open(other)).min_by_key(|other| other.created_ms);
            let oldest = oldest.map(|other| other.id).ok_or(TaskRefusal::Busy)?;
            tasks.remove(&oldest);
        }
        tasks.insert(entry.id, entry.clone());
        Ok(entry)
    }

    /// Files of a task that are not here yet; none once it is past waiting.
    fn missing(&self, entry: &Entry) -> Vec<Hash> {
        if entry.progress().state != TaskState::Waiting {
            return Vec::new();
        }
        let inputs = entry.task.inputs.iter().map(|file| file.content);
        let needed = std::iter::once(entry.task.program).chain(inputs);
        let mut missing: Vec<Hash> = needed.filter(|content| !self.bench.files.has(content)).collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    async fn put_chunk(
        self: &Arc<Self>,
        from: Address,
        task: &Hash,
        (content, offset): (&Hash, u64),
        bytes: &[u8],
    ) -> Result<Response, TaskRefusal> {
        let entry = self.entry(from, task)?;
        if entry.progress().state != TaskState::Waiting {
            return Ok(Response::Done);
        }
        let announced = entry.task.inputs.iter().find(|file| file.content == *content).map(|file| file.size);
        let is_program = entry.task.program == *content;
        let most = announced.or(is_program.then_some(PROGRAM_MAX)).ok_or(TaskRefusal::Unknown)?;
        if bytes.len() > CHUNK_MAX || offset.saturating_add(bytes.len() as u64) > most {
            return Err(TaskRefusal::WrongBytes);
        }
        // A piece shorter than the largest is the last one.
        let is_last = bytes.len() < CHUNK_MAX;
        let session = task.to_string().split_off(2);
        let appended =
            tokio::task::block_in_place(|| self.bench.files.append(&session, content, (offset, bytes), is_last));
        match appended {
            Ok(()) => {}
            Err(FilesError::TooLarge) => return Err(TaskRefusal::Busy),
            Err(error) => {
                tracing::debug!(%error, "a piece was refused");
                return Err(TaskRefusal::WrongBytes);
            }
        }
        if is_last && self.missing(&entry).is_empty() {
            self.start(entry);
        }
        Ok(Response::Done)
    }

    async fn follow(&self, from: Address, task: &Hash, stdout: u64, stderr: u64) -> Result<Response, TaskRefusal> {
        let Ok(entry) = self.entry(from, task) else {
            let progress = self.remembered(from, task)?;
            return Ok(Response::News(Box::new(news(&progress, stdout, stderr))));
        };
        let first = entry.progress().state;
        let wait_for_news = async {
            loop {
                let changed = entry.news.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                let news = news(&entry.progress(), stdout, stderr);
                let has_bytes = !news.stdout.0.is_empty() || !news.stderr.0.is_empty();
                if has_bytes || news.receipt.is_some() || news.state != first {
                    return news;
                }
                changed.await;
            }
        };
        let news = match tokio::time::timeout(NEWS_WAIT, wait_for_news).await {
            Ok(news) => news,
            Err(_) => news(&entry.progress(), stdout, stderr),
        };
        Ok(Response::News(Box::new(news)))
    }

    /// A task that is no longer in memory: its receipt, and what it left, are kept.
    fn remembered(&self, from: Address, task: &Hash) -> Result<Progress, TaskRefusal> {
        let read = || self.bench.store.load_one(Table::Receipts, &task.0);
        let value = tokio::task::block_in_place(read).ok().flatten().ok_or(TaskRefusal::Unknown)?;
        let kept: Result<(Address, Receipt, Authority), _> = wire::decode(&value, RECEIPT_MAX);
        let (_, receipt, authority) = kept.ok().filter(|kept| kept.0 == from).ok_or(TaskRefusal::Unknown)?;
        let read = |file: &TaskFile| {
            let bytes = tokio::task::block_in_place(|| self.bench.files.read(&file.content, 0, STREAM_MAX as usize));
            bytes.unwrap_or_default()
        };
        Ok(Progress {
            state: TaskState::Done,
            stdout: read(&receipt.stdout),
            stderr: read(&receipt.stderr),
            detail: String::new(),
            receipt: Some((receipt, authority)),
            over_ms: None,
        })
    }

    fn get_chunk(&self, from: Address, task: &Hash, content: &Hash, offset: u64) -> Result<Response, TaskRefusal> {
        let receipt = match self.entry(from, task) {
            Ok(entry) => entry.progress().receipt.clone(),
            Err(_) => self.remembered(from, task)?.receipt,
        };
        let is_output = receipt.is_some_and(|(receipt, _)| {
            let streams = [&receipt.stdout, &receipt.stderr];
            receipt.outputs.iter().chain(streams).any(|file| file.content == *content)
        });
        if !is_output {
            return Err(TaskRefusal::Unknown);
        }
        let bytes = tokio::task::block_in_place(|| self.bench.files.read(content, offset, CHUNK_MAX));
        bytes.map(|bytes| Response::Chunk(Bytes(bytes))).map_err(|_| TaskRefusal::Unknown)
    }
}

fn news(progress: &Progress, stdout: u64, stderr: u64) -> TaskNews {
    let from = |stream: &[u8], offset: u64| {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(stream.len());
        let end = start.saturating_add(NEWS_BYTES_MAX).min(stream.len());
        Bytes(stream[start..end].to_vec())
    };
    let (out, err) = (from(&progress.stdout, stdout), from(&progress.stderr, stderr));
    let is_all = stdout.saturating_add(out.0.len() as u64) >= progress.stdout.len() as u64
        && stderr.saturating_add(err.0.len() as u64) >= progress.stderr.len() as u64;
    // The receipt comes last: with it the follower has both streams whole.
    let receipt = progress.receipt.clone().filter(|_| is_all);
    let state = if progress.receipt.is_some() && receipt.is_none() { TaskState::Running } else { progress.state };
    TaskNews { state, stdout: out, stderr: err, detail: progress.detail.clone(), receipt }
}
