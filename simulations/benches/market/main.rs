//! How fast whole markets are simulated: `cargo bench -p simulations --bench market -- NODES SECONDS ORDERS THREADS`.
//! Decides nothing.
#![allow(clippy::print_stdout, missing_docs, reason = "a benchmark talks to the person who started it")]

mod computed;

use std::time::Instant;

use simulations::scenario::{Checks, Every, Traders};
use simulations::{Options, Scenario, run};

fn main() {
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let words: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let word = |at: usize, default: u64| words.get(at).copied().unwrap_or(default);
    let (nodes, seconds, orders, threads) = (word(0, 100), word(1, 20), word(2, 20), word(3, 1));
    let scenario = Scenario {
        warmup_s: 6,
        traders: Traders { orders_per_s: orders as f64, ..Traders::default() },
        checks: Checks { every: Every::Epoch, ..Checks::default() },
        ..Scenario::plain("bench", nodes as u32, seconds as u32)
    };
    let began = Instant::now();
    let options = Options { seed: 1, threads: threads as usize, ..Options::default() };
    let outcome = run(&scenario, &options, &mut |_| {}).expect("it can be run");
    let (took, computed) = (began.elapsed().as_secs_f64(), computed::seconds());
    let figures = &outcome.figures;
    println!("{nodes} peers, {orders} orders/s, {threads} threads: {} events in {took:.1} s", outcome.events);
    // On a machine that others use too, the time that was computed says more than the time that went by.
    for (what, took) in [("elapsed", took), ("computed", computed)] {
        let (events, pace) = (outcome.events as f64 / took, outcome.seconds as f64 / took);
        println!("{took:.1} s {what}: {events:.0} events/s, {pace:.2} times real time");
    }
    println!("delivered {} ppm, agreed {} ppm, struck {}", figures.delivered_ppm, figures.agreed_ppm, figures.struck);
    println!("{} copies, {:.0} bytes/s, loop {:.2} %", figures.copies, figures.sent_bytes_per_s, figures.loop_percent);
    println!("{:?} {:?}", figures.delivery_ms, figures.reach99_ms);
    println!("broken: {:?}", outcome.broken);
}
