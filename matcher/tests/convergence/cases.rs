//! The cases by seed: `SOUK_SEED=17 cargo test -p matcher --test convergence -- --nocapture` runs one alone.

use std::sync::OnceLock;

use crate::peers::Case;
use crate::pool::Pool;

/// Cases of each of the tests below, which run beside each other.
const CASES: u64 = 5_000;

fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(Pool::new)
}

/// Runs the cases of these seeds and prints each that fails, or how many there were.
fn run(first: u64) {
    let only = std::env::var("SOUK_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let seeds = only.map_or(first..first + CASES, |seed| seed..seed + 1);
    let (mut failed, mut moved) = (0, 0);
    for seed in seeds.clone() {
        match Case::new(seed, pool()).run() {
            Ok(in_book) => moved += in_book,
            Err(what) => {
                println!("SOUK_SEED={seed}: {what}");
                failed += 1;
            }
        }
    }
    println!(
        "{} cases from seed {}, {failed} failed, {moved} things kept in all",
        seeds.end - seeds.start,
        seeds.start
    );
    assert_eq!(failed, 0, "seeds are printed above");
    assert!(only.is_some() || moved as u64 > CASES, "the cases are empty");
}

#[test]
fn any_interleaving_repetition_and_loss_repaired_later_ends_in_equal_sets_and_roots() {
    run(0);
}

#[test]
fn the_same_with_other_seeds() {
    run(1_000_000);
}
