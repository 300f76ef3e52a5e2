//! Whatever messages two to four peers hear, in whatever order, how often, and whichever are lost until they are brought
//! later: their sets are equal in the end, and so are the sealed roots of every later epoch.
#![allow(clippy::unwrap_used, clippy::print_stdout)]
extern crate alloc;

mod pool;
#[allow(dead_code)]
#[path = "../../src/world/people.rs"]
mod people;
mod peers;

/// What the people of the machine's own tests are made with.
mod input {
    pub use matcher::Draft;
}

use std::sync::OnceLock;

use peers::Case;
use pool::Pool;

/// Cases of each of the tests below, which run beside each other.
const CASES: u64 = 5_000;

fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(Pool::new)
}

/// Runs the cases of these seeds and prints each that fails, or how many there were.
fn run(first: u64, heads_max: Option<u32>) {
    let only = std::env::var("SOUK_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let seeds = only.map_or(first..first + CASES, |seed| seed..seed + 1);
    let (mut failed, mut moved) = (0, 0);
    for seed in seeds.clone() {
        match Case::new(seed, pool(), heads_max).run() {
            Ok(in_book) => moved += in_book,
            Err(what) => {
                println!("SOUK_SEED={seed}: {what}");
                failed += 1;
            }
        }
    }
    println!("{} cases from seed {}, {failed} failed, {moved} things kept in all", seeds.end - seeds.start, seeds.start);
    assert_eq!(failed, 0, "seeds are printed above");
    assert!(only.is_some() || moved as u64 > CASES, "the cases are empty");
}

#[test]
fn any_interleaving_repetition_and_loss_repaired_later_ends_in_equal_sets_and_roots() {
    run(0, None);
}

#[test]
fn the_same_with_other_seeds() {
    run(1_000_000, None);
}
