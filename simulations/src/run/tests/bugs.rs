//! The checks find mistakes that are planted in one peer.

use super::*;
use crate::clearings::Bug;

fn found(bug: Bug, seed: u64) -> Option<String> {
    let traders = Traders { orders_per_s: 6.0, withdrawn_percent: 30.0, life_s: 20, ..Traders::default() };
    let checks = Checks { every: Every::Step, ..Checks::default() };
    let scenario = Scenario { traders, checks, ..Scenario::plain("planted", 6, 20) };
    let options = Options { bug: Some(bug), ..options(seed, 1) };
    outcome(&scenario, &options).broken.first().map(|broken| broken.check.clone())
}

#[test]
fn a_machine_that_drops_one_order_is_found() {
    assert_eq!(found(Bug::DropsAnOrder, 1).as_deref(), Some("same_book_same_seal"));
}

#[test]
fn a_book_that_ignores_a_cancel_is_found_within_a_few_seeds() {
    let seed = (1..20).find(|seed| found(Bug::IgnoresCancels, *seed).as_deref() == Some("same_book_same_seal"));
    println!("found with seed {seed:?}");
    assert!(seed.is_some());
}
