//! What mesh policies come to: latency against copies.

use std::time::Instant;

use simulations::overlay::{Choice, Rules};
use simulations::scenario::{Latency, Mesh};
use simulations::thin::{Effort, run_with};

use super::setting::{DRAWN, scenario};

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

/// Meshes as gossipsub makes them: low, degree, high, and how many of it were dialed.
const SIZES: [((u32, u32, u32), u32); 7] =
    [((8, 10, 14), 3), ((6, 8, 12), 3), ((6, 7, 9), 3), ((5, 6, 8), 2), ((4, 5, 7), 2), ((3, 4, 6), 1), ((2, 3, 5), 1)];

fn policies() -> Vec<Policy> {
    let mut policies = Vec::new();
    for (size, out) in SIZES {
        for near in [0, 4] {
            policies.push(policy(&format!("8 dials, {near} near, mesh {size:?}"), (8, near), size, out));
        }
    }
    for (dials, near) in [(8, 2), (8, 6), (12, 6), (6, 3)] {
        policies.push(policy(&format!("{dials} dials, {near} near, mesh (5, 6, 8)"), (dials, near), (5, 6, 8), 2));
    }
    for (dials, near) in [(5, 3), (4, 3), (4, 2), (3, 2), (3, 1), (2, 1)] {
        policies.push(policy(&format!("{dials} dials, {near} near, all in the mesh"), (dials, near), (64, 64, 65), 0));
    }
    for (near, any) in [(3, 2), (3, 1), (2, 2), (2, 1), (1, 2), (1, 1)] {
        let name = format!("8 dials, 4 near, grafts its {near} nearest dials and {any} other");
        let plain = policy(&name, (8, 4), (2, 4, 16), 0);
        policies.push(Policy { choice: Choice::Dialed { near, any }, ..plain });
    }
    let change = |name: &str, change: fn(&mut Mesh)| {
        let mut plain = policy(&format!("8 dials, 4 near, mesh (5, 6, 8), {name}"), (8, 4), (5, 6, 8), 2);
        change(&mut plain.mesh);
        plain
    };
    policies.push(change("published to all", |mesh| mesh.is_flood_publish = true));
    policies.push(change("every message announced", |mesh| mesh.announce_from_bytes = 1));
    policies.push(change("no lazy gossip", |mesh| mesh.lazy = 0));
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

/// One policy from words: DIALS NEAR LOW DEGREE HIGH OUT [NEAREST ANY].
pub fn one(nodes: u32, seconds: u32, words: &[String]) {
    let numbers: Vec<u32> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let &[dials, near, low, degree, high, out] = numbers.get(..6).unwrap_or_default() else { return head() };
    let plain = policy(&words.join(" "), (dials, near), (low, degree, high), out);
    let choice = match numbers[6..] {
        [near, any] => Choice::Dialed { near: near as usize, any: any as usize },
        _ => Choice::Random,
    };
    row(nodes, seconds, &Policy { choice, ..plain }, Latency::Cities);
}
