//! What mesh policies come to: latency against copies.

use std::time::Instant;

use simulations::overlay::{Choice, Rules};
use simulations::scenario::{Latency, Mesh};
use simulations::thin::{Effort, run_with};

use super::{DRAWN, scenario};

/// One policy.
struct Policy {
    name: String,
    mesh: Mesh,
    choice: Choice,
}

fn policy(name: &str, (dials, near_dials): (u32, u32), (low, degree, high): (u32, u32, u32), out: u32) -> Policy {
    let mesh = Mesh {
        dials,
        near_dials,
        degree,
        degree_low: low,
        degree_high: high,
        degree_out: out,
        is_flood_publish: false,
        ..Mesh::default()
    };
    Policy { name: name.into(), mesh, choice: Choice::Random }
}

fn policies() -> Vec<Policy> {
    let all = (1, 64, 65);
    let mut policies = vec![
        policy("gossipsub 6/8/12, 8 random dials", (8, 0), (6, 8, 12), 3),
        policy("gossipsub 6/8/12, 8 dials, 4 near", (8, 4), (6, 8, 12), 3),
        policy("gossipsub 5/6/8, 8 dials, 4 near", (8, 4), (5, 6, 8), 2),
    ];
    for (dials, near) in [(4, 0), (4, 2), (4, 3), (3, 0), (3, 1), (3, 2), (2, 0), (2, 1), (5, 3), (6, 3)] {
        policies.push(policy(&format!("all connections, {dials} dials, {near} near"), (dials, near), all, 0));
    }
    for near in [3, 4, 5] {
        let plain = policy(&format!("6/8/9, 8 dials, 4 near, {near} nearest kept"), (8, 4), (6, 8, 9), 2);
        policies.push(Policy { choice: Choice::Near { near }, ..plain });
    }
    policies
}

fn head() {
    println!(
        "| policy | degree | copies | p50 ms | p99 ms | reach99 ms | over direct | delivered ppm | in time ppm | kB/s | s |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
}

fn row(nodes: u32, seconds: u32, policy: &Policy, latency: Latency) {
    let mut scenario = scenario(nodes, seconds, policy.mesh.clone(), 3.0);
    scenario.links.latency = latency;
    let rules = Rules { choice: policy.choice, ..Rules::new(&policy.mesh) };
    let begin = Instant::now();
    let outcome = run_with(&scenario, (nodes, 1), (Effort { threads: 2 }, rules), None, &mut |_| {});
    let figures = outcome.expect("no plan is needed").figures;
    println!(
        "| {} | {:.1} | {:.2} | {:.0} | {:.0} | {:.0} | {:.3} | {} | {} | {:.1} | {:.0} |",
        policy.name,
        figures.cheats["gossip.degree"],
        figures.copies,
        figures.delivery_ms.p50,
        figures.delivery_ms.p99,
        figures.reach99_ms.p50,
        figures.reach99_over_direct,
        figures.delivered_ppm,
        figures.in_time_ppm,
        figures.sent_bytes_per_s / 1_000.0,
        begin.elapsed().as_secs_f64(),
    );
}

pub fn table(nodes: u32, seconds: u32) {
    println!("\n## Mesh policies, {nodes} peers in 60 cities, 3 orders a second for {seconds} s\n");
    head();
    policies().iter().for_each(|policy| row(nodes, seconds, policy, Latency::Cities));
    println!("\n## The first of them with links of 10 to 150 ms, drawn for each pair\n");
    head();
    policies().iter().take(4).for_each(|policy| row(nodes, seconds, policy, DRAWN));
}

/// One policy from words: DIALS NEAR LOW DEGREE HIGH OUT [NEAREST KEPT].
pub fn one(nodes: u32, seconds: u32, words: &[String]) {
    let numbers: Vec<u32> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let [dials, near, low, degree, high, out] = numbers[..6] else { return head() };
    let plain = policy(&words.join(" "), (dials, near), (low, degree, high), out);
    let choice = numbers.get(6).map_or(Choice::Random, |near| Choice::Near { near: *near as usize });
    row(nodes, seconds, &Policy { choice, ..plain }, Latency::Cities);
}
