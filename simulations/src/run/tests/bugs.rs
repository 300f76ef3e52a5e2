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

fn first_seed(bug: Bug) -> Option<u64> {
    (1..20).find(|seed| found(bug, *seed).as_deref() == Some("same_book_same_seal"))
}

#[test]
fn a_machine_that_drops_one_order_is_found_with_the_first_seed() {
    assert_eq!(first_seed(Bug::DropsAnOrder), Some(1));
}

#[test]
fn a_book_that_ignores_a_cancel_is_found_within_a_few_seeds() {
    assert!(first_seed(Bug::IgnoresCancels).is_some());
}
