//! A market over a bad network that parts in two and heals: twelve real processes, each in a network of its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![allow(clippy::print_stderr, reason = "the story ends with its figures")]

mod fleet;
mod lan;
mod relay;
mod story;

#[test]
fn both_halves_of_a_parted_network_come_to_one_book() {
    // The relay is this very program, started again inside the hub's namespace.
    match relay::is_asked_for() {
        true => relay::serve(),
        false => story::run(),
    }
}
