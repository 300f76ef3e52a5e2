//! A run or a sweep as one JSON document, and back from it what two of them are compared by.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::timeline;
use crate::sweep::{Axis, Point};
use crate::verdict::{self, Expected, Verdict};
use crate::{Outcome, Scenario};

/// A run with everything that is told about it.
#[derive(Debug, Clone)]
pub struct Run {
    /// What was asked.
    pub scenario: Scenario,
    /// What came of it.
    pub outcome: Outcome,
    /// Its bounds.
    pub expected: Vec<Expected>,
    /// How it went.
    pub verdict: Verdict,
    /// `--nodes`, if that was given.
    pub nodes: Option<u32>,
    /// Seconds of real time.
    pub took_s: f64,
    /// The command that runs it again.
    pub again: String,
}

impl Run {
    /// What is told of an outcome; the scenario is found by its name again, unless `again` is changed.
    pub fn new(scenario: Scenario, outcome: Outcome, nodes: Option<u32>, took_s: f64) -> Run {
        let expected = verdict::expected(&scenario, &outcome);
        let verdict = verdict::verdict(&outcome, &expected);
        let again = run_command(&scenario.name, nodes.filter(|nodes| *nodes != scenario.nodes), outcome.seed);
        Run { scenario, outcome, expected, verdict, nodes, took_s, again }
    }

    /// The document.
    pub fn document(&self) -> Value {
        let Run { scenario, outcome, .. } = self;
        let mut document = json!({
            "kind": "run",
            "question": scenario.question,
            "is_simulated": true,
            "label": label(outcome.nodes),
            "verdict": self.verdict,
            "expected": self.expected,
            "settings": scenario.settings(),
            "timeline": timeline::spans(scenario),
            "again": self.again,
            "took": {"seconds": self.took_s, "events_per_s": rate(outcome.events, self.took_s)},
        });
        if let (Value::Object(members), Value::Object(told)) = (&mut document, value(outcome)) {
            members.extend(told);
        }
        document
    }
}

/// The command that runs a scenario, named by a name or a path.
pub fn run_command(name: &str, nodes: Option<u32>, seed: u64) -> String {
    let nodes = nodes.map_or(String::new(), |nodes| format!(" --nodes {nodes}"));
    format!("souk-sim run {name}{nodes} --seed {seed}")
}

/// What figures of so many peers are called.
pub fn label(nodes: u32) -> &'static str {
    if verdict::is_simulated(nodes) { "simulated" } else { "simulated, at a size that real processes run too" }
}

/// A sweep with everything that is told about it.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// The scenario without what is swept.
    pub scenario: Scenario,
    /// What was swept.
    pub axes: Vec<Axis>,
    /// Its seeds.
    pub seeds: Vec<u64>,
    /// What came of it.
    pub points: Vec<Point>,
    /// Seconds of real time.
    pub took_s: f64,
    /// What the user called the scenario: a name or a path.
    pub named: String,
}

impl Sweep {
    /// The document.
    pub fn document(&self) -> Value {
        let fields: Map<String, Value> =
            self.axes.iter().map(|axis| (axis.field.clone(), json!(axis.values))).collect();
        let nodes_max = self.points.iter().map(|point| point.nodes).max().unwrap_or(0);
        json!({
            "kind": "sweep",
            "scenario": self.scenario.name,
            "question": self.scenario.question,
            "is_simulated": true,
            "label": label(nodes_max),
            "nodes": self.scenario.nodes,
            "fields": fields,
            "seeds": self.seeds,
            "points": self.points,
            "again": self.command(),
            "took": {"seconds": self.took_s},
        })
    }

    /// The command that makes it again.
    pub fn command(&self) -> String {
        let sets: String =
            self.axes.iter().map(|axis| format!(" --set {}={}", axis.field, axis.values.join(","))).collect();
        let seeds = match (self.seeds.first(), self.seeds.last()) {
            (Some(first), Some(last)) if last > first => format!("{first}..{last}"),
            (first, _) => first.map_or(String::new(), u64::to_string),
        };
        format!("souk-sim sweep {}{sets} --seeds {seeds}", self.named)
    }
}

fn value(word: &impl Serialize) -> Value {
    serde_json::to_value(word).expect("plain data has a JSON form")
}

/// Events for each second of real time.
pub fn rate(events: u64, took_s: f64) -> f64 {
    if took_s > 0.0 { (events as f64 / took_s).round() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[test]
    fn a_run_is_one_document_with_what_identifies_it() {
        let scenario = fake::scenario();
        let run = Run::new(scenario.clone(), fake::outcome(&scenario, 5), None, 2.0);
        let document = run.document();
        for member in ["scenario", "question", "nodes", "seed", "trace_hash", "figures", "verdict", "label", "rows"] {
            assert!(!document[member].is_null(), "{member}");
        }
        assert_eq!(document["seed"], 5);
        assert_eq!(document["trace_hash"], run.outcome.trace_hash.to_string());
        assert_eq!(document["again"], "souk-sim run small --seed 5");
    }

    #[test]
    fn figures_of_many_peers_are_called_simulated() {
        assert_eq!(label(201), "simulated");
        assert_ne!(label(200), "simulated");
    }
}
