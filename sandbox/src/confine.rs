//! What the child gives up before it looks at a stranger's bytes. Knows nothing of what is run afterwards.
//! Landlock and seccomp belong here.

use std::{fs, io};

use protocol::Limits;
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};
use rustix::thread::{CapabilitySet, CapabilitySets};
use rustix::time::ClockId;

/// Open files of the child, the program's among them.
const FILES_MAX: u64 = 128;
/// Bytes of private memory while compiling; while running, the program's own memory comes on top.
const COMPILE_DATA_MAX: u64 = 2 << 30;
/// Seconds of processor time while compiling.
const COMPILE_CPU_S_MAX: u64 = 90;
/// Seconds of processor time beyond the wall limit: the node's clock ends a job, this only backs it.
const CPU_SLACK_S: u64 = 5;
/// Bytes that a program may write beside twice its declared outputs.
const SCRATCH_MAX: u64 = 64 << 20;

/// The kernel's first choice when memory runs out.
const OOM_SCORE: &str = "1000";

/// Why the child does not go on.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// The system refused.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The node that started the child is gone.
    #[error("the parent process is gone")]
    Orphan,
    /// A thread was started before, and keeps what is given up here.
    #[error("the process has more than one thread before it is confined")]
    Threads,
}

/// Gives up privileges, core dumps and most files, and asks the kernel to end this process with its parent. To be
/// called before any thread is started: capabilities belong to threads.
///
/// # Errors
/// If any of it is refused: the child must not go on then.
pub fn harden() -> Result<(), ConfineError> {
    // Where there is no /proc there is no way to tell.
    if fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() > 1) {
        return Err(ConfineError::Threads);
    }
    // If the machine runs out of memory, a job goes and not the node. Not all systems have it, and none refuses it.
    let _ = fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    let nothing = CapabilitySet::empty();
    let none = CapabilitySets { effective: nothing, permitted: nothing, inheritable: nothing };
    system("drop capabilities", rustix::thread::set_capabilities(None, none))?;
    system("set no_new_privs", rustix::thread::set_no_new_privs(true))?;
    system("hide from debuggers", rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable))?;
    limit("limit core dumps", Resource::Core, 0, 0)?;
    limit("limit open files", Resource::Nofile, FILES_MAX, FILES_MAX)?;
    system("die with the parent", rustix::process::set_parent_process_death_signal(Some(Signal::KILL)))
}

/// Whether `parent` is still there: it could have ended before the kernel was asked.
///
/// # Errors
/// [`ConfineError::Orphan`] if it has.
pub fn check_parent(parent: u32) -> Result<(), ConfineError> {
    match rustix::process::getppid() {
        Some(pid) if pid.as_raw_nonzero().get().cast_unsigned() == parent => Ok(()),
        _ => Err(ConfineError::Orphan),
    }
}

/// Bytes by which all files of a job may grow together, scratch files among them.
pub fn disk_max(limits: &Limits) -> u64 {
    limits.output.saturating_mul(2).saturating_add(SCRATCH_MAX)
}

/// Limits for compiling; those for running are the hard limits behind them.
///
/// # Errors
/// If the system refuses.
pub fn limit_compiling(limits: &Limits) -> Result<(), ConfineError> {
    let disk = disk_max(limits);
    limit("limit file sizes", Resource::Fsize, disk, disk)?;
    limit("limit memory", Resource::Data, COMPILE_DATA_MAX, data_max(limits))?;
    limit("limit processor time", Resource::Cpu, COMPILE_CPU_S_MAX, COMPILE_CPU_S_MAX + cpu_max(limits))
}

/// Limits for running, counted from what compiling has used.
///
/// # Errors
/// If the system refuses.
pub fn limit_running(limits: &Limits) -> Result<(), ConfineError> {
    let used = rustix::time::clock_gettime(ClockId::ProcessCPUTime).tv_sec.max(0).cast_unsigned();
    let cpu = used.saturating_add(cpu_max(limits)).min(COMPILE_CPU_S_MAX + cpu_max(limits));
    limit("limit memory", Resource::Data, data_max(limits), data_max(limits))?;
    limit("limit processor time", Resource::Cpu, cpu, cpu.saturating_add(1).min(COMPILE_CPU_S_MAX + cpu_max(limits)))
}

fn data_max(limits: &Limits) -> u64 {
    COMPILE_DATA_MAX.saturating_add(limits.memory)
}

fn cpu_max(limits: &Limits) -> u64 {
    limits.wall_ms / 1000 + CPU_SLACK_S
}

/// Sets a soft and a hard limit, neither above the hard limit in force.
fn limit(what: &'static str, resource: Resource, soft: u64, hard: u64) -> Result<(), ConfineError> {
    let ceiling = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let new = Rlimit { current: Some(soft.min(ceiling)), maximum: Some(hard.min(ceiling)) };
    system(what, rustix::process::setrlimit(resource, new))
}

fn system(what: &'static str, result: rustix::io::Result<()>) -> Result<(), ConfineError> {
    result.map_err(|errno| ConfineError::System { what, source: errno.into() })
}
