//! The five child processes: started, looked after, and ended whatever happens. Knows no market.

use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::cli::error::CliError;

/// How long a node may take to end by itself.
const ENDING_MAX: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(20);

/// A running node.
struct Running {
    name: &'static str,
    log: PathBuf,
    child: Child,
}

/// All nodes of a devnet.
pub struct Fleet {
    program: PathBuf,
    verbosity: u8,
    running: Vec<Running>,
    is_ending: bool,
}

impl Fleet {
    /// No nodes yet.
    ///
    /// # Errors
    /// `no_program` if this binary does not know where it lies.
    pub fn new(verbosity: u8) -> Result<Fleet, CliError> {
        let program = std::env::current_exe().map_err(|error| {
            CliError::ours("no_program", format!("the path of this program is unknown: {error}"))
                .next("start souk by its full path")
        })?;
        Ok(Fleet { program, verbosity, running: Vec::new(), is_ending: false })
    }

    /// Starts `souk node run` on `data`. The child ends when its stdin closes, which it does even if this process is
    /// killed, and it has its own process group, so that Ctrl-C reaches only this process.
    ///
    /// # Errors
    /// `node_not_started`.
    pub fn start(&mut self, name: &'static str, data: &Path, arguments: &[String]) -> Result<(), CliError> {
        if self.is_ending {
            return Err(CliError::user("interrupted", "the devnet is ending"));
        }
        let log = log_of(data);
        let failed = |error: std::io::Error| {
            CliError::ours("node_not_started", format!("{name} could not be started: {error}"))
                .next(format!("look at {}", log.display()))
        };
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&log).map_err(failed)?;
        let mut command = Command::new(&self.program);
        command.args(["node", "run", "--exit-with-stdin", "--data"]).arg(data).args(arguments);
        command.args(std::iter::repeat_n("-v", self.verbosity.into()));
        command.env_remove("SOUK_DATA").env_remove("SOUK_PASSPHRASE").env("NO_COLOR", "1");
        command.stdin(Stdio::piped()).stdout(file.try_clone().map_err(failed)?).stderr(file).process_group(0);
        let child = command.spawn().map_err(failed)?;
        self.running.push(Running { name, log, child });
        Ok(())
    }

    /// Fails if a node ended by itself.
    ///
    /// # Errors
    /// `node_died`, with its name, its log and the log's last line.
    pub fn ensure_alive(&mut self) -> Result<(), CliError> {
        for node in &mut self.running {
            if let Ok(Some(status)) = node.child.try_wait() {
                let message = format!("{} ended by itself ({status}): {}", node.name, last_line(&node.log));
                return Err(CliError::ours("node_died", message).next(format!("look at {}", node.log.display())));
            }
        }
        Ok(())
    }

    /// Ends every node: stdin closes, SIGTERM, and SIGKILL for whoever is still there after 3 s.
    ///
    /// # Errors
    /// `node_killed` if one had to be killed.
    pub fn end(fleet: &Arc<Mutex<Fleet>>) -> Result<(), CliError> {
        // A panic elsewhere must not leave children behind.
        let mut fleet = fleet.lock().unwrap_or_else(PoisonError::into_inner);
        fleet.is_ending = true;
        fleet.end_all()
    }

    fn end_all(&mut self) -> Result<(), CliError> {
        for node in &mut self.running {
            drop(node.child.stdin.take());
            terminate(&mut node.child);
        }
        let deadline = Instant::now() + ENDING_MAX;
        let mut killed = Vec::new();
        for mut node in self.running.drain(..) {
            while Instant::now() < deadline && matches!(node.child.try_wait(), Ok(None)) {
                thread::sleep(PAUSE);
            }
            if matches!(node.child.try_wait(), Ok(None)) {
                killed.push(node.name);
                // Either works, or the process is gone already.
                let _ = node.child.kill();
            }
            let _ = node.child.wait();
        }
        match killed.is_empty() {
            true => Ok(()),
            false => Err(CliError::ours("node_killed", format!("killed after 3 s: {}", killed.join(", ")))),
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // For the ways out that do not come past `end`; after it nothing is left to do.
        let _ = self.end_all();
    }
}

/// Only a child that was not waited for yet: its id is still its own.
fn terminate(child: &mut Child) {
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let (Ok(None), Some(id)) = (child.try_wait(), id) {
        // It may end by itself at this very moment.
        let _ = kill_process(id, Signal::TERM);
    }
}

/// Where the node on `data` writes what it has to say.
pub fn log_of(data: &Path) -> PathBuf {
    data.join("logs").join("node.log")
}

fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("its log is empty").trim().into()
}
