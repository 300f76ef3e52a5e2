//! A grid over fields of a scenario and over seeds: every point run, several at once, with mean and spread of each figure.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde::Serialize;

use crate::figures::glossary;
use crate::runner::{Options, Runner};
use crate::scenario::LoadError;
use crate::verdict::{Verdict, expected, verdict};
use crate::{Scenario, ScenarioError};

/// Runs of one sweep; more are refused.
pub const RUNS_MAX: usize = 10_000;

/// A field by its dotted path, and the values that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// The path: `links.loss_percent`.
    pub field: String,
    /// TOML values.
    pub values: Vec<String>,
}

/// Mean and spread of a figure over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation of one run, 0 if there is only one.
    pub deviation: f64,
    /// Runs that measured it.
    pub runs: usize,
}

/// One run at a point.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// What happened in it.
    pub trace_hash: String,
    /// How it went.
    pub verdict: Verdict,
    /// The checks that broke.
    pub broken: Vec<String>,
    /// What was measured, by dotted names.
    pub figures: BTreeMap<String, f64>,
}

/// One point of the grid.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// What is set here, by field.
    pub settings: BTreeMap<String, String>,
    /// Peers, attackers included.
    pub nodes: u32,
    /// Its runs, by seed.
    pub runs: Vec<Run>,
    /// Mean and spread of what was measured.
    pub figures: BTreeMap<String, Spread>,
}

/// What is set at a point of the grid, and the scenario that it makes.
pub type Place = (BTreeMap<String, String>, Scenario);

/// A run with its number of peers, or why there is none.
type Made = Result<(u32, Run), ScenarioError>;

/// The points of the grid, each with its scenario, the last field changing fastest.
///
/// # Errors
/// If a field cannot be set to a value, or the result cannot be run.
pub fn grid(scenario: &Scenario, axes: &[Axis]) -> Result<Vec<Place>, LoadError> {
    let mut points = vec![(BTreeMap::new(), scenario.clone())];
    for axis in axes {
        let mut finer = Vec::new();
        for (settings, scenario) in &points {
            for value in &axis.values {
                let mut settings = settings.clone();
                settings.insert(axis.field.clone(), value.clone());
                finer.push((settings, scenario.with(&axis.field, value)?));
            }
        }
        points = finer;
    }
    for (_, scenario) in &points {
        scenario.check().map_err(|source| LoadError::Check { path: scenario.name.clone().into(), source })?;
    }
    Ok(points)
}

/// Runs every point with every seed, `threads` at once, each run on one; `tell` hears how many are done.
///
/// # Errors
/// The first run that could not be made; no more are begun then.
pub fn sweep(
    points: &[Place],
    seeds: &[u64],
    threads: usize,
    runner: &Runner,
    tell: &(dyn Fn(usize) + Sync),
) -> Result<Vec<Point>, ScenarioError> {
    let count = points.len() * seeds.len();
    let (next, done, is_over) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let results: Mutex<Vec<Option<Made>>> = Mutex::new(vec![None; count]);
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, count.max(1)) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count || is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    let result = one(&points[at / seeds.len()].1, seeds[at % seeds.len()], runner);
                    is_over.fetch_or(result.is_err(), Ordering::Relaxed);
                    results.lock().unwrap_or_else(|broken| broken.into_inner())[at] = Some(result);
                    tell(done.fetch_add(1, Ordering::Relaxed) + 1);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(|broken| broken.into_inner());
    let runs: Vec<(u32, Run)> = results.into_iter().flatten().collect::<Result<_, _>>()?;
    let point = |(at, (settings, _)): (usize, &Place)| {
        let own = &runs[at * seeds.len()..(at + 1) * seeds.len()];
        let runs: Vec<Run> = own.iter().map(|(_, run)| run.clone()).collect();
        let nodes = own.first().map_or(0, |(nodes, _)| *nodes);
        Point { settings: settings.clone(), nodes, figures: spreads(&runs), runs }
    };
    Ok(points.iter().enumerate().map(point).collect())
}

fn one(scenario: &Scenario, seed: u64, runner: &Runner) -> Result<(u32, Run), ScenarioError> {
    let outcome = runner(scenario, &Options { nodes: None, seed, threads: 1, ..Options::default() }, &mut |_| {})?;
    let mut broken: Vec<String> = outcome.broken.iter().map(|broken| broken.check.clone()).collect();
    broken.sort();
    broken.dedup();
    let verdict = verdict(&outcome, &expected(scenario, &outcome));
    let figures = glossary::values(&outcome).into_iter().collect();
    Ok((outcome.nodes, Run { seed, trace_hash: outcome.trace_hash.to_string(), verdict, broken, figures }))
}

/// Mean and standard deviation of each figure that any run measured.
pub fn spreads(runs: &[Run]) -> BTreeMap<String, Spread> {
    let mut values: BTreeMap<&String, Vec<f64>> = BTreeMap::new();
    for (name, value) in runs.iter().flat_map(|run| &run.figures) {
        values.entry(name).or_default().push(*value);
    }
    values.into_iter().map(|(name, values)| (name.clone(), spread(&values))).collect()
}

/// Mean and standard deviation of some numbers, of which there is at least one.
pub fn spread(values: &[f64]) -> Spread {
    let runs = values.len();
    let mean = values.iter().sum::<f64>() / runs as f64;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let deviation = if runs > 1 { (squares / (runs - 1) as f64).sqrt() } else { 0.0 };
    Spread { mean, deviation, runs }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    fn axes() -> Vec<Axis> {
        let axis = |field: &str, values: &[&str]| Axis {
            field: field.into(),
            values: values.iter().map(|v| v.to_string()).collect(),
        };
        vec![axis("links.loss_percent", &["0", "5"]), axis("nodes", &["5", "10", "20"])]
    }

    #[test]
    fn every_point_runs_with_every_seed_and_threads_change_nothing() {
        let points = grid(&fake::scenario(), &axes()).unwrap();
        let run = |threads| sweep(&points, &[1, 2, 3], threads, &fake::run, &|_| {}).unwrap();
        let swept = run(1);
        assert_eq!(swept, run(4));
        assert_eq!(swept.len(), 6);
        assert_eq!(swept[4].settings["links.loss_percent"], "5");
        assert_eq!((swept[4].nodes, swept[4].runs.len(), swept[4].runs[2].seed), (10, 3, 3));
        assert_eq!(swept[0].figures["orders"].runs, 3);
        assert!(swept[0].figures["orders"].deviation > 0.0 && swept[0].figures["matches"].deviation == 0.0);
    }

    #[test]
    fn a_field_that_cannot_be_set_is_told_before_anything_runs() {
        let wrong = [Axis { field: "links.lost".into(), values: vec!["1".into()] }];
        assert_eq!(grid(&fake::scenario(), &wrong).unwrap_err().code(), "scenario_set");
        let wrong = [Axis { field: "links.loss_percent".into(), values: vec!["101".into()] }];
        assert_eq!(grid(&fake::scenario(), &wrong).unwrap_err().code(), "scenario_range");
    }

    #[test]
    fn the_spread_is_the_standard_deviation_of_one_run() {
        assert_eq!(spread(&[2.0, 4.0, 4.0, 6.0]), Spread { mean: 4.0, deviation: (8.0f64 / 3.0).sqrt(), runs: 4 });
        assert_eq!(spread(&[7.0]).deviation, 0.0);
    }
}
