//! Answering a consumer's requests about tasks. Every one is checked against the deal before anything is kept.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::talk::{Bytes, CHUNK_MAX, Request, Response, TaskNews, TaskRefusal, TaskState};
use protocol::task::STREAM_MAX;
use protocol::{Address, Authority, Claim, Hash, ProgramKind, Scope, Task, wire};
use tokio::sync::{Notify, watch};

use crate::files::FilesError;
use crate::store::Table;
use crate::worker::{Entry, OPEN_TASKS_PER_DEAL_MAX, Progress, TASKS_MAX, Worker};

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
                entry.stop.send_replace(true);
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
            return Ok(Response::Needs(self.missing(&entry.task)));
        }
        self.check(from, &task, authority).await?;
        let entry = Arc::new(Entry {
            id,
            from,
            created_ms: self.bench.engine.clock().now_ms(),
            progress: Mutex::new(Progress {
                state: TaskState::Waiting,
                stdout: Vec::new(),
                stderr: Vec::new(),
                detail: String::new(),
                receipt: None,
                over_ms: None,
            }),
            news: Notify::new(),
            stop: watch::channel(false).0,
            task,
        });
        self.admit(entry.clone())?;
        let missing = self.missing(&entry.task);
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
        let limits = &task.limits;
        let is_within = limits.memory <= most.memory && limits.wall_ms <= most.wall_ms + 2000;
        if !is_within || limits.output > most.output || limits.gas > most.gas {
            return Err(TaskRefusal::BeyondDeal);
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

    fn admit(&self, entry: Arc<Entry>) -> Result<(), TaskRefusal> {
        let mut tasks = self.tasks();
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
        tasks.insert(entry.id, entry);
        Ok(())
    }

    /// Files of a task that are not here yet.
    fn missing(&self, task: &Task) -> Vec<Hash> {
        let inputs = task.inputs.iter().map(|file| file.content);
        let mut missing: Vec<Hash> =
            std::iter::once(task.program).chain(inputs).filter(|content| !self.bench.files.has(content)).collect();
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
        let announced = entry.task.inputs.iter().find(|file| file.content == *content).map(|file| file.size);
        let is_program = entry.task.program == *content;
        let most = announced.or(is_program.then_some(protocol::task::PROGRAM_MAX)).ok_or(TaskRefusal::Unknown)?;
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
        if is_last && self.missing(&entry.task).is_empty() {
            self.start(entry);
        }
        Ok(Response::Done)
    }

    async fn follow(&self, from: Address, task: &Hash, stdout: u64, stderr: u64) -> Result<Response, TaskRefusal> {
        let Ok(entry) = self.entry(from, task) else { return self.remember(from, task) };
        let first = entry.progress().state;
        let wait_for_news = async {
            loop {
                let changed = entry.news.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                let news = news(&entry, stdout, stderr);
                let has_bytes = !news.stdout.0.is_empty() || !news.stderr.0.is_empty();
                if has_bytes || news.receipt.is_some() || news.state != first {
                    return news;
                }
                changed.await;
            }
        };
        let news = match tokio::time::timeout(NEWS_WAIT, wait_for_news).await {
            Ok(news) => news,
            Err(_) => news(&entry, stdout, stderr),
        };
        Ok(Response::News(Box::new(news)))
    }

    /// A task of an earlier life of this node: only its receipt is left.
    fn remember(&self, from: Address, task: &Hash) -> Result<Response, TaskRefusal> {
        let rows = self.bench.store.load(Table::Receipts).map_err(|_| TaskRefusal::Unknown)?;
        let value = rows.into_iter().find(|(key, _)| key[..] == task.0[..]).ok_or(TaskRefusal::Unknown)?.1;
        let kept: (Address, protocol::Receipt, Authority) =
            wire::decode(&value, crate::engine::RECORD_MAX).map_err(|_| TaskRefusal::Unknown)?;
        if kept.0 != from {
            return Err(TaskRefusal::Unknown);
        }
        let read = |file: &protocol::TaskFile| {
            self.bench.files.read(&file.content, 0, STREAM_MAX as usize).map(Bytes).unwrap_or_default()
        };
        let news = TaskNews {
            state: TaskState::Done,
            stdout: read(&kept.1.stdout),
            stderr: read(&kept.1.stderr),
            detail: String::new(),
            receipt: Some((kept.1, kept.2)),
        };
        Ok(Response::News(Box::new(news)))
    }

    fn get_chunk(&self, from: Address, task: &Hash, content: &Hash, offset: u64) -> Result<Response, TaskRefusal> {
        let entry = self.entry(from, task)?;
        let is_output = entry.progress().receipt.as_ref().is_some_and(|(receipt, _)| {
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

fn news(entry: &Entry, stdout: u64, stderr: u64) -> TaskNews {
    let progress = entry.progress();
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
