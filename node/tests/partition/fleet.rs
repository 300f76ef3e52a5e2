//! The nodes of the story: each a real `souk node run` on a host of its own, driven by the command line. Knows no partition.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lan::Lan;

const SOUK: &str = env!("CARGO_BIN_EXE_souk");
const PORT: u16 = 7626;
/// Nothing takes longer on a network that works, however bad.
const PATIENCE: Duration = Duration::from_secs(40);
pub const EPOCH_MS: u64 = 2_000;

/// All nodes, one market.
pub struct Fleet {
    pub lan: Lan,
    folder: tempfile::TempDir,
    children: Vec<Child>,
    /// The owner's address of each node.
    pub owners: Vec<String>,
}

/// One epoch as one node sealed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    pub root: String,
    pub orders: u64,
}

impl Fleet {
    /// Starts a node on every host of `lan`. Those of `first` know each other's place, all others that of them.
    pub fn start(lan: Lan, size: usize, first: &[usize]) -> Fleet {
        let folder = tempfile::tempdir().unwrap();
        let market = folder.path().join("market.toml");
        let words = ["market", "init", "--name", "parted", "--epoch-ms", &EPOCH_MS.to_string(), "--to"];
        let mut command = Command::new(SOUK);
        command.args(words).arg(&market);
        document(command, &folder.path().join("nobody")).unwrap();
        let mut fleet = Fleet { lan, folder, children: Vec::new(), owners: Vec::new() };
        for index in 0..size {
            let mut command = Command::new(SOUK);
            command.args(["key", "new", "--insecure-unencrypted"]);
            let key = document(command, &fleet.data(index)).unwrap();
            fleet.owners.push(key["address"].as_str().unwrap().to_lowercase());
        }
        let places: Vec<String> =
            first.iter().map(|index| format!("/ip4/{}/udp/{PORT}/quic-v1", fleet.lan.address(*index))).collect();
        for index in 0..size {
            fleet.run(index, &places, &market);
        }
        for index in 0..size {
            fleet.wait(&format!("node {index} answers"), |fleet| fleet.souk(index, &["node", "status"]).is_ok());
        }
        fleet
    }

    fn run(&mut self, index: usize, bootstrap: &[String], market: &Path) {
        let here = self.lan.address(index);
        let log = std::fs::File::create(self.data(index).join("test.log")).unwrap();
        let mut command = self.lan.command(index, Path::new(SOUK));
        command.args(["node", "run", "-v", "--no-mdns", "--exit-with-stdin", "--api", "127.0.0.1:0"]);
        command.arg("--data").arg(self.data(index)).arg("--market").arg(market);
        command.args(["--listen", &format!("/ip4/{here}/udp/{PORT}/quic-v1")]);
        command.args(["--listen", &format!("/ip4/{here}/tcp/{PORT}")]);
        let own = format!("/ip4/{here}/");
        for place in bootstrap.iter().filter(|place| !place.starts_with(&own)) {
            command.args(["--bootstrap", place]);
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.children.push(child);
    }

    fn data(&self, index: usize) -> PathBuf {
        let path = self.folder.path().join(format!("node-{index}"));
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// How many nodes there are.
    pub fn size(&self) -> usize {
        self.children.len()
    }

    /// Runs `souk WORDS --json` beside a node.
    pub fn souk(&self, index: usize, words: &[&str]) -> Result<Value, String> {
        let mut command = self.lan.command(index, Path::new(SOUK));
        command.args(words);
        document(command, &self.data(index))
    }

    /// Places a bid that nobody can meet at this price; its id.
    pub fn bid(&self, index: usize, price: &str) -> String {
        let wants = ["--want", "mem.size=64MiB", "--for", "10m", "--life", "30m", "--price", price];
        let placed = self.souk(index, &[&["bid", "create"], &wants[..]].concat()).unwrap();
        placed["id"].as_str().unwrap().to_owned()
    }

    /// Measures the machine and asks a price that nobody pays; the ask's id.
    pub fn ask(&self, index: usize) -> String {
        self.souk(index, &["bench", "--share", "10"]).unwrap();
        let placed = self.souk(index, &["ask", "create", "--price", "1000SNM/h", "--life", "30m"]).unwrap();
        placed["id"].as_str().unwrap().to_owned()
    }

    /// The ids of all orders on a node's book, as often as they are there.
    pub fn book(&self, index: usize) -> Vec<String> {
        let book = self.souk(index, &["market", "book"]).unwrap();
        let orders = ["asks", "bids"].iter().filter_map(|side| book[*side].as_array()).flatten();
        let mut ids: Vec<String> = orders.filter_map(|order| order["id"].as_str()).map(str::to_owned).collect();
        ids.sort();
        ids
    }

    /// The nodes that a node is connected to.
    pub fn peers(&self, index: usize) -> BTreeSet<usize> {
        let peers = self.souk(index, &["node", "peers"]).unwrap();
        let listed = peers.as_array().cloned().unwrap_or_default();
        let addresses = listed.iter().filter_map(|peer| peer["address"].as_str()).map(str::to_lowercase);
        addresses.filter_map(|address| self.owners.iter().position(|owner| *owner == address)).collect()
    }

    /// Whom a node met, in order, as often as it did.
    pub fn meetings(&self, index: usize) -> Vec<usize> {
        let log = self.log(index).to_lowercase();
        let met = log.lines().filter_map(|line| line.split_once("connected to ")).map(|(_, owner)| owner.trim());
        met.filter_map(|met| self.owners.iter().position(|owner| owner == met)).collect()
    }

    /// How a node sealed an epoch, if it has.
    pub fn seal(&self, index: usize, epoch: u64) -> Option<Seal> {
        let word = self.souk(index, &["market", "epoch", &epoch.to_string()]).ok()?;
        Some(Seal { root: word["sealed_root"].as_str()?.to_owned(), orders: word["orders"].as_u64()? })
    }

    /// The running epoch.
    pub fn epoch(&self) -> u64 {
        self.souk(0, &["node", "status"]).unwrap()["epoch"].as_u64().unwrap()
    }

    /// Looks again and again until `is_there`; how long that took.
    #[track_caller]
    pub fn wait(&self, what: &str, is_there: impl Fn(&Fleet) -> bool) -> Duration {
        let start = Instant::now();
        while !is_there(self) {
            assert!(start.elapsed() < PATIENCE, "waited too long until {what}\n{}", self.logs());
            thread::sleep(Duration::from_millis(50));
        }
        start.elapsed()
    }

    /// What every node said last of its peers.
    pub fn logs(&self) -> String {
        let tail = |index: usize| {
            let text = self.log(index);
            let lines: Vec<&str> = text.lines().filter(|line| !line.contains("event=")).collect();
            format!("node {index}, {}:\n{}", self.owners[index], lines[lines.len().saturating_sub(30)..].join("\n"))
        };
        (0..self.size()).map(tail).collect::<Vec<_>>().join("\n")
    }

    fn log(&self, index: usize) -> String {
        std::fs::read_to_string(self.data(index).join("test.log")).unwrap_or_default()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs a command of souk on a data folder: its document, or what it said instead.
fn document(mut command: Command, data: &Path) -> Result<Value, String> {
    let output = command.arg("--json").arg("--data").arg(data).stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("panicked"), "{command:?} panicked:\n{stderr}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    match output.status.success() {
        true => serde_json::from_str(&stdout).map_err(|error| error.to_string()),
        false => Err(format!("{command:?}: {stdout}{stderr}")),
    }
}
