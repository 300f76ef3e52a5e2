//! Nodes of one market for a test: each a real `souk node run` with its own key, folder and ports. Waits for events
//! with a deadline, never for luck.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub const SOUK: &str = env!("CARGO_BIN_EXE_souk");
/// Nothing in these tests takes longer on a machine that works.
const PATIENCE: Duration = Duration::from_secs(60);

/// A market and the folder of all that belongs to it.
pub struct House {
    pub folder: tempfile::TempDir,
    pub market: PathBuf,
    bootstrap: Option<String>,
}

/// One node of it.
pub struct Node {
    pub data: PathBuf,
    market: PathBuf,
    bootstrap: Option<String>,
    listen: String,
    child: Option<Child>,
}

impl House {
    /// A new market with short epochs.
    pub fn new() -> House {
        let folder = tempfile::tempdir().unwrap();
        let market = folder.path().join("market.toml");
        let path = market.to_str().unwrap();
        let arguments = ["market", "init", "--name", "test", "--epoch-ms", "1500", "--to", path];
        ok(&folder.path().join("nobody"), &arguments);
        House { folder, market, bootstrap: None }
    }

    /// A running node with a fresh key that begins at a peer of another market.
    pub fn node_from(&mut self, name: &str, bootstrap: &str) -> Node {
        self.bootstrap = Some(bootstrap.to_owned());
        self.node(name)
    }

    /// A running node with a fresh key; the first one is where the others begin.
    pub fn node(&mut self, name: &str) -> Node {
        let mut node = self.folder_of(name);
        self.begin(&mut node);
        node
    }

    /// A node with a fresh key that does not run yet.
    pub fn folder_of(&self, name: &str) -> Node {
        let data = self.folder.path().join(name);
        ok(&data, &["key", "new", "--insecure-unencrypted"]);
        let (market, listen) = (self.market.clone(), "/ip4/127.0.0.1/udp/0/quic-v1".into());
        Node { data, market, bootstrap: None, listen, child: None }
    }

    /// Starts it for the first time.
    pub fn begin(&mut self, node: &mut Node) {
        node.bootstrap.clone_from(&self.bootstrap);
        node.start();
        let status = node.ok(&["node", "status"]);
        node.listen = status["listeners"][0].as_str().unwrap().split("/p2p/").next().unwrap().into();
        self.bootstrap.get_or_insert(status["listeners"][0].as_str().unwrap().into());
    }
}

impl Node {
    /// Starts the process and waits until its API answers.
    pub fn start(&mut self) {
        let _ = std::fs::remove_file(self.data.join("api.addr"));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.data.join("test.log")).unwrap();
        let mut command = Command::new(SOUK);
        command.args(["node", "run", "-v", "--no-mdns", "--exit-with-stdin", "--api", "127.0.0.1:0"]);
        command.arg("--data").arg(&self.data).arg("--market").arg(&self.market).args(["--listen", &self.listen]);
        if let Some(bootstrap) = &self.bootstrap {
            command.args(["--bootstrap", bootstrap]);
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.child = Some(child);
        self.wait("the API answers", |node| node.souk(&["node", "status"]).0 == 0);
    }

    /// SIGKILL, as a power cut would.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Ends it in good order: it is bound to its standard input.
    pub fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success(), "{}", self.log());
    }

    /// Runs `souk ARGUMENTS --json` on this node's folder: exit code and document.
    pub fn souk(&self, arguments: &[&str]) -> (i32, Value) {
        souk(&self.data, arguments)
    }

    /// The same, and it must succeed.
    pub fn ok(&self, arguments: &[&str]) -> Value {
        ok(&self.data, arguments)
    }

    /// Looks again and again until `is_there`.
    #[track_caller]
    pub fn wait(&self, what: &str, is_there: impl Fn(&Node) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_there(self) {
            assert!(
                Instant::now() < deadline,
                "waited too long until {what}; log of {}:\n{}",
                self.data.display(),
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(self.data.join("test.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// Measures, and offers a share of the machine.
    pub fn offer(&self, share: &str, price: &str) -> Value {
        self.ok(&["bench", "--share", share]);
        self.ok(&["ask", "create", "--price", price, "--from", "1s", "--to", "1h", "--min-billed", "1s"])
    }

    /// Bids for a little of everything.
    pub fn bid(&self, duration: &str) -> Value {
        let wants = ["--want", "mem.size=512MiB", "--want", "cpu.hash=100khash/s"];
        self.ok(&[&["bid", "create", "--price", "1SNM/h", "--for", duration], &wants[..]].concat())
    }

    /// The first own deal in `state`, once there is one.
    #[track_caller]
    pub fn deal(&self, state: &str) -> Value {
        self.wait(&format!("a deal is {state}"), |node| node.find_deal(state).is_some());
        self.find_deal(state).unwrap()
    }

    fn find_deal(&self, state: &str) -> Option<Value> {
        let (code, deals) = self.souk(&["deal", "list"]);
        let deals = if code == 0 { list(&deals) } else { Vec::new() };
        deals.into_iter().find(|deal| deal["state"] == state)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A list document is an array, or an object with one array in it.
pub fn list(document: &Value) -> Vec<Value> {
    match document {
        Value::Array(items) => items.clone(),
        Value::Object(members) => members.values().find_map(|value| value.as_array().cloned()).unwrap_or_default(),
        _ => Vec::new(),
    }
}

pub fn souk(data: &Path, arguments: &[&str]) -> (i32, Value) {
    let mut command = Command::new(SOUK);
    command.args(arguments).arg("--json").arg("--data").arg(data).stdin(Stdio::null());
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!stderr.contains("panicked"), "{arguments:?} panicked:\n{stderr}");
    let document = serde_json::from_slice(&output.stdout).unwrap_or(Value::String(stderr));
    (output.status.code().unwrap_or(-1), document)
}

#[track_caller]
pub fn ok(data: &Path, arguments: &[&str]) -> Value {
    let (code, document) = souk(data, arguments);
    assert_eq!(code, 0, "souk {arguments:?}: {document:#}");
    document
}
