//! `souk-sim sweep`: a grid over fields of a scenario and over seeds, as a table, a document and a page.

use std::time::Instant;

use clap::Args;

use super::error::CliError;
use super::files::Out;
use super::output::Paint;
use super::table::{facts, table};
use super::{Context, output, progress, threads};
use crate::catalogue;
use crate::report::document::{self, label};
use crate::report::page::swept_figures;
use crate::report::{csv, page, words};
use crate::sweep::{Axis, RUNS_MAX, grid, sweep};
use crate::verdict::Verdict;

/// Run a grid over fields of a scenario and over seeds.
#[derive(Debug, Args)]
pub struct Sweep {
    /// A scenario's name, or the path of its file.
    #[arg(value_name = "SCENARIO")]
    scenario: String,
    /// A field by its dotted path, and the values that it takes.
    #[arg(long = "set", value_name = "FIELD=A,B,C", value_parser = axis)]
    sets: Vec<Axis>,
    /// Seeds of every point: one, or a range with both ends.
    #[arg(long, value_name = "FIRST..LAST", default_value = "1", value_parser = seeds)]
    seeds: Seeds,
    /// Runs at once, each on one thread: one a core.
    #[arg(long, value_name = "T")]
    threads: Option<usize>,
    /// Figures of the table, instead of the key ones.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    figures: Vec<String>,
    #[command(flatten)]
    out: Out,
}

#[derive(Debug, Clone, Copy)]
struct Seeds {
    first: u64,
    last: u64,
}

fn axis(text: &str) -> Result<Axis, String> {
    let (field, values) = text.split_once('=').ok_or("write FIELD=A,B,C")?;
    let values: Vec<String> = values.split(',').map(|value| value.trim().to_string()).collect();
    match field.is_empty() || values.iter().any(String::is_empty) {
        true => Err("write FIELD=A,B,C".into()),
        false => Ok(Axis { field: field.trim().into(), values }),
    }
}

fn seeds(text: &str) -> Result<Seeds, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| "write a number, or FIRST..LAST".to_string());
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last.trim_start_matches('='))?);
    match first <= last && last - first < RUNS_MAX as u64 {
        true => Ok(Seeds { first, last }),
        false => Err(format!("the last seed is the first or later, and there are at most {RUNS_MAX}")),
    }
}

impl Sweep {
    /// Runs the grid.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let scenario = catalogue::scenario(&self.scenario, self.seeds.first)?;
        let points: u64 = self.sets.iter().map(|axis| axis.values.len() as u64).product();
        let seeds: Vec<u64> = (self.seeds.first..=self.seeds.last).collect();
        let runs = points.saturating_mul(seeds.len() as u64);
        if runs > RUNS_MAX as u64 {
            return Err(CliError::user(
                "sweep_too_large",
                format!("that is {runs} runs, and a sweep has at most {RUNS_MAX}"),
            )
            .next("take fewer values or fewer seeds"));
        }
        let points = grid(&scenario, &self.sets)?;
        let bar = progress::runs(&scenario.name, runs as usize);
        let began = Instant::now();
        let swept =
            sweep(&points, &seeds, threads(self.threads), context.runner, &|done| bar.set_position(done as u64));
        bar.finish_and_clear();
        let took_s = began.elapsed().as_secs_f64();
        let sweep = document::Sweep { scenario, axes: self.sets, seeds, points: swept?, took_s, named: self.scenario };
        let document = sweep.document();
        let name = format!("{}-sweep", sweep.scenario.name);
        let files = self.out.write(&name, &document, || csv::points(&sweep), || page::sweep(&sweep))?;
        match context.is_json {
            true => output::document(&document)?,
            false => {
                output::line(&text(&sweep, &self.figures, Paint::stdout()))?;
                for file in files {
                    output::note(&format!("  written: {}", file.display()))?;
                }
            }
        }
        let is_good = sweep.points.iter().flat_map(|point| &point.runs).all(|run| run.verdict == Verdict::Good);
        if is_good { Ok(()) } else { Err(CliError::told()) }
    }
}

fn text(sweep: &document::Sweep, figures: &[String], paint: Paint) -> String {
    let names = if figures.is_empty() { swept_figures(sweep) } else { figures.to_vec() };
    // A column a point, since figures are many and points few enough to be read.
    let heads: Vec<String> = sweep
        .points
        .iter()
        .map(|point| {
            let values: Vec<&str> = sweep.axes.iter().map(|axis| &*point.settings[&axis.field]).collect();
            if values.is_empty() { "ALL".into() } else { values.join(" / ") }
        })
        .collect();
    let first = match sweep.axes.is_empty() {
        true => "FIGURE (simulated)".to_string(),
        false => sweep.axes.iter().map(|axis| &*axis.field).collect::<Vec<_>>().join(" / "),
    };
    let heads: Vec<&str> = std::iter::once(&*first).chain(heads.iter().map(String::as_str)).collect();
    let mut rows: Vec<Vec<String>> = names
        .iter()
        .map(|name| {
            let cell = |point: &crate::sweep::Point| {
                point.figures.get(name).map_or("–".into(), |spread| match spread.runs {
                    1 => words::figure(name, spread.mean),
                    _ => format!("{} ± {}", words::figure(name, spread.mean), words::figure(name, spread.deviation)),
                })
            };
            std::iter::once(words::title_of(name)).chain(sweep.points.iter().map(cell)).collect()
        })
        .collect();
    let held = sweep.points.iter().map(|point| {
        let held = point.runs.iter().filter(|run| run.verdict == Verdict::Good).count();
        let told = format!("{held} of {}", point.runs.len());
        if held == point.runs.len() { paint.green(&told) } else { paint.red(&told) }
    });
    rows.push(std::iter::once("runs that held".into()).chain(held).collect());
    let nodes_max = sweep.points.iter().map(|point| point.nodes).max().unwrap_or(0);
    let told = facts(&[
        ("figures are", label(nodes_max).to_string()),
        ("spread", "one standard deviation of a run, over the seeds".into()),
        ("again", paint.cyan(&sweep.command())),
    ]);
    format!("{}\n\n{}\n\n{told}", paint.bold(&sweep.scenario.name), table(&heads, &rows))
}
