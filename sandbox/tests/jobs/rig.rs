//! A job in a temporary folder with a guest written as text, and the functions that guests share.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::{Hash, Limits};
use sandbox::{Event, Finished, Job, Launcher, SandboxError};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

/// Events that wait in a test's channel.
const EVENTS_CAP: usize = 64;

/// What every guest imports and uses. Below 1024 lies scratch memory; `$open` gives a descriptor, or minus the error.
const PRELUDE: &str = r#"
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber" (func $fd_renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_get" (func $fd_filestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $set_size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get"
    (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink" (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $mkdir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (func $put (param $fd i32) (param $at i32) (param $length i32) (result i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
  (func $print (param $at i32) (param $length i32)
    (drop (call $put (i32.const 1) (local.get $at) (local.get $length))))
  (func $open (param $path i32) (param $length i32) (param $flags i32) (param $rights i64) (result i32)
    (local $error i32)
    (local.set $error (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (local.get $length)
      (local.get $flags) (local.get $rights) (i64.const 0) (i32.const 0) (i32.const 16)))
    (if (result i32) (local.get $error)
      (then (i32.sub (i32.const 0) (local.get $error)))
      (else (i32.load (i32.const 16)))))
  (func $create (param $path i32) (param $length i32) (result i32)
    (call $open (local.get $path) (local.get $length) (i32.const 9) (i64.const 66)))
  (func $read (param $fd i32) (param $at i32) (param $length i32) (result i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.load (i32.const 8)))
"#;

/// A module of the prelude and `body`, in which `_start` must be exported.
pub fn guest(body: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {PRELUDE} {body})")).unwrap()
}

/// A guest whose `_start` is `code`, with `data` from address 1024.
pub fn start(data: &str, code: &str) -> Vec<u8> {
    guest(&format!(r#"(data (i32.const 1024) "{data}") (func (export "_start") {code})"#))
}

/// A guest that never ends by itself.
pub fn endless() -> Vec<u8> {
    start("", "(loop $again (br $again))")
}

/// One job, its folder, and a folder beside it for the program and its inputs.
pub struct Rig {
    /// The job as it will run.
    pub job: Job,
    /// How the child is started.
    pub launcher: Launcher,
    store: TempDir,
    folder: TempDir,
}

impl Rig {
    /// A job with generous limits.
    pub fn new(program: &[u8]) -> Rig {
        let (store, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = store.path().join("program.wasm");
        fs::write(&path, program).unwrap();
        let limits = Limits { gas: 1_000_000_000, memory: 64 << 20, output: 1 << 20, wall_ms: 60_000 };
        let job = Job {
            program: path,
            arguments: Vec::new(),
            environment: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            limits,
            seed: Hash([7; 32]),
        };
        // The child ignores its arguments; this one lets a test find it.
        let arguments = vec![OsString::from(folder.path())];
        let launcher = Launcher { program: PathBuf::from(env!("CARGO_BIN_EXE_sandbox-child")), arguments };
        Rig { job, launcher, store, folder }
    }

    /// The same with another limit.
    pub fn limit(mut self, change: impl FnOnce(&mut Limits)) -> Rig {
        change(&mut self.job.limits);
        self
    }

    /// The same with one more input.
    pub fn input(mut self, path: &str, content: &[u8]) -> Rig {
        let from = self.store.path().join(format!("input{}", self.job.inputs.len()));
        fs::write(&from, content).unwrap();
        self.job.inputs.push((path.to_string(), from));
        self
    }

    /// The same with one more declared output.
    pub fn output(mut self, path: &str) -> Rig {
        self.job.outputs.push(path.to_string());
        self
    }

    /// The job's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the job to its end.
    pub async fn run(&self) -> Finished {
        self.run_with_events().await.0
    }

    /// Runs the job to its end, with all its events.
    pub async fn run_with_events(&self) -> (Finished, Vec<Event>) {
        let (sender, mut receiver) = mpsc::channel(EVENTS_CAP);
        let (_keep, stop) = watch::channel(false);
        let listening = async {
            let mut events = Vec::new();
            while let Some(event) = receiver.recv().await {
                events.push(event);
            }
            events
        };
        let (finished, events) = tokio::join!(self.start(sender, stop), listening);
        (finished.unwrap(), events)
    }

    /// The job's future.
    pub async fn start(
        &self,
        events: mpsc::Sender<Event>,
        stop: watch::Receiver<bool>,
    ) -> Result<Finished, SandboxError> {
        sandbox::run(&self.launcher, self.job.clone(), self.folder(), events, stop).await
    }

    /// Process id of the running child.
    pub async fn child(&self) -> u32 {
        find_process(self.folder().to_str().unwrap()).await
    }
}

/// Waits for the process that has `argument`, not counting the test's own.
pub async fn find_process(argument: &str) -> u32 {
    wait_for(|| {
        fs::read_dir("/proc").unwrap().find_map(|entry| {
            let pid: u32 = entry.unwrap().file_name().to_str()?.parse().ok()?;
            let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let mut arguments = line.split(|&byte| byte == 0);
            let is_child = arguments.next()?.ends_with(b"sandbox-child");
            (is_child && arguments.any(|one| one == argument.as_bytes())).then_some(pid)
        })
    })
    .await
}

/// Waits until a process is gone, and not even a zombie.
pub async fn wait_until_gone(pid: u32) {
    wait_for(|| (!Path::new(&format!("/proc/{pid}")).exists()).then_some(())).await;
}

/// Looks again and again until there is something; a test hangs no longer than ten seconds here.
pub async fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(found) = look() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain");
}
