//! Two documents side by side, figure by figure: of two commits, or of two settings. What got worse is called so only
//! beyond the spread of seeds, where there are several.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::figures::glossary::{self, Better};
use crate::sweep::{Spread, spread};

/// A change below this share of the figure is none, where there is only one seed and so no spread.
const CHANGE_MIN: f64 = 0.02;

/// Why two documents cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// A file holds no document of ours.
    #[error("{name} is no report of a run or a sweep")]
    NoReport {
        /// Which file.
        name: String,
    },
    /// They have no point in common.
    #[error("the two reports have no settings in common")]
    NothingShared,
}

/// What became of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// As before, as far as can be told.
    Same,
    /// Better, beyond chance if there are several seeds.
    Better,
    /// Worse, likewise.
    Worse,
    /// Other, and neither better nor worse.
    Other,
}

/// One figure at one point of both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// What is set at this point: empty for runs.
    pub settings: BTreeMap<String, String>,
    /// The figure's dotted name.
    pub figure: String,
    /// Of the first.
    pub a: Spread,
    /// Of the second.
    pub b: Spread,
    /// The second's mean divided by the first's; none if that is 0.
    pub ratio: Option<f64>,
    /// What became of it.
    pub change: Change,
}

type Points = Vec<(BTreeMap<String, String>, BTreeMap<String, Spread>)>;

/// All figures that both documents have, in the order of the glossary.
///
/// # Errors
/// If one is no report, or they share nothing.
pub fn compare(a: (&str, &Value), b: (&str, &Value)) -> Result<Vec<Line>, CompareError> {
    let points =
        |(name, document): (&str, &Value)| points(document).ok_or(CompareError::NoReport { name: name.into() });
    let (a, b) = (points(a)?, points(b)?);
    let mut lines = Vec::new();
    for (settings, figures) in &a {
        let Some((_, others)) = b.iter().find(|(other, _)| other == settings) else { continue };
        let both = figures.iter().filter_map(|(name, a)| Some((name, *a, *others.get(name)?)));
        let mut own: Vec<Line> = both.map(|(name, a, b)| line(settings, name, a, b)).collect();
        own.sort_by_key(|line| {
            glossary::ALL.iter().position(|figure| figure.name == line.figure).unwrap_or(usize::MAX)
        });
        lines.extend(own);
    }
    if lines.is_empty() { Err(CompareError::NothingShared) } else { Ok(lines) }
}

fn line(settings: &BTreeMap<String, String>, name: &str, a: Spread, b: Spread) -> Line {
    let ratio = (a.mean != 0.0).then(|| b.mean / a.mean);
    let (settings, figure) = (settings.clone(), name.to_string());
    Line { settings, figure, a, b, ratio, change: change(name, a, b) }
}

fn change(name: &str, a: Spread, b: Spread) -> Change {
    let difference = b.mean - a.mean;
    let is_chance = match a.runs > 1 && b.runs > 1 {
        // Welch: two standard errors of the difference of two means.
        true => {
            let error = (a.deviation * a.deviation / a.runs as f64 + b.deviation * b.deviation / b.runs as f64).sqrt();
            difference.abs() <= 2.0 * error
        }
        false => difference.abs() <= CHANGE_MIN * a.mean.abs(),
    };
    let better = glossary::find(name).map_or(Better::Neither, |figure| figure.better);
    match (difference == 0.0 || is_chance, better, difference > 0.0) {
        (true, _, _) => Change::Same,
        (false, Better::Neither, _) => Change::Other,
        (false, Better::Higher, true) | (false, Better::Lower, false) => Change::Better,
        _ => Change::Worse,
    }
}

fn points(document: &Value) -> Option<Points> {
    match document["kind"].as_str()? {
        "run" => Some(vec![(BTreeMap::new(), flat(&document["figures"]))]),
        "sweep" => document["points"].as_array()?.iter().map(point).collect(),
        _ => None,
    }
}

