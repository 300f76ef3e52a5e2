//! Rows of runs and points of sweeps as CSV (RFC 4180), one line a row, one column a figure.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::{Run, Sweep};
use crate::Row;

/// One line an epoch.
pub fn rows(run: &Run) -> String {
    let heads = members(&Row::default());
    let mut lines =
        vec![format!("scenario,nodes,seed,{}", heads.iter().map(|(name, _)| &**name).collect::<Vec<_>>().join(","))];
    for row in &run.outcome.rows {
        let cells: Vec<String> = members(row).into_iter().map(|(_, value)| value).collect();
        let outcome = &run.outcome;
        lines.push(format!("{},{},{},{}", cell(&outcome.scenario), outcome.nodes, outcome.seed, cells.join(",")));
    }
    lines.join("\n") + "\n"
}

/// One line a run of each point: what was set, the seed, how it went, and its figures.
pub fn points(sweep: &Sweep) -> String {
    let runs = || sweep.points.iter().flat_map(|point| point.runs.iter().map(move |run| (point, run)));
    let figures: BTreeSet<&String> = runs().flat_map(|(_, run)| run.figures.keys()).collect();
    let heads = sweep.axes.iter().map(|axis| cell(&axis.field));
    let fixed = ["nodes", "seed", "verdict", "trace_hash"].map(String::from);
    let heads: Vec<String> = heads.chain(fixed).chain(figures.iter().map(|name| cell(name))).collect();
    let mut lines = vec![heads.join(",")];
    for (point, run) in runs() {
        let mut cells: Vec<String> = sweep.axes.iter().map(|axis| cell(&point.settings[&axis.field])).collect();
        let verdict = serde_json::to_value(run.verdict).ok().and_then(|value| value.as_str().map(String::from));
        cells.extend([
            point.nodes.to_string(),
            run.seed.to_string(),
            verdict.unwrap_or_default(),
            run.trace_hash.clone(),
        ]);
        cells.extend(figures.iter().map(|name| run.figures.get(*name).map_or(String::new(), f64::to_string)));
        lines.push(cells.join(","));
    }
    lines.join("\n") + "\n"
}

/// Names and values of a row's fields, in their order.
fn members(row: &Row) -> Vec<(String, String)> {
    match serde_json::to_value(row) {
        Ok(Value::Object(members)) => members.into_iter().map(|(name, value)| (name, value.to_string())).collect(),
        _ => Vec::new(),
    }
}

fn cell(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;
    use crate::sweep::{Axis, grid, sweep};

    #[test]
    fn every_line_has_as_many_cells_as_the_head() {
        let scenario = fake::scenario();
        let run = Run::new(scenario.clone(), fake::outcome(&scenario, 5), None, 2.0);
        let text = rows(&run);
        let widths: BTreeSet<usize> = text.lines().map(|line| line.split(',').count()).collect();
        assert_eq!((text.lines().count(), widths.len()), (run.outcome.rows.len() + 1, 1));
        let column = text.lines().next().unwrap().split(',').position(|head| head == "agreed").unwrap();
        assert_eq!(
            text.lines().nth(1).unwrap().split(',').nth(column).unwrap(),
            run.outcome.rows[0].agreed.to_string()
        );
    }

    #[test]
    fn a_sweep_has_a_line_a_run() {
        let axes = vec![Axis { field: "nodes".into(), values: vec!["5".into(), "6".into()] }];
        let scenario = fake::scenario();
        let points = sweep(&grid(&scenario, &axes).unwrap(), &[1, 2], 1, &fake::run, &|_| {}).unwrap();
        let text =
            super::points(&Sweep { scenario, axes, seeds: vec![1, 2], points, took_s: 1.0, named: "small".into() });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5);
        assert!(lines[0].starts_with("nodes,nodes,seed,verdict,trace_hash,agreed_ppm"));
        assert!(lines[4].starts_with("6,6,2,good,0x"), "{}", lines[4]);
    }

    #[test]
    fn a_cell_with_a_comma_is_quoted() {
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }
}
