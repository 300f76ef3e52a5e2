//! Running one task: wait for a permit, run it in the sandbox, keep what it left, sign and store the receipt.

use std::sync::Arc;

use protocol::talk::TaskState;
use protocol::task::STREAM_MAX;
use protocol::{Hash, Outcome, Receipt, Task, TaskFile, Typed, wire};
use sandbox::{Event, Finished, Job};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use crate::happening::Happening;
use crate::store::{Change, Table};
use crate::worker::{Entry, Worker};

/// Events that the sandbox may be ahead of us.
const EVENTS_CAP: usize = 64;

/// Why a task got no receipt: always our fault, never the program's.
#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error(transparent)]
    Sandbox(#[from] sandbox::SandboxError),
    #[error(transparent)]
    Files(#[from] crate::files::FilesError),
    #[error("the task's folder or thread: {0}")]
    Folder(#[from] std::io::Error),
    #[error("the thread of the task ended before the task")]
    Gone,
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

impl Worker {
    /// Starts a task whose files are all here; once only.
    pub(super) fn start(self: &Arc<Self>, entry: Arc<Entry>) {
        {
            let mut progress = entry.progress();
            if progress.state != TaskState::Waiting {
                return;
            }
            progress.state = TaskState::Queued;
        }
        entry.news.notify_waiters();
        let worker = self.clone();
        tokio::spawn(async move { worker.run(entry).await });
    }

    async fn run(self: Arc<Self>, entry: Arc<Entry>) {
        let folder = self.bench.folder.join(entry.id.to_string().split_off(2));
        let finished = match self.turn(&entry).await {
            Some(_turn) => self.execute(&entry, &folder).await,
            None => Ok(ended(&entry, Outcome::Stopped, "it was stopped before it ran".into())),
        };
        let finished = finished.unwrap_or_else(|error| {
            tracing::error!(task = %entry.id, %error, "the sandbox failed");
            ended(&entry, Outcome::SandboxFailed, error.to_string())
        });
        if let Err(error) = self.close(&entry, &folder, finished) {
            tracing::error!(task = %entry.id, %error, "what a task left could not be kept");
            let failed = ended(&entry, Outcome::SandboxFailed, "what it left could not be kept".into());
            if let Err(error) = self.close(&entry, &folder, failed) {
                self.bench.engine.fail(error).await;
            }
        }
        let _ = std::fs::remove_dir_all(&folder);
        self.bench.files.forget(&entry.id.to_string().split_off(2));
    }

    /// Waits for the memory that the deal bought and for a core; `None` if the task is stopped first.
    async fn turn(&self, entry: &Entry) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let bought = self.is_served(entry).await?;
        let mib = |bytes: u64| u32::try_from((bytes >> 20).max(1)).unwrap_or(u32::MAX);
        let memory = {
            let mut memory = self.memory.lock().expect("nothing panics while it holds it");
            let fresh = || Arc::new(Semaphore::new(mib(bought.memory) as usize));
            memory.entry(entry.task.deal).or_insert_with(fresh).clone()
        };
        let wanted = mib(entry.task.limits.memory);
        let waiting = async {
            let memory = memory.acquire_many_owned(wanted).await.ok()?;
            Some((memory, self.permits.clone().acquire_owned().await.ok()?))
        };
        let mut stop = entry.stop.subscribe();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => None,
            turn = waiting => turn,
        }
    }

    async fn execute(&self, entry: &Arc<Entry>, folder: &std::path::Path) -> Result<Finished, JobError> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir_all(folder)?;
        let task = &entry.task;
        let inputs = task.inputs.iter().map(|file| Ok((file.path.clone(), self.bench.files.path(&file.content)?)));
        let job = Job {
            program: self.bench.files.path(&task.program)?,
            arguments: task.arguments.clone(),
            environment: task.environment.clone(),
            inputs: inputs.collect::<Result<_, crate::files::FilesError>>()?,
            outputs: task.outputs.clone(),
            limits: task.limits,
            seed: task.seed,
        };
        let (sender, mut events) = mpsc::channel(EVENTS_CAP);
        let listener = entry.clone();
        let listening = tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                hear(&listener, event);
            }
        });
        let finished = on_a_thread_of_its_own(Sandboxed {
            launcher: self.bench.launcher.clone(),
            job,
            folder: folder.to_owned(),
            events: sender,
            stop: entry.stop.subscribe(),
        })
        .await;
        let _ = listening.await;
        finished
    }

    /// Keeps what the task left, signs the receipt, and shows it only once it is on disk.
    fn close(&self, entry: &Entry, folder: &std::path::Path, finished: Finished) -> Result<(), JobError> {
        let files = &self.bench.files;
        let streams = tokio::task::block_in_place(|| {
            for file in &finished.outputs {
                files.keep(&folder.join(&file.path), &file.content)?;
            }
            let stdout = files.keep_bytes("stdout", &finished.stdout)?;
            Ok::<_, JobError>((stdout, files.keep_bytes("stderr", &finished.stderr)?))
        });
        let receipt = receipt(&entry.task, entry.id, &finished, streams?);
        let signature = self.bench.key.sign(&self.bench.domain.digest(&receipt.struct_hash()));
        let signed = (receipt, self.bench.mandate.authority(signature));
        let value = wire::encode(&(entry.from, &signed.0, &signed.1));
        let change = Change::Put { table: Table::Receipts, key: entry.id.0.to_vec(), value };
        tokio::task::block_in_place(|| self.bench.store.commit(&[change]))?;
        let over_ms = self.bench.engine.clock().now_ms();
        tracing::info!(task = %entry.id, outcome = finished.outcome.code(), detail = finished.detail, "task done");
        entry.change(|progress| {
            progress.stdout = finished.stdout;
            progress.stderr = finished.stderr;
            progress.detail = finished.detail;
            progress.receipt = Some(signed);
            progress.state = TaskState::Done;
            progress.over_ms = Some(over_ms);
        });
        let outcome = finished.outcome.code().to_owned();
        self.bench.engine.tell(Happening::Task { task: entry.id, state: "done", outcome });
        Ok(())
    }
}

