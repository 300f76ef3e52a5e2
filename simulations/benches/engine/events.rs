//! Events a second of processor time on one core, beside a bare queue that handles as many and does nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use simulations::random::Random;
use simulations::thin::{Effort, run};

use super::setting::{cpu_seconds, node_mesh, peak_mib, scenario};

/// An event of the bare queue: when, to whom, and as many bytes as the simulator's.
type Bare = Reverse<(u64, u32, [u64; 3])>;

/// So many events through a heap that holds `pending` at any time.
fn bare(events: u64, pending: u64) -> f64 {
    let mut random = Random::new(1, 1);
    let mut heap: BinaryHeap<Bare> = BinaryHeap::new();
    for _ in 0..pending {
        heap.push(Reverse((random.below(100_000_000), 0, [0; 3])));
    }
    let begin = cpu_seconds();
    let mut sum = 0u64;
    for _ in 0..events {
        let Some(Reverse((at, to, event))) = heap.pop() else { break };
        sum = sum.wrapping_add(at);
        heap.push(Reverse((at + 10_000_000 + random.below(140_000_000), to, event)));
    }
    std::hint::black_box(sum);
    cpu_seconds() - begin
}

pub fn table(nodes: u32, seconds: u32) {
    println!("\n## Events a second on one core, {nodes} peers, links of 10 to 150 ms, {seconds} s\n");
    println!("| what | events | CPU s | millions a CPU second | MiB |\n|---|---|---|---|---|");
    for orders_per_s in [12.0, 100.0] {
        let scenario = scenario(nodes, seconds, node_mesh(), orders_per_s);
        let begin = cpu_seconds();
        let outcome = run(&scenario, (nodes, 1), Effort { threads: 1 }, None, &mut |_| {}).expect("no plan is needed");
        let took = cpu_seconds() - begin;
        let per_s = outcome.events as f64 / took / 1e6;
        println!(
            "| gossip and reconciliation, {orders_per_s} orders a second | {} | {took:.2} | {per_s:.2} | {} |",
            outcome.events,
            peak_mib()
        );
        // As many pending as a steady state of that many events a second over 80 ms has.
        let pending = outcome.events / u64::from(seconds + 10) / 12;
        let took = bare(outcome.events, pending);
        let per_s = outcome.events as f64 / took / 1e6;
        println!("| a bare heap, {pending} pending | {} | {took:.2} | {per_s:.2} | |", outcome.events);
    }
}
