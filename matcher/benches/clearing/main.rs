//! How long clearing takes and what it needs, how much it gains over matching greedily, and how little it changes when
//! orders are missing. Prints tables in Markdown and draws plots; judges nothing.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod assignment;
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
    // `quick` makes everything smaller; other words select cases, `plot` draws what was measured into docs/.
    let scale = timing::Scale { is_quick: has("quick"), is_plotted: has("plot") };
    let cases: [(&str, fn(timing::Scale)); 6] = [
        ("one", one_class::run),
        ("many", many_classes::run),
        ("assignment", assignment::run),
        ("growth", growth::run),
        ("gain", gain::run),
        ("stability", stability::run),
    ];
    let is_any = cases.iter().any(|(name, _)| has(name));
    // `cargo test --all-targets` runs benches too, and wants no figures.
    if has("--bench") {
        cases.iter().filter(|(name, _)| !is_any || has(name)).for_each(|(_, run)| run(scale));
    }
}
