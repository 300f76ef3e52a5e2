//! The one door through which tools have a scenario run, so that their tests can bring a run of their own.

use crate::{Outcome, Scenario, ScenarioError};

/// How a scenario is run this time.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Peers instead of the scenario's number.
    pub nodes: Option<u32>,
    /// What chance is drawn from.
    pub seed: u64,
    /// Threads to run it on; they change nothing but the time that it takes.
    pub threads: usize,
}

/// How far a run is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Virtual seconds that are done.
    pub second: f64,
    /// Virtual seconds in all.
    pub of: f64,
    /// Events that happened.
    pub events: u64,
}

/// What runs a scenario.
pub type Runner = dyn Fn(&Scenario, &Options, &mut dyn FnMut(Progress)) -> Result<Outcome, ScenarioError> + Sync;
