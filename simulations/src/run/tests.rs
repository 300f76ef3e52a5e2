//! Small markets from end to end: a quiet one agrees and deals, threads change nothing, another seed changes everything.

mod bugs;
mod cheats;
mod faults;

use super::*;
use crate::scenario::{Checks, Every, Traders};

fn options(seed: u64, threads: usize) -> Options {
    Options { seed, threads, ..Options::default() }
}

fn quiet(nodes: u32, seconds: u32) -> Scenario {
    let traders = Traders { orders_per_s: 4.0, ..Traders::default() };
    let checks = Checks { every: Every::Step, ..Checks::default() };
    Scenario { traders, checks, ..Scenario::plain("quiet", nodes, seconds) }
}

fn outcome(scenario: &Scenario, options: &Options) -> Outcome {
    run(scenario, options, &mut |_| {}).expect("it can be run")
}

#[test]
fn a_quiet_market_of_20_agrees_in_every_epoch_and_strikes_deals() {
    let outcome = outcome(&quiet(20, 40), &options(1, 1));
    let figures = &outcome.figures;
    assert_eq!(outcome.broken, []);
    assert_eq!((figures.agreed_ppm, figures.delivered_ppm), (1_000_000, 1_000_000), "{figures:?}");
    assert!(figures.orders > 100 && figures.struck > 20, "{figures:?}");
}

#[test]
fn threads_change_nothing_and_another_seed_changes_everything() {
    let scenario = quiet(9, 12);
    let first = outcome(&scenario, &options(5, 1));
    for threads in [2, 3] {
        let other = outcome(&scenario, &options(5, threads));
        assert!(other == first, "{threads} threads: {} and {}", other.trace_hash, first.trace_hash);
    }
    assert_ne!(outcome(&scenario, &options(6, 1)).trace_hash, first.trace_hash);
}
