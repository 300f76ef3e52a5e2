//! New signed orders per second on one core, from wire bytes to the book, each arriving seven times, beside the bare
//! recovery of signatures; and the bytes that a live order takes. Prints tables; judges nothing.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod many;
mod memory;
mod speed;
mod words;

#[global_allocator]
static COUNTING: memory::Counting = memory::Counting;

fn main() {
    // `cargo test --all-targets` runs benches too, and wants no figures.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    // A word of a case's name selects it; `memory` selects the bytes, `many` what many machines take.
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    speed::run(&only);
    if "memory".contains(&only) {
        memory::run();
    }
    if only == "many" {
        [8, 16].into_iter().for_each(many::admission);
        memory::begin_counting();
        [8, 16].into_iter().for_each(many::memory);
    }
}
