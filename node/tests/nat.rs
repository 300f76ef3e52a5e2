//! Nodes behind routers, as the kernel has them: two homes whose routers translate addresses and let nobody in, and one
//! public node. The machine at home sells, and the other buys. Needs root, iproute2 and nftables.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const SOUK: &str = env!("CARGO_BIN_EXE_souk");
const PATIENCE: Duration = Duration::from_secs(120);
const PUBLIC: &str = "203.0.113.10";
/// Prints a line and ends.
const HELLO: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 8) "hello\n")
    (func (export "_start")
        (i32.store (i32.const 0) (i32.const 8)) (i32.store (i32.const 4) (i32.const 6))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))))"#;

/// Runs a command line that must succeed.
#[track_caller]
fn run(line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    let output = Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{line}: {error}; this test needs root, iproute2 and nftables"));
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The world, two routers and the homes behind them; gone when dropped.
struct World {
    tag: String,
}

impl World {
    fn new() -> World {
        let world = World { tag: format!("souk{}", std::process::id()) };
        for place in ["world", "gate1", "home1", "gate2", "home2"] {
            let name = world.name(place);
            run(&format!("ip netns add {name}"));
            run(&format!("ip -n {name} link set lo up"));
        }
        let open = world.name("world");
        run(&format!("ip -n {open} link add sky type bridge"));
        run(&format!("ip -n {open} addr add {PUBLIC}/24 dev sky"));
        run(&format!("ip -n {open} link set sky up"));
        [1, 2].into_iter().for_each(|number| world.add_home(number));
        world
    }

    fn name(&self, place: &str) -> String {
        format!("{}-{place}", self.tag)
    }

    /// A home whose router has one public address and forwards only answers.
    fn add_home(&self, number: u8) {
        let (open, gate, home) =
            (self.name("world"), self.name(&format!("gate{number}")), self.name(&format!("home{number}")));
        for line in [
            format!("ip -n {gate} link add out type veth peer name to{number} netns {open}"),
            format!("ip -n {open} link set to{number} master sky"),
            format!("ip -n {open} link set to{number} up"),
            format!("ip -n {gate} addr add 203.0.113.{}/24 dev out", 20 + number),
            format!("ip -n {gate} link set out up"),
            format!("ip -n {gate} link add in type veth peer name out netns {home}"),
            format!("ip -n {gate} addr add 10.7.{number}.1/24 dev in"),
            format!("ip -n {gate} link set in up"),
            format!("ip -n {home} addr add 10.7.{number}.2/24 dev out"),
            format!("ip -n {home} link set out up"),
            format!("ip -n {home} route add default via 10.7.{number}.1"),
            format!("ip netns exec {gate} sysctl -q -w net.ipv4.ip_forward=1"),
            format!("ip netns exec {gate} nft add table ip wall"),
            format!("ip netns exec {gate} nft add chain ip wall out {{ type nat hook postrouting priority 100 ; }}"),
            format!("ip netns exec {gate} nft add rule ip wall out oifname out masquerade"),
            format!(
                "ip netns exec {gate} nft add chain ip wall through {{ type filter hook forward priority 0 ; policy drop ; }}"
            ),
            format!("ip netns exec {gate} nft add rule ip wall through iifname in accept"),
            format!("ip netns exec {gate} nft add rule ip wall through ct state established,related accept"),
            // A router that says no at once would spoil the holes that two peers make towards each other.
            format!(
                "ip netns exec {gate} nft add chain ip wall here {{ type filter hook input priority 0 ; policy drop ; }}"
            ),
            format!("ip netns exec {gate} nft add rule ip wall here iifname != out accept"),
        ] {
            run(&line);
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for place in ["home1", "home2", "gate1", "gate2", "world"] {
            let _ = Command::new("ip").args(["netns", "del", &self.name(place)]).stderr(Stdio::null()).status();
        }
    }
}

/// A node at one place of the world.
struct Node {
    place: String,
    data: PathBuf,
    child: Option<Child>,
}

impl Node {
    fn start(world: &World, place: &str, folder: &Path, bootstrap: Option<&str>) -> Node {
        let mut node = Node { place: world.name(place), data: folder.join(place), child: None };
        node.ok(&["key", "new", "--insecure-unencrypted"]);
        let log = std::fs::File::create(node.data.join("test.log")).unwrap();
        let mut command = node.command();
        command.args(["node", "run", "-v", "--no-mdns", "--exit-with-stdin", "--api", "127.0.0.1:7625"]);
        command.arg("--data").arg(&node.data).arg("--market").arg(folder.join("market.toml"));
        command.args(["--listen", "/ip4/0.0.0.0/tcp/7626", "--listen", "/ip4/0.0.0.0/udp/7626/quic-v1"]);
        command.args(bootstrap.iter().flat_map(|address| ["--bootstrap", address]));
        node.child = Some(command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
        node.wait("the API answers", |node| node.souk(&["node", "status"]).0 == 0);
        node
    }

    /// `souk` at this node's place.
    fn command(&self) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.place, SOUK]);
        command
    }

    fn souk(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.command().args(arguments).arg("--json").arg("--data").arg(&self.data).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap_or(-1), serde_json::from_slice(&output.stdout).unwrap_or(Value::String(stderr)))
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> Value {
        let (code, document) = self.souk(arguments);
        assert_eq!(code, 0, "souk {arguments:?}: {document:#}\n{}", self.log());
        document
    }

    #[track_caller]
    fn wait(&self, what: &str, is_there: impl Fn(&Node) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_there(self) {
            assert!(Instant::now() < deadline, "waited too long until {what}; log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn log(&self) -> String {
        let text = std::fs::read_to_string(self.data.join("test.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    fn address(&self) -> String {
        self.ok(&["node", "status"])["address"].as_str().unwrap().to_owned()
    }

    fn listeners(&self) -> Vec<String> {
        let listeners = self.ok(&["node", "status"])["listeners"].clone();
        listeners.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    /// How this node sees another.
    fn peer(&self, address: &str) -> Option<Value> {
        let peers = self.ok(&["node", "peers"]);
        peers.as_array().unwrap().iter().find(|peer| peer["address"] == address).cloned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // `ip` has become the node; its stdin ends with it.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_machine_behind_a_router_sells_to_one_behind_another() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    let market = folder.path().join("market.toml");
    let arguments = ["market", "init", "--name", "nat", "--epoch-ms", "1500", "--to", market.to_str().unwrap()];
    assert!(
        Command::new(SOUK).args(arguments).arg("--data").arg(folder.path().join("nobody")).status().unwrap().success()
    );

    let public = Node::start(&world, "world", folder.path(), None);
    let is_tcp = |place: &String| place.contains(&format!("/ip4/{PUBLIC}/tcp/"));
    let first = public.listeners().into_iter().find(is_tcp).unwrap();
    let supplier = Node::start(&world, "home1", folder.path(), Some(&first));
    let consumer = Node::start(&world, "home2", folder.path(), Some(&first));
    for node in [&supplier, &consumer] {
        node.wait("it has a place at the relay", |node| node.listeners().iter().any(|at| at.contains("/p2p-circuit")));
    }
    let (seller, buyer, relay) = (supplier.address(), consumer.address(), public.address());
    assert!(
        public.peer(&seller).unwrap()["multiaddr"].as_str().unwrap().contains("203.0.113.21"),
        "seen at its router"
    );
    assert_eq!(consumer.peer(&relay).unwrap()["path"], "direct");

    supplier.ok(&["bench", "--share", "50"]);
    supplier.ok(&["ask", "create", "--price", "0.01SNM/h", "--from", "1s", "--to", "1h", "--min-billed", "1s"]);
    let wants = ["--want", "mem.size=512MiB", "--want", "cpu.hash=100khash/s"];
    consumer.ok(&[&["bid", "create", "--price", "1SNM/h", "--for", "10m"], &wants[..]].concat());
    consumer.wait("a deal runs", |node| {
        node.ok(&["deal", "list"]).as_array().unwrap().iter().any(|deal| deal["state"] == "running")
    });
    let program = folder.path().join("hello.wasm");
    std::fs::write(&program, wat::parse_str(HELLO).unwrap()).unwrap();
    let task = consumer.ok(&["task", "run", "--program", program.to_str().unwrap()])["task"].clone();
    assert_eq!(task["receipt"]["is_verified"], true, "{task:#}");
    let path = |node: &Node, other: &str| node.peer(other).map(|peer| peer["path"].clone());
    assert!(path(&consumer, &seller).is_some() && path(&supplier, &buyer).is_some());
    // The two routers keep ports, as most do, so the peers make a hole through both and leave the relay.
    consumer.wait("the peers have met directly", |node| path(node, &seller).is_some_and(|path| path == "direct"));
    supplier.wait("the peers have met directly", |node| path(node, &buyer).is_some_and(|path| path == "direct"));
}
