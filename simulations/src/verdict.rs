//! Whether a run was good: nothing broke, and every figure reached what its scenario expects. Knows no output.

use serde::Serialize;

use crate::figures::glossary;
use crate::{Outcome, Scenario};

/// Most peers of a run that people also ran with real processes; figures above are called simulated wherever they stand.
pub const REAL_NODES_MAX: u32 = 200;

/// One bound of `expect` and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expected {
    /// The figure's dotted name.
    pub figure: String,
    /// What it reached; none if it was not measured, which meets no bound.
    pub value: Option<f64>,
    /// At least.
    pub min: Option<f64>,
    /// At most.
    pub max: Option<f64>,
    /// Whether it is within.
    pub is_met: bool,
}

/// How a run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything held.
    Good,
    /// What must hold held, but a figure is outside its bounds.
    Short,
    /// Something that must hold did not.
    Broken,
}

/// What each bound of the scenario came to.
pub fn expected(scenario: &Scenario, outcome: &Outcome) -> Vec<Expected> {
    let judge = |(figure, bound): (&String, &crate::scenario::Bound)| {
        let value = glossary::value(outcome, figure);
        let is_within =
            |value: f64| bound.min.is_none_or(|min| value >= min) && bound.max.is_none_or(|max| value <= max);
        Expected { figure: figure.clone(), value, min: bound.min, max: bound.max, is_met: value.is_some_and(is_within) }
    };
    scenario.expect.iter().map(judge).collect()
}

/// How the run went in all.
pub fn verdict(outcome: &Outcome, expected: &[Expected]) -> Verdict {
    match (outcome.broken.is_empty(), expected.iter().all(|one| one.is_met)) {
        (false, _) => Verdict::Broken,
        (true, false) => Verdict::Short,
        (true, true) => Verdict::Good,
    }
}

/// Whether figures of so many peers must be called simulated.
pub fn is_simulated(nodes: u32) -> bool {
    nodes > REAL_NODES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Bound;

    #[test]
    fn a_figure_outside_its_bounds_or_not_measured_falls_short() {
        let mut scenario = crate::fake::scenario();
        let outcome = crate::fake::outcome(&scenario, 1);
        let mut judged = |name: &str, min: Option<f64>, max: Option<f64>| {
            scenario.expect = [(name.to_string(), Bound { min, max })].into();
            let expected = expected(&scenario, &outcome);
            verdict(&outcome, &expected)
        };
        assert_eq!(judged("orders", Some(1.0), None), Verdict::Good);
        assert_eq!(judged("orders", None, Some(1.0)), Verdict::Short);
        assert_eq!(judged("cheats.nothing", Some(0.0), None), Verdict::Short);
        let mut broken = outcome.clone();
        broken.broken.push(crate::fake::broken("roots"));
        assert_eq!(verdict(&broken, &[]), Verdict::Broken);
    }
}
