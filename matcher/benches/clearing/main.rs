//! How long clearing takes, what it needs and gains, and how little it changes when orders are missing. Judges nothing.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod assignment;
mod digest;
mod draw;
mod gain;
mod greedy;
mod growth;
mod many_classes;
mod memory;
mod one_class;
mod plot;
mod rivals;
mod scenarios;
mod stability;
mod timing;

#[global_allocator]
static COUNTING: memory::Counting = memory::Counting;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| words.iter().any(|word| word == name);
    // `quick` measures less, `plot` draws into docs/, other words select cases; a test run wants no figures at all.
    let scale = timing::Scale { is_quick: has("quick"), is_plotted: has("plot") };
    let cases: [timing::Case; 7] = [
        ("digest", digest::run),
        ("one", one_class::run),
        ("many", many_classes::run),
        ("assignment", assignment::run),
        ("growth", growth::run),
        ("gain", gain::run),
        ("stability", stability::run),
    ];
    let is_any = cases.iter().any(|(name, _)| has(name));
    if has("--bench") {
        cases.iter().filter(|(name, _)| !is_any || has(name)).for_each(|(_, run)| run(scale));
    }
}
