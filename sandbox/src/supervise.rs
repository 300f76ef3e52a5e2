//! The node's side of one job: starts the child, feeds it, listens, ends it in time, and takes the outputs. Trusts
//! nothing that the child says beyond this job's own outcome.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use protocol::task::{PROGRAM_MAX, STREAM_MAX};
use protocol::{Outcome, Rejected, TaskFile};
use rustix::process::{Pid, Signal};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::folder::{self, Collected, PlaceError};
use crate::frames::{ASSIGNMENT_MAX, Assignment, DETAIL_MAX, Frame, FrameError, FrameReader, Report, pack};
use crate::job::{Event, Finished, Job, Launcher, SandboxError, check_magic};

/// Milliseconds that compiling may take, from the child's start; a program that takes longer is refused.
pub const COMPILE_MS_MAX: u64 = 60_000;
/// Milliseconds of the longest wall limit; a longer one counts as this.
const WALL_MS_MAX: u64 = 366 * 24 * 3600 * 1000;
/// Bytes of the program that [`check_magic`] looks at.
const MAGIC: usize = 8;

/// Runs `job` in a child of its own, in `folder`, which must be empty and stays the caller's. Events are sent as they
/// happen and wait for the receiver, on the job's time; a closed receiver does not matter. The child is killed at the
/// wall limit, when `stop` becomes true, and when the future is dropped.
///
/// The kernel ends the child with the thread that started it, so this must be awaited on a runtime whose threads stay:
/// not one that uses `block_in_place`.
///
/// # Errors
/// [`SandboxError`] if the world failed before the child ran or when its outputs were read. What the program or its
/// child did is never an error but an [`Outcome`].
pub async fn run(
    launcher: &Launcher,
    job: Job,
    folder: &Path,
    events: mpsc::Sender<Event>,
    stop: watch::Receiver<bool>,
) -> Result<Finished, SandboxError> {
    let (job, place_in) = (Arc::new(job), folder.to_path_buf());
    let placed = job.clone();
    match blocking(move || folder::place(&placed, &place_in)).await {
        Ok(()) => {}
        Err(PlaceError::Refused(detail)) => return Ok(Finished::refused(detail)),
        Err(PlaceError::Failed(error)) => return Err(error),
    }
    let (program, program_size) = match open_program(&job.program).await? {
        Ok(opened) => opened,
        Err(detail) => return Ok(Finished::refused(detail)),
    };
    let assignment = pack(&assignment(&job, program_size));
    if assignment.len() > ASSIGNMENT_MAX {
        return Ok(Finished::refused(String::from("the task's arguments and environment are too large together")));
    }
    let mut child = start(launcher, folder)?;
    let mut watch = Watch::new(&job, events, stop);
    let ending = match (child.stdin.take(), child.stdout.take()) {
        (Some(stdin), Some(stdout)) => {
            tokio::select! {
                ending = watch.listen(FrameReader::new(stdout)) => ending,
                never = feed(stdin, assignment, program, program_size) => match never {},
            }
        }
        _ => Ending::Vanished,
    };
    let wall_ms = watch.started.map_or(0, |started| started.elapsed().as_millis() as u64);
    let status = end(&mut child).await.map_err(|source| child_error(launcher, source))?;
    let report = conclude(ending, status, watch.started.is_some());
    let (stdout, stderr, collect_in, collected) = (watch.stdout, watch.stderr, folder.to_path_buf(), job.clone());
    let is_worth_collecting = !matches!(report.outcome, Outcome::Refused | Outcome::SandboxFailed);
    let collected = match is_worth_collecting {
        true => blocking(move || folder::collect(&collected.outputs, &collect_in, collected.limits.output)).await?,
        false => Collected::Files { files: Vec::new(), missing: None },
    };
    let (report, outputs) = with_outputs(report, collected, job.limits.output);
    let Report { outcome, code, gas, detail } = report;
    let gas = gas.min(job.limits.gas);
    Ok(Finished { outcome, code, gas, wall_ms, detail: printable(&detail), stdout, stderr, outputs })
}

/// How listening to the child ended.
#[derive(Debug)]
enum Ending {
    /// It reported.
    Reported(Report),
    /// The time for compiling passed.
    CompileTooLong,
    /// The wall limit passed.
    OutOfTime,
    /// The caller asked.
    Stopped,
    /// Its pipe ended without a report.
    Vanished,
    /// It said what no child says.
    Garbled(FrameError),
}

