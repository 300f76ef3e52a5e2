//! How fast the simulator is, and what mesh policies come to: tables on standard output.
//!
//! `cargo bench -p simulations --bench engine -- [quick | events | crowd [NODES SECONDS] | mesh [NODES] | one SETTINGS...]`

mod crowd;
mod events;
mod mesh;

use simulations::Scenario;
use simulations::scenario::{Latency, Links, Mesh, Mode, Traders};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let number = |at: usize, default: u32| words.get(at).and_then(|word| word.parse().ok()).unwrap_or(default);
    match words.first().map(String::as_str) {
        Some("quick") => events::table(1_000, 4),
        Some("events") => events::table(number(1, 10_000), number(2, 10)),
        Some("crowd") => crowd::table(number(1, 10_000), number(2, 10), number(3, 2)),
        Some("mesh") => mesh::table(number(1, 10_000), number(2, 20)),
        Some("one") => mesh::one(number(1, 10_000), number(2, 20), &words[3.min(words.len())..]),
        _ => {
            events::table(10_000, 10);
            mesh::table(10_000, 20);
            crowd::table(100_000, 60, 2);
        }
    }
}

/// Links of 10 to 150 ms, drawn for each pair.
const DRAWN: Latency = Latency::Uniform { min_ms: 10.0, max_ms: 150.0 };

/// Peers without books, links of 10 to 150 ms, single orders.
fn scenario(nodes: u32, seconds: u32, mesh: Mesh, orders_per_s: f64) -> Scenario {
    let latency = DRAWN;
    Scenario {
        name: "bench".into(),
        question: "How fast is it?".into(),
        nodes,
        seconds,
        warmup_s: 10,
        mode: Mode::Gossip,
        market: Default::default(),
        links: Links { latency, ..Links::default() },
        mesh,
        clocks: Default::default(),
        machines: Default::default(),
        traders: Traders { orders_per_s, ..Traders::default() },
        faults: Vec::new(),
        cheats: Vec::new(),
        checks: Default::default(),
        expect: Default::default(),
    }
}

/// The node's mesh: half of the dials near, published to the mesh.
fn node_mesh() -> Mesh {
    Mesh { near_dials: 4, is_flood_publish: false, ..Mesh::default() }
}

/// Seconds of processor time that this process used, all threads together; what others take of a busy machine is not in
/// it.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let words: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| words.get(at).and_then(|word| word.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Resident memory of this process in MiB, at most so far.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|word| word.parse::<u64>().ok());
    kib.unwrap_or(0) / 1_024
}