/// One run of the sandbox.
struct Sandboxed {
    launcher: sandbox::Launcher,
    job: Job,
    folder: std::path::PathBuf,
    events: mpsc::Sender<Event>,
    stop: watch::Receiver<bool>,
}

/// The child dies with the thread that started it, so that thread must live exactly as long as the run: not one of a
/// pool, which comes and goes.
async fn on_a_thread_of_its_own(run: Sandboxed) -> Result<Finished, JobError> {
    let (sender, finished) = oneshot::channel();
    let body = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let finished = runtime.map_err(JobError::Folder).and_then(|runtime| {
            let Sandboxed { launcher, job, folder, events, stop } = run;
            runtime.block_on(sandbox::run(&launcher, job, &folder, events, stop)).map_err(JobError::Sandbox)
        });
        // A node that is going down waits for no task.
        let _ = sender.send(finished);
    };
    std::thread::Builder::new().name("task".into()).spawn(body)?;
    finished.await.unwrap_or(Err(JobError::Gone))
}

fn hear(entry: &Entry, event: Event) {
    let keep = |stream: &mut Vec<u8>, bytes: &[u8]| {
        let room = (STREAM_MAX as usize).saturating_sub(stream.len());
        stream.extend_from_slice(&bytes[..room.min(bytes.len())]);
    };
    entry.change(|progress| match event {
        Event::Compiled { ms } => tracing::debug!(task = %entry.id, ms, "compiled"),
        Event::Started => progress.state = TaskState::Running,
        Event::Stdout(bytes) => keep(&mut progress.stdout, &bytes),
        Event::Stderr(bytes) => keep(&mut progress.stderr, &bytes),
    });
}

fn receipt(task: &Task, id: Hash, finished: &Finished, streams: (TaskFile, TaskFile)) -> Receipt {
    let stderr = streams.1;
    Receipt {
        deal: task.deal,
        task: id,
        program: task.program,
        arguments: task.arguments_hash(),
        inputs: task.inputs_hash(),
        outputs: finished.outputs.clone(),
        stdout: streams.0,
        stderr,
        outcome: finished.outcome,
        code: finished.code,
        gas: finished.gas,
        gas_limit: task.limits.gas,
        metering: task.metering.clone(),
        wall_ms: finished.wall_ms,
    }
}

/// The end of a task that did not end by itself, with the streams that its follower already has.
fn ended(entry: &Entry, outcome: Outcome, detail: String) -> Finished {
    let progress = entry.progress();
    Finished {
        outcome,
        code: 0,
        gas: 0,
        wall_ms: 0,
        detail,
        stdout: progress.stdout.clone(),
        stderr: progress.stderr.clone(),
        outputs: Vec::new(),
    }
}
