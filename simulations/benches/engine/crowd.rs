//! How long very many peers take, and how much memory.

use std::time::Instant;

use simulations::thin::{Effort, run};

use super::setting::{cpu_seconds, node_mesh, peak_mib, scenario};

pub fn table(nodes: u32, seconds: u32, threads: u32) {
    println!("\n## {nodes} peers, 12 orders a second, {seconds} s after 10 s of warm-up, {threads} threads\n");
    let scenario = scenario(nodes, seconds, node_mesh(), 12.0);
    let begin = Instant::now();
    let effort = Effort { threads: threads as usize };
    let mut progress = |now: u64| {
        if now.is_multiple_of(10_000_000_000) {
            println!(
                "{} s of {} after {:.0} s, {} MiB",
                now / 1_000_000_000,
                seconds + 10,
                begin.elapsed().as_secs_f64(),
                peak_mib()
            );
        }
    };
    let outcome = run(&scenario, (nodes, 1), effort, None, &mut progress).expect("no plan is needed");
    let (took, figures) = (begin.elapsed().as_secs_f64(), &outcome.figures);
    println!(
        "\n| events | seconds | CPU s | millions a second | MiB | delivered ppm | p50 | p99 | reach99 over direct | copies | agreed ppm |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    println!(
        "| {} | {took:.1} | {:.0} | {:.2} | {} | {} | {:.0} | {:.0} | {:.3} | {:.2} | {} |",
        outcome.events,
        cpu_seconds(),
        outcome.events as f64 / took / 1e6,
        peak_mib(),
        figures.delivered_ppm,
        figures.delivery_ms.p50,
        figures.delivery_ms.p99,
        figures.reach99_over_direct,
        figures.copies,
        figures.agreed_ppm,
    );
}
