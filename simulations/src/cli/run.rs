//! `souk-sim run`: one run of a scenario, what held, what broke, and where the report is.

use std::time::Instant;

use clap::Args;

use super::error::CliError;
use super::files::Out;
use super::output::Paint;
use super::table::{facts, folded, table};
use super::{Context, output, progress, threads};
use crate::figures::glossary;
use crate::report::document::{self, label, rate};
use crate::report::page::{bound, verdict_words};
use crate::report::{csv, page, timeline, words};
use crate::runner::Options;
use crate::verdict::Verdict;
use crate::{Scenario, catalogue};

/// Broken checks that a summary lists.
const BROKEN_MAX: usize = 8;

/// Run a scenario and say what held and what broke.
#[derive(Debug, Args)]
pub struct Run {
    /// A scenario's name, or the path of its file.
    #[arg(value_name = "SCENARIO")]
    scenario: String,
    /// Peers instead of the scenario's number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    nodes: Option<u32>,
    /// What chance is drawn from.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Threads to run on: one a core. They change nothing but the time that it takes.
    #[arg(long, value_name = "T")]
    threads: Option<usize>,
    #[command(flatten)]
    out: Out,
}

impl Run {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let scenario = catalogue::scenario(&self.scenario, self.seed)?;
        let options =
            Options { nodes: self.nodes, seed: self.seed, threads: threads(self.threads), ..Options::default() };
        let mut run = once(context, scenario, &options)?;
        run.again = document::run_command(&self.scenario, self.nodes, self.seed);
        let name = format!("{}-{}-{}", run.outcome.scenario, run.outcome.nodes, run.outcome.seed);
        let document = run.document();
        let files = self.out.write(&name, &document, || csv::rows(&run), || page::run(&run))?;
        match context.is_json {
            true => output::document(&document)?,
            false => {
                output::line(&summary(&run, Paint::stdout()))?;
                for file in files {
                    output::note(&format!("  written: {}", file.display()))?;
                }
            }
        }
        match run.verdict {
            Verdict::Good => Ok(()),
            Verdict::Short | Verdict::Broken => Err(CliError::told()),
        }
    }
}

/// One run beside a bar of its virtual time.
pub fn once(context: &Context, scenario: Scenario, options: &Options) -> Result<document::Run, CliError> {
    let bar = progress::virtual_time(&scenario.name);
    let began = Instant::now();
    let outcome = (context.runner)(&scenario, options, &mut |now| progress::advance(&bar, &now));
    bar.finish_and_clear();
    Ok(document::Run::new(scenario, outcome?, options.nodes, began.elapsed().as_secs_f64()))
}

/// What a person wants to know of a run, the verdict first.
pub fn summary(run: &document::Run, paint: Paint) -> String {
    let outcome = &run.outcome;
    let (class, word, sentence) = verdict_words(run);
    let word = if class == "good" { paint.green(word) } else { paint.red(word) };
    let figures = &outcome.figures;
    let key = glossary::ALL.iter().filter(|figure| figure.is_key && figure.is_measured(figures));
    let rows: Vec<Vec<String>> =
        key.map(|figure| vec![figure.words.into(), words::figure(figure.name, figure.of(figures))]).collect();
    let meanings = paint.dim("  what each means: souk-sim list --figures");
    let mut parts = vec![
        format!("{}  {}", paint.bold(&outcome.scenario), paint.dim(label(outcome.nodes))),
        folded(&run.scenario.question, 2),
        format!("{word} {sentence}"),
        format!("{}\n{meanings}", table(&["FIGURE (simulated)", "VALUE"], &rows)),
    ];
    let cheats: Vec<Vec<String>> = figures
        .cheats
        .iter()
        .map(|(name, value)| vec![name.clone(), words::figure(&format!("{}{name}", glossary::CHEATS), *value)])
        .collect();
    if !cheats.is_empty() {
        parts.push(table(&["CHEATS REACHED", "VALUE"], &cheats));
    }
    parts.extend(expectations(run, paint));
    parts.extend(broken(run));
    parts.push(facts(&[
        ("peers", words::number(outcome.nodes.into())),
        ("virtual time", words::seconds(outcome.seconds)),
        (
            "events",
            format!(
                "{}, {} a second of real time",
                words::number(outcome.events as f64),
                words::number(rate(outcome.events, run.took_s))
            ),
        ),
        ("trace hash", outcome.trace_hash.to_string()),
        ("again", paint.cyan(&run.again)),
    ]));
    parts.join("\n\n")
}

fn expectations(run: &document::Run, paint: Paint) -> Option<String> {
    let rows = run.expected.iter().map(|one| {
        let value = one.value.map_or("not measured".into(), |value| words::figure(&one.figure, value));
        let word = if one.is_met { paint.green("met") } else { paint.red("not met") };
        vec![words::title_of(&one.figure), bound(one), value, word]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let note = match run.outcome.nodes == run.scenario.nodes || run.nodes.is_none() {
        true => String::new(),
        false => format!("\n  The bounds were set for {} peers.", words::number(run.scenario.nodes.into())),
    };
    (!rows.is_empty()).then(|| table(&["EXPECTED", "BOUND", "REACHED", ""], &rows) + &note)
}

fn broken(run: &document::Run) -> Option<String> {
    let all = &run.outcome.broken;
    let row = |one: &crate::Broken| {
        vec![
            format!("{:.1} s", one.at_ms as f64 / 1_000.0),
            one.check.clone(),
            one.seen.clone(),
            timeline::peers(&one.peers),
        ]
    };
    let rows: Vec<Vec<String>> = all.iter().take(BROKEN_MAX).map(row).collect();
    let more = match all.len().saturating_sub(BROKEN_MAX) {
        0 => String::new(),
        more => format!("\n  and {more} more; the JSON document has all"),
    };
    (!rows.is_empty()).then(|| table(&["BROKEN AFTER", "CHECK", "SEEN", "BY"], &rows) + &more)
}