/// One job as it is heard.
struct Watch {
    events: mpsc::Sender<Event>,
    stop: watch::Receiver<bool>,
    wall: Duration,
    deadline: Instant,
    has_compiled: bool,
    started: Option<Instant>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Watch {
    fn new(job: &Job, events: mpsc::Sender<Event>, stop: watch::Receiver<bool>) -> Watch {
        let wall = Duration::from_millis(job.limits.wall_ms.min(WALL_MS_MAX));
        let deadline = Instant::now() + Duration::from_millis(COMPILE_MS_MAX);
        Watch {
            events,
            stop,
            wall,
            deadline,
            has_compiled: false,
            started: None,
            stdout: Vec::new(),
            stderr: Vec::new(),
        }
    }

    /// Hears the child until it reports, ends or must be ended.
    async fn listen(&mut self, mut frames: FrameReader<impl AsyncRead + Unpin>) -> Ending {
        loop {
            let frame = match self.or_interrupted(frames.next()).await {
                Ok(Ok(Some(frame))) => frame,
                Ok(Ok(None)) => return Ending::Vanished,
                // A child that is killed while it writes leaves half a frame.
                Ok(Err(FrameError::Pipe(_))) => return Ending::Vanished,
                Ok(Err(error)) => return Ending::Garbled(error),
                Err(ending) => return ending,
            };
            let event = match frame {
                Frame::Finished(report) => return Ending::Reported(report),
                frame => match self.hear(frame) {
                    Ok(event) => event,
                    Err(rejected) => return Ending::Garbled(FrameError::Garbled(rejected)),
                },
            };
            let Some(event) = event else { continue };
            let events = self.events.clone();
            if let Err(ending) = self.or_interrupted(events.send(event)).await {
                return ending;
            }
        }
    }

    /// Keeps what a frame brings, and turns it into an event if there is something to tell. The child says that it
    /// compiled and started once each, in this order, and prints only then.
    fn hear(&mut self, frame: Frame) -> Result<Option<Event>, Rejected> {
        let is_expected = match frame {
            Frame::Compiled(_) => !self.has_compiled,
            Frame::Started => self.has_compiled && self.started.is_none(),
            Frame::Stdout(_) | Frame::Stderr(_) | Frame::Finished(_) => self.started.is_some(),
        };
        if !is_expected {
            return Err(Rejected::Duplicate);
        }
        Ok(match frame {
            Frame::Compiled(ms) => {
                self.has_compiled = true;
                Some(Event::Compiled { ms })
            }
            Frame::Started => {
                let now = Instant::now();
                (self.started, self.deadline) = (Some(now), now + self.wall);
                Some(Event::Started)
            }
            Frame::Stdout(bytes) => keep(&mut self.stdout, bytes).map(Event::Stdout),
            Frame::Stderr(bytes) => keep(&mut self.stderr, bytes).map(Event::Stderr),
            Frame::Finished(_) => None,
        })
    }

    /// What `future` gives, unless the time is over or the caller asks first.
    async fn or_interrupted<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Ending> {
        let (deadline, has_started) = (self.deadline, self.started.is_some());
        tokio::select! {
            biased;
            () = stopped(&mut self.stop) => Err(Ending::Stopped),
            () = sleep_until(deadline) => Err(if has_started { Ending::OutOfTime } else { Ending::CompileTooLong }),
            value = future => Ok(value),
        }
    }
}

/// Returns when the caller asks for the end; never if it cannot any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|&is_stopped| is_stopped).await.is_err() {
        pending().await
    }
}

/// Keeps what fits of `bytes`, and returns that much, if any.
fn keep(kept: &mut Vec<u8>, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let room = usize::try_from(STREAM_MAX).unwrap_or(usize::MAX).saturating_sub(kept.len());
    bytes.truncate(room);
    kept.extend_from_slice(&bytes);
    (!bytes.is_empty()).then_some(bytes)
}

/// The program, open at its first byte, and its size; or why it is refused.
async fn open_program(path: &Path) -> Result<Result<(File, u64), String>, SandboxError> {
    let failed = |source| SandboxError::Content { path: path.to_path_buf(), source };
    let mut head = Vec::with_capacity(MAGIC);
    let file = File::open(path).await.map_err(failed)?;
    let size = file.metadata().await.map_err(failed)?.len();
    if size > PROGRAM_MAX {
        return Ok(Err(format!("the program has {size} bytes; {PROGRAM_MAX} are allowed")));
    }
    let mut start = file.take(MAGIC as u64);
    start.read_to_end(&mut head).await.map_err(failed)?;
    if let Err(error) = check_magic(&head) {
        return Ok(Err(error.to_string()));
    }
    let mut file = start.into_inner();
    file.rewind().await.map_err(failed)?;
    Ok(Ok((file, size)))
}