fn point(point: &Value) -> Option<(BTreeMap<String, String>, BTreeMap<String, Spread>)> {
    let text = |value: &Value| value.as_str().map_or(value.to_string(), String::from);
    let settings = point["settings"].as_object()?.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for run in point["runs"].as_array()? {
        for (name, value) in run["figures"].as_object()? {
            values.entry(name.clone()).or_default().push(value.as_f64()?);
        }
    }
    Some((settings, values.into_iter().map(|(name, values)| (name, spread(&values))).collect()))
}

/// Nested figures by dotted names; percentiles of nothing are left out.
fn flat(figures: &Value) -> BTreeMap<String, Spread> {
    let mut all = BTreeMap::new();
    for (name, value) in figures.as_object().into_iter().flatten() {
        let of = |value: &Value| value.as_f64().map(|value| spread(&[value]));
        match value.as_object() {
            Some(parts) if parts.get("count").is_some_and(|count| count == 0) => {}
            Some(parts) => {
                all.extend(parts.iter().filter_map(|(part, value)| Some((format!("{name}.{part}"), of(value)?))))
            }
            None => all.extend(of(value).map(|value| (name.clone(), value))),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;
    use crate::report::document::{Run, Sweep};
    use crate::sweep::{Axis, grid, sweep};
    use serde_json::json;

    fn run(change: impl Fn(&mut crate::Outcome)) -> Value {
        let scenario = fake::scenario();
        let mut outcome = fake::outcome(&scenario, 5);
        change(&mut outcome);
        Run::new(scenario, outcome, None, 2.0).document()
    }

    fn change_of(lines: &[Line], figure: &str) -> (Change, Option<f64>) {
        let line = lines.iter().find(|line| line.figure == figure).unwrap();
        (line.change, line.ratio)
    }

    #[test]
    fn what_got_worse_or_better_is_told_by_the_figure_s_own_direction() {
        let after = run(|outcome| {
            outcome.figures.copies *= 2.0;
            outcome.figures.agreed_ppm = 1_000_000;
            outcome.figures.agreement_ms.p50 *= 0.5;
            outcome.figures.delivery_ms.p99 *= 1.001;
        });
        let lines = compare(("a", &run(|_| {})), ("b", &after)).unwrap();
        assert_eq!(change_of(&lines, "copies"), (Change::Worse, Some(2.0)));
        assert_eq!(change_of(&lines, "agreement_ms.p50"), (Change::Better, Some(0.5)));
        assert_eq!(change_of(&lines, "delivery_ms.p99").0, Change::Same);
        assert_eq!(lines[0].figure, "delivery_ms.p50");
    }

    #[test]
    fn with_several_seeds_a_change_within_their_spread_is_chance() {
        let noisy = |mean: f64, deviation: f64| Spread { mean, deviation, runs: 9 };
        assert_eq!(change("copies", noisy(4.0, 3.0), noisy(5.0, 3.0)), Change::Same);
        assert_eq!(change("copies", noisy(4.0, 0.3), noisy(5.0, 0.3)), Change::Worse);
        assert_eq!(change("orders", noisy(4.0, 0.3), noisy(5.0, 0.3)), Change::Other);
    }

    #[test]
    fn sweeps_are_compared_point_by_point() {
        let document = |values: &[&str]| {
            let axes = vec![Axis { field: "nodes".into(), values: values.iter().map(|v| v.to_string()).collect() }];
            let scenario = fake::scenario();
            let points = sweep(&grid(&scenario, &axes).unwrap(), &[1, 2], 1, &fake::run, &|_| {}).unwrap();
            Sweep { scenario, axes, seeds: vec![1, 2], points, took_s: 1.0, named: "small".into() }.document()
        };
        let lines = compare(("a", &document(&["5", "6"])), ("b", &document(&["6", "7"]))).unwrap();
        assert!(
            lines.iter().all(|line| line.settings["nodes"] == "6" && line.change == Change::Same && line.a.runs == 2)
        );
        let nothing = compare(("a", &document(&["5"])), ("b", &document(&["7"])));
        assert_eq!(nothing, Err(CompareError::NothingShared));
        assert!(matches!(compare(("a", &json!({})), ("b", &json!({}))), Err(CompareError::NoReport { .. })));
    }
}
