//! The scenario that all benchmarks start from, and what a process used. Measures nothing itself.

use simulations::Scenario;
use simulations::scenario::{Latency, Links, Mesh, Mode, Traders};

/// Links of 10 to 150 ms, drawn for each pair.
pub const DRAWN: Latency = Latency::Uniform { min_ms: 10.0, max_ms: 150.0 };

/// Peers without books, links of 10 to 150 ms, single orders.
pub fn scenario(nodes: u32, seconds: u32, mesh: Mesh, orders_per_s: f64) -> Scenario {
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
pub fn node_mesh() -> Mesh {
    Mesh { near_dials: 4, is_flood_publish: false, ..Mesh::default() }
}

/// Seconds of processor time that this process used, all threads together; what others take of a busy machine is not in
/// it.
pub fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let words: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| words.get(at).and_then(|word| word.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Resident memory of this process in MiB, at most so far.
pub fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|word| word.parse::<u64>().ok());
    kib.unwrap_or(0) / 1_024
}
