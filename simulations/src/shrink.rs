//! The smallest scenario that still fails as a given one does: fewer peers, faults, cheats and seconds, lower rates.
//! Zeller and Hildebrandt's delta debugging, greedy and without chance. Knows no output.

mod steps;

use std::collections::BTreeSet;

use crate::runner::{Options, Runner};
use crate::verdict::expected;
use crate::{Outcome, Scenario, ScenarioError};

/// Runs of one search unless more are allowed.
pub const RUNS_DEFAULT: u32 = 150;

/// What a failing run fails by: two runs fail alike if they share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// A check did not hold.
    Check(String),
    /// A figure was outside its bounds.
    Figure(String),
}

/// A scenario that fails, and how it was found.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// The smallest one.
    pub scenario: Scenario,
    /// What its run came to.
    pub outcome: Outcome,
    /// How it fails.
    pub failure: Failure,
    /// What was taken away, in order.
    pub steps: Vec<String>,
    /// Runs that it took.
    pub runs: u32,
    /// Whether nothing more can be taken away, or the runs were used up.
    pub is_smallest: bool,
}

/// How a run failed, if it did: by the first check that broke, else by the first figure outside its bounds.
pub fn failure(scenario: &Scenario, outcome: &Outcome) -> Option<Failure> {
    let check = outcome.broken.first().map(|broken| Failure::Check(broken.check.clone()));
    check.or_else(|| {
        let missed = expected(scenario, outcome).into_iter().find(|expected| !expected.is_met);
        missed.map(|expected| Failure::Figure(expected.figure))
    })
}

fn fails_alike(scenario: &Scenario, outcome: &Outcome, failure: &Failure) -> bool {
    match failure {
        Failure::Check(check) => outcome.broken.iter().any(|broken| broken.check == *check),
        Failure::Figure(figure) => expected(scenario, outcome).iter().any(|one| one.figure == *figure && !one.is_met),
    }
}

/// A search, bounded by the number of runs.
pub struct Shrinker<'a> {
    /// What runs a scenario.
    pub runner: &'a Runner,
    /// The seed that fails.
    pub seed: u64,
    /// Threads of each run.
    pub threads: usize,
    /// Runs at most; then the smallest so far is the answer.
    pub runs_max: u32,
    /// Told before each run: how many were made, and what is tried.
    pub tell: &'a mut dyn FnMut(u32, &str),
}

