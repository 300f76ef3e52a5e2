//! New signed orders per second on one core, from wire bytes to the book, each arriving seven times, beside the bare
//! recovery of signatures; and the bytes that a live order takes. Prints tables; judges nothing.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

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
    speed::run();
    memory::run();
}
