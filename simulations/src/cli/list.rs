//! `souk-sim list`: the scenarios with their questions, the strategies of cheats, the figures.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::error::CliError;
use super::output::Paint;
use super::table::{folded, table};
use super::{Context, output};
use crate::figures::glossary;
use crate::scenario::load;
use crate::{Scenario, catalogue, cheats, mixed};

/// The scenarios, each with the question that it answers.
#[derive(Debug, Args)]
pub struct List {
    /// The figures of a run, by the names that `expect` knows.
    #[arg(long)]
    figures: bool,
    /// The strategies that cheats may follow, with the scenarios that have them.
    #[arg(long, conflicts_with = "figures")]
    strategies: bool,
}

impl List {
    /// Prints the list.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        match (self.figures, self.strategies) {
            (true, _) => figures(context),
            (_, true) => strategies(context),
            _ => scenarios(context),
        }
    }
}

fn scenarios(context: &Context) -> Result<(), CliError> {
    let paint = Paint::stdout();
    let (mut documents, mut texts): (Vec<Value>, Vec<String>) = (Vec::new(), Vec::new());
    let files = catalogue::files(&catalogue::folder("scenarios"));
    let kept = files.into_iter().map(|path| load(&path).map(|scenario| (scenario, Some(path))));
    let made = std::iter::once(Ok((mixed::scenario(1), None)));
    for found in kept.chain(made) {
        let (scenario, path): (Scenario, Option<PathBuf>) = found?;
        let peers = if path.is_some() { scenario.nodes.to_string() } else { "5 to 25".into() };
        let size = format!("{peers} peers, {} s", scenario.seconds);
        texts.push(format!("{}  {}\n{}", paint.bold(&scenario.name), paint.dim(&size), folded(&scenario.question, 2)));
        documents.push(json!({
            "name": scenario.name, "question": scenario.question, "nodes": scenario.nodes, "seconds": scenario.seconds,
            "path": path, "strategies": scenario.cheats.iter().map(|cheat| &cheat.strategy).collect::<Vec<_>>(),
        }));
    }
    match context.is_json {
        true => output::document(&json!({"scenarios": documents}))?,
        false => output::line(&format!("{}\n\n  next: souk-sim run NAME", texts.join("\n\n")))?,
    }
    Ok(())
}

fn strategies(context: &Context) -> Result<(), CliError> {
    let all: Result<Vec<Scenario>, _> =
        catalogue::files(&catalogue::folder("scenarios")).iter().map(|path| load(path)).collect();
    let all = all?;
    let with = |name: &str| -> Vec<&str> {
        let is_in = |scenario: &&Scenario| scenario.cheats.iter().any(|cheat| cheat.strategy == name);
        all.iter().filter(is_in).map(|scenario| &*scenario.name).collect()
    };
    let names = cheats::NAMES.iter();
    let document = |name: &&str| json!({"name": name, "scenarios": with(name)});
    let row = |name: &&str| vec![name.to_string(), with(name).join(", ")];
    match context.is_json {
        true => output::document(&json!({"strategies": names.map(document).collect::<Vec<_>>()}))?,
        false => output::line(&table(&["STRATEGY", "SCENARIOS"], &names.map(row).collect::<Vec<_>>()))?,
    }
    Ok(())
}

fn figures(context: &Context) -> Result<(), CliError> {
    let document = |figure: &glossary::Figure| json!({"name": figure.name, "words": figure.words, "unit": figure.unit, "meaning": figure.meaning});
    let row = |figure: &glossary::Figure| vec![figure.name.into(), figure.unit.into(), figure.meaning.into()];
    let figures = glossary::ALL.iter();
    match context.is_json {
        true => output::document(&json!({"figures": figures.map(document).collect::<Vec<_>>()}))?,
        false => output::line(&table(&["FIGURE", "UNIT", "MEANING"], &figures.map(row).collect::<Vec<_>>()))?,
    }
    Ok(())
}