fn assignment(job: &Job, program_size: u64) -> Assignment {
    Assignment {
        parent: std::process::id(),
        arguments: job.arguments.clone(),
        environment: job.environment.clone(),
        limits: job.limits,
        seed: job.seed,
        program_size,
    }
}

fn start(launcher: &Launcher, folder: &Path) -> Result<Child, SandboxError> {
    let mut command = Command::new(&launcher.program);
    command.args(&launcher.arguments).env_clear().current_dir(folder).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().map_err(|source| child_error(launcher, source))
}

fn child_error(launcher: &Launcher, source: io::Error) -> SandboxError {
    SandboxError::Child { program: launcher.program.clone(), source }
}

/// Writes the assignment and the program, then waits for ever. A child that does not read to the end has a reason,
/// and says it, or has none and is heard to vanish.
async fn feed(mut stdin: ChildStdin, assignment: Vec<u8>, program: File, size: u64) -> Infallible {
    if stdin.write_all(&assignment).await.is_ok() {
        let _ = tokio::io::copy(&mut program.take(size), &mut stdin).await;
    }
    drop(stdin);
    pending().await
}

/// Kills the child with all that it may have started, and takes its status, so that no zombie stays.
async fn end(child: &mut Child) -> io::Result<ExitStatus> {
    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
        // Not yet waited for, so the number is still its own.
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
    child.wait().await
}

/// What `ending` and the child's `status` mean.
fn conclude(ending: Ending, status: ExitStatus, has_started: bool) -> Report {
    match ending {
        Ending::Reported(report) => report,
        Ending::CompileTooLong => {
            Report::plain(Outcome::Refused, format!("the program takes more than {COMPILE_MS_MAX} ms to compile"))
        }
        Ending::OutOfTime => Report::plain(Outcome::OutOfTime, "the wall clock limit was reached"),
        Ending::Stopped => Report::plain(Outcome::Stopped, "the task was stopped"),
        Ending::Garbled(error) => Report::plain(Outcome::SandboxFailed, format!("the child failed: {error}")),
        Ending::Vanished => vanished(status, has_started),
    }
}

/// Why a child ended without a report: the kernel's limits end it by signals of their own.
fn vanished(status: ExitStatus, has_started: bool) -> Report {
    let signal = status.signal().and_then(Signal::from_named_raw);
    match (signal, has_started) {
        (Some(Signal::XCPU), true) => Report::plain(Outcome::OutOfTime, "the limit of processor time was reached"),
        (Some(Signal::XFSZ), true) => Report::plain(Outcome::OutputTooLarge, "a file grew beyond every limit"),
        (Some(Signal::XCPU | Signal::ABORT), false) => {
            Report::plain(Outcome::Refused, "the program takes too much time or memory to compile")
        }
        _ => Report::plain(Outcome::SandboxFailed, format!("the child ended without a report: {status}")),
    }
}

/// The report and the outputs, after the folder was looked at.
fn with_outputs(report: Report, collected: Collected, max: u64) -> (Report, Vec<TaskFile>) {
    let has_exited = report.outcome == Outcome::Exited;
    match collected {
        Collected::TooLarge { size } if has_exited => {
            let detail = format!("the outputs have {size} bytes together; {max} are allowed");
            (Report { outcome: Outcome::OutputTooLarge, detail, ..report }, Vec::new())
        }
        Collected::TooLarge { .. } => (report, Vec::new()),
        Collected::Files { files, missing: Some(path) } if has_exited && report.code == 0 => {
            let detail = format!("the program did not leave the file {path:?}");
            (Report { outcome: Outcome::OutputMissing, detail, ..report }, files)
        }
        Collected::Files { files, .. } => (report, files),
    }
}

/// `text` without control characters, which could be the program's, and not too long.
fn printable(text: &str) -> String {
    let mut clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.truncate(clean.floor_char_boundary(DETAIL_MAX));
    clean
}

/// Runs what waits for a disk beside the runtime's threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
