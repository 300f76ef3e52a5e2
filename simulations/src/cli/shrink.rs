//! `souk-sim shrink`: the smallest scenario that fails as a seed does, written as a file for the folder of seeds.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::error::CliError;
use super::output::Paint;
use super::table::{facts, table};
use super::{Context, files, output, progress, replay, threads};
use crate::catalogue;
use crate::report::words;
use crate::seeds::Seed;
use crate::shrink::{Failure, RUNS_DEFAULT, Shrinker, Shrunk};
use crate::verdict::expected;

/// Find the smallest scenario that fails as a seed does.
#[derive(Debug, Args)]
pub struct Shrink {
    /// A number, or the name or path of a file in simulations/seeds.
    #[arg(value_name = "SEED")]
    seed: String,
    /// The scenario of a number.
    #[arg(long, value_name = "NAME", default_value = "mixed")]
    scenario: String,
    /// Peers instead of the scenario's number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    nodes: Option<u32>,
    /// Runs at most; then the smallest so far is the answer.
    #[arg(long, value_name = "N", default_value_t = RUNS_DEFAULT)]
    runs: u32,
    /// Threads of each run: one a core.
    #[arg(long, value_name = "T")]
    threads: Option<usize>,
    /// Where to write it, instead of simulations/seeds.
    #[arg(long, value_name = "FILE.toml")]
    to: Option<PathBuf>,
}

impl Shrink {
    /// Searches, and writes what was found.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let (mut scenario, seed) = replay::recorded(&self.seed, &self.scenario, self.nodes)?;
        scenario.nodes = seed.nodes.unwrap_or(scenario.nodes);
        let bar = progress::runs("shrinking", self.runs as usize);
        let mut tell = |runs: u32, what: &str| {
            bar.set_position(runs.into());
            bar.set_message(format!("without {what}"));
        };
        let (seed, threads) = (seed.seed, threads(self.threads));
        let shrinker = Shrinker { runner: context.runner, seed, threads, runs_max: self.runs, tell: &mut tell };
        let shrunk = shrinker.shrink(&scenario);
        bar.finish_and_clear();
        let shrunk = shrunk?.ok_or_else(|| {
            CliError::user("nothing_failed", format!("seed {seed} of `{}` does not fail", scenario.name))
                .next(format!("souk-sim replay {seed} --scenario {}", scenario.name))
        })?;
        let path = self.to.unwrap_or_else(|| catalogue::path_of("seeds", &format!("{}-{seed}", scenario.name)));
        let file = Seed::of(&shrunk.scenario, seed, showed(&shrunk));
        files::save(&path, &file.text())?;
        match context.is_json {
            true => output::document(&json!({
                "scenario": shrunk.scenario.settings(), "nodes": shrunk.scenario.nodes, "seed": seed,
                "trace_hash": shrunk.outcome.trace_hash, "showed": file.showed, "steps": shrunk.steps, "runs": shrunk.runs,
                "is_smallest": shrunk.is_smallest, "path": path,
            }))?,
            false => {
                output::line(&text(&scenario, &shrunk, &file.showed, Paint::stdout()))?;
                output::note(&format!("  written: {}\n  next: souk-sim replay {}", path.display(), path.display()))?;
            }
        }
        Ok(())
    }
}

/// What the smallest scenario shows, in a sentence.
fn showed(shrunk: &Shrunk) -> String {
    match &shrunk.failure {
        Failure::Check(check) => {
            let seen = shrunk.outcome.broken.iter().find(|broken| broken.check == *check);
            format!("{check}: {}", seen.map_or("", |broken| &*broken.seen))
        }
        Failure::Figure(figure) => {
            let all = expected(&shrunk.scenario, &shrunk.outcome);
            let value = all.iter().find(|one| one.figure == *figure).and_then(|one| one.value);
            let value = value.map_or("not measured".into(), |value| words::figure(figure, value));
            format!("{} was {value}", words::title_of(figure))
        }
    }
}

fn text(from: &crate::Scenario, shrunk: &Shrunk, showed: &str, paint: Paint) -> String {
    let to = &shrunk.scenario;
    let row = |name: &str, from: usize, to: usize| vec![name.to_string(), from.to_string(), to.to_string()];
    let rows = [
        row("peers", from.nodes as usize, to.nodes as usize),
        row("seconds", from.seconds as usize, to.seconds as usize),
        row("faults", from.faults.len(), to.faults.len()),
        row("cheats", from.cheats.len(), to.cheats.len()),
    ];
    let end = match shrunk.is_smallest {
        true => "nothing more can be taken away",
        false => "its runs were used up; more may shrink it further: --runs",
    };
    let told = facts(&[
        ("fails by", paint.red(showed)),
        ("runs", format!("{}: {end}", shrunk.runs)),
        ("trace hash", shrunk.outcome.trace_hash.to_string()),
    ]);
    format!("{}\n\n{told}\n\n{}", table(&["", "FROM", "TO"], &rows), to.text().trim_end())
}