impl Shrinker<'_> {
    /// Shrinks `scenario`, run with its own number of peers; none if it does not fail.
    ///
    /// # Errors
    /// If the scenario itself cannot be run.
    pub fn shrink(mut self, scenario: &Scenario) -> Result<Option<Shrunk>, ScenarioError> {
        let mut runs = 1;
        (self.tell)(0, "the run itself");
        let outcome = self.run(scenario)?;
        let Some(failure) = failure(scenario, &outcome) else { return Ok(None) };
        let mut best =
            Shrunk { scenario: scenario.clone(), outcome, failure, steps: Vec::new(), runs, is_smallest: false };
        let mut tried = BTreeSet::from([best.scenario.text()]);
        'search: loop {
            for (what, candidate) in steps::smaller(&best) {
                if candidate.check().is_err() || !tried.insert(candidate.text()) {
                    continue;
                }
                if runs >= self.runs_max {
                    break 'search;
                }
                (self.tell)(runs, &what);
                runs += 1;
                // What cannot be run is not smaller.
                let Ok(outcome) = self.run(&candidate) else { continue };
                if fails_alike(&candidate, &outcome, &best.failure) {
                    (best.scenario, best.outcome) = (candidate, outcome);
                    best.steps.push(what);
                    continue 'search;
                }
            }
            best.is_smallest = true;
            break;
        }
        best.runs = runs;
        Ok(Some(best))
    }

    fn run(&mut self, scenario: &Scenario) -> Result<Outcome, ScenarioError> {
        let options = Options { nodes: None, seed: self.seed, threads: self.threads, ..Options::default() };
        (self.runner)(scenario, &options, &mut |_| {})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;
    use crate::scenario::{Fault, FaultKind};

    fn fault(at_s: f64, kind: FaultKind) -> Fault {
        Fault { at_s, for_s: 8.0, peers_percent: 50.0, every_s: 0.0, kind }
    }

    /// Breaks `roots` if a crash and a slow machine are there, a link loses, and five peers run for 20 s.
    fn brittle(scenario: &Scenario, options: &Options) -> Result<Outcome, ScenarioError> {
        let mut outcome = fake::run(scenario, options, &mut |_| {})?;
        let has = |wanted: fn(&FaultKind) -> bool| scenario.faults.iter().any(|fault| wanted(&fault.kind));
        let has_both =
            has(|kind| matches!(kind, FaultKind::Crash { .. })) && has(|kind| matches!(kind, FaultKind::Slow { .. }));
        if has_both && scenario.links.loss_percent >= 1.0 && scenario.nodes >= 5 && scenario.seconds >= 20 {
            outcome.broken.push(fake::broken("roots"));
        }
        Ok(outcome)
    }

    fn large() -> Scenario {
        let mut scenario = fake::scenario();
        (scenario.nodes, scenario.seconds, scenario.links.loss_percent) = (97, 60, 8.0);
        scenario.traders.orders_per_s = 50.0;
        scenario.faults = (0..6).map(|at| fault(f64::from(at), FaultKind::Pause)).collect();
        scenario.faults.insert(2, fault(2.0, FaultKind::Crash { keeps_disk: true }));
        scenario.faults.push(fault(3.0, FaultKind::Slow { times: 3.0 }));
        scenario
    }

    fn shrink(scenario: &Scenario, runs_max: u32) -> Option<Shrunk> {
        let runner = |scenario: &Scenario, options: &Options, _: &mut dyn FnMut(crate::runner::Progress)| {
            brittle(scenario, options)
        };
        Shrinker { runner: &runner, seed: 7, threads: 1, runs_max, tell: &mut |_, _| {} }.shrink(scenario).unwrap()
    }

    #[test]
    fn only_what_makes_it_fail_is_left() {
        let shrunk = shrink(&large(), 1_000).unwrap();
        assert!(shrunk.is_smallest);
        assert_eq!(shrunk.failure, Failure::Check("roots".into()));
        let scenario = &shrunk.scenario;
        assert_eq!((scenario.nodes, scenario.seconds), (5, 20));
        let kinds: Vec<&FaultKind> = scenario.faults.iter().map(|fault| &fault.kind).collect();
        assert!(matches!(kinds[..], [FaultKind::Crash { .. }, FaultKind::Slow { .. }]), "{kinds:?}");
        assert!(
            scenario.cheats.is_empty() && scenario.links.loss_percent == 1.0 && scenario.traders.orders_per_s < 2.0
        );
        assert_eq!(
            failure(
                scenario,
                &brittle(scenario, &Options { nodes: None, seed: 7, threads: 1, ..Options::default() }).unwrap()
            ),
            Some(shrunk.failure)
        );
    }

    #[test]
    fn the_search_is_the_same_each_time_and_ends_where_its_runs_do() {
        let (a, b) = (shrink(&large(), 1_000).unwrap(), shrink(&large(), 1_000).unwrap());
        assert_eq!((a.scenario, a.steps, a.runs), (b.scenario, b.steps, b.runs));
        let short = shrink(&large(), 5).unwrap();
        assert!(short.runs == 5 && !short.is_smallest);
    }

    #[test]
    fn what_does_not_fail_is_not_shrunk() {
        let mut scenario = large();
        scenario.faults.clear();
        assert!(shrink(&scenario, 100).is_none());
    }

    #[test]
    fn a_figure_outside_its_bounds_is_a_failure_too() {
        let mut scenario = large();
        scenario.faults.clear();
        scenario.expect = [("orders".to_string(), crate::scenario::Bound { min: Some(1e9), max: None })].into();
        let shrunk = shrink(&scenario, 1_000).unwrap();
        assert_eq!(shrunk.failure, Failure::Figure("orders".into()));
        assert_eq!((shrunk.scenario.nodes, shrunk.scenario.seconds), (2, 1));
    }
}
