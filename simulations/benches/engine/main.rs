//! How fast the simulator is, and what mesh policies come to: tables on standard output.
//! `cargo bench -p simulations --bench engine -- [quick | events | crowd [NODES SECONDS] | mesh [NODES] | one SETTINGS...]`
#![allow(clippy::print_stdout, missing_docs, reason = "a benchmark talks to the person who started it")]

mod crowd;
mod events;
mod mesh;
mod setting;

fn main() {
    // Run as a test, it only has to build.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
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
