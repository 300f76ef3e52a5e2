//! Every scenario of the house can be read, asks a question, and runs in small.

use std::path::PathBuf;

use simulations::runner::Options;
use simulations::scenario::load;
use simulations::{Scenario, catalogue};

/// Virtual seconds of a scenario in small; faults that would begin later begin at once.
const SECONDS: u32 = 4;
const NODES: u32 = 12;

fn all() -> Vec<(PathBuf, Scenario)> {
    let files = catalogue::files(&catalogue::folder("scenarios")).into_iter();
    files.map(|path| (path.clone(), load(&path).unwrap_or_else(|error| panic!("{error}")))).collect()
}

fn small(scenario: &Scenario) -> Scenario {
    let mut small = scenario.clone();
    (small.warmup_s, small.seconds) = (4, SECONDS);
    small.traders.standing = small.traders.standing.min(50);
    small.traders.orders_per_s = small.traders.orders_per_s.min(10.0);
    for fault in &mut small.faults {
        fault.at_s = fault.at_s.min(1.0);
        fault.for_s = fault.for_s.min(1.0);
    }
    for cheat in &mut small.cheats {
        cheat.at_s = cheat.at_s.min(1.0);
        cheat.extra_peers = (cheat.extra_peers * NODES).div_ceil(scenario.nodes).min(NODES);
    }
    small
}

#[test]
fn there_are_many_scenarios_and_each_asks_its_own_question() {
    let mut all: Vec<(PathBuf, Scenario)> = all();
    assert!(all.len() >= 20, "{}", all.len());
    for (path, scenario) in &all {
        assert!(scenario.question.chars().count() >= 100, "{}: ask a question of a hundred characters", path.display());
    }
    all.sort_by(|a, b| a.1.question.cmp(&b.1.question));
    let twice = all.windows(2).find(|pair| pair[0].1.question == pair[1].1.question);
    assert!(twice.is_none(), "{twice:?}");
}

#[test]
fn every_scenario_runs_in_small_and_its_figures_are_ones_that_a_run_has() {
    for (path, scenario) in all() {
        let small = small(&scenario);
        let options = Options { nodes: Some(NODES), seed: 1, threads: 1, ..Options::default() };
        let outcome = simulations::runner::run(&small, &options, &mut |_| {});
        let outcome = outcome.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(outcome.events > 0 && !outcome.rows.is_empty(), "{}", path.display());
    }
}
