//! `souk-sim replay`: a seed once more, with everything that happened in order and whether the trace is the recorded one.

use clap::Args;
use serde_json::json;

use super::error::CliError;
use super::output::Paint;
use super::table::table;
use super::{Context, output, run, threads};
use crate::catalogue;
use crate::report::document::Run;
use crate::report::timeline::{Moment, moments};
use crate::runner::Options;
use crate::scenario::Scenario;
use crate::seeds::Seed;
use crate::verdict::Verdict;

/// Run a seed again and tell what happened when.
#[derive(Debug, Args)]
pub struct Replay {
    /// A number, or the name or path of a file in simulations/seeds.
    #[arg(value_name = "SEED")]
    seed: String,
    /// The scenario of a number.
    #[arg(long, value_name = "NAME", default_value = "mixed")]
    scenario: String,
    /// Peers instead of the scenario's number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    nodes: Option<u32>,
    /// Threads to run on: one a core.
    #[arg(long, value_name = "T")]
    threads: Option<usize>,
}

/// A run that can be made again: by a number, or as a file in the folder of seeds has it.
pub fn recorded(word: &str, scenario: &str, nodes: Option<u32>) -> Result<(Scenario, Seed), CliError> {
    if let Ok(seed) = word.parse() {
        let (name, showed) = (scenario.to_string(), String::new());
        let seed = Seed { scenario: name, seed, nodes, showed, trace_hash: None, shrunk: None };
        return Ok((catalogue::scenario(scenario, seed.seed)?, seed));
    }
    let path = catalogue::path_of("seeds", word);
    let seed = Seed::load(&path)?;
    let nodes = nodes.or(seed.nodes);
    Ok((seed.scenario(&path)?, Seed { nodes, ..seed }))
}

impl Replay {
    /// Runs it and tells.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let (scenario, seed) = recorded(&self.seed, &self.scenario, self.nodes)?;
        let options =
            Options { nodes: seed.nodes, seed: seed.seed, threads: threads(self.threads), ..Options::default() };
        let mut run = run::once(context, scenario, &options)?;
        run.again = self.again();
        let moments = moments(&run.scenario, &run.outcome);
        let is_same = seed.trace_hash.map(|hash| hash == run.outcome.trace_hash);
        match context.is_json {
            true => {
                let mut document = run.document();
                document["moments"] = json!(moments);
                document["recorded_trace_hash"] = json!(seed.trace_hash);
                document["is_recorded_trace"] = json!(is_same);
                output::document(&document)?;
            }
            false => output::line(&text(&run, &seed, &moments, Paint::stdout()))?,
        }
        match run.verdict == Verdict::Good && is_same != Some(false) {
            true => Ok(()),
            false => Err(CliError::told()),
        }
    }
}

impl Replay {
    fn again(&self) -> String {
        let scenario = match self.seed.parse::<u64>() {
            Ok(_) => format!(" --scenario {}", self.scenario),
            Err(_) => String::new(),
        };
        let nodes = self.nodes.map_or(String::new(), |nodes| format!(" --nodes {nodes}"));
        format!("souk-sim replay {}{scenario}{nodes}", self.seed)
    }
}

fn text(run: &Run, seed: &Seed, moments: &[Moment], paint: Paint) -> String {
    let row = |moment: &Moment| {
        let kind = match moment.kind {
            "broken" => paint.red("broken"),
            "epoch" => paint.dim("epoch"),
            other => paint.cyan(other),
        };
        vec![format!("{:>8.1}", moment.second), kind, moment.what.clone()]
    };
    let timeline = table(&["  SECOND", "KIND", "WHAT"], &moments.iter().map(row).collect::<Vec<_>>());
    let trace = match seed.trace_hash {
        Some(hash) if hash == run.outcome.trace_hash => paint.green("The trace is the recorded one."),
        Some(hash) => paint.red(&format!("The trace is not the recorded one, which was {hash}.")),
        None => "No trace of this seed is recorded: to record it, put the trace hash into a file in simulations/seeds."
            .into(),
    };
    let showed = if seed.showed.is_empty() { String::new() } else { format!("It once showed: {}\n\n", seed.showed) };
    format!("{showed}{timeline}\n\n{}\n\n{trace}", run::summary(run, paint))
}
