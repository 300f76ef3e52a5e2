//! `souk-sim list`: the scenarios with their questions, the strategies of cheats, the figures.

use clap::Args;
use serde_json::{Value, json};

use super::error::CliError;
use super::output::Paint;
use super::table::{folded, table};
use super::{Context, output};
use crate::catalogue;
use crate::figures::glossary;
use crate::scenario::load;

/// The scenarios, each with the question that it answers.
#[derive(Debug, Args)]
pub struct List {
    /// The figures of a run, by the names that `expect` knows.
    #[arg(long)]
    figures: bool,
}

impl List {
    /// Prints the list.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        match self.figures {
            true => figures(context),
            false => scenarios(context),
        }
    }
}

fn scenarios(context: &Context) -> Result<(), CliError> {
    let paint = Paint::stdout();
    let (mut documents, mut texts): (Vec<Value>, Vec<String>) = (Vec::new(), Vec::new());
    for path in catalogue::files(&catalogue::folder("scenarios")) {
        let scenario = load(&path)?;
        let size = format!("{} peers, {} s", scenario.nodes, scenario.seconds);
        texts.push(format!("{}  {}\n{}", paint.bold(&scenario.name), paint.dim(&size), folded(&scenario.question, 2)));
        documents.push(json!({
            "name": scenario.name, "question": scenario.question, "nodes": scenario.nodes, "seconds": scenario.seconds,
            "path": path, "strategies": scenario.cheats.iter().map(|cheat| &cheat.strategy).collect::<Vec<_>>(),
        }));
    }
    match context.is_json {
        true => output::document(&json!({"scenarios": documents}))?,
        false if texts.is_empty() => output::line("there are no scenarios here")?,
        false => output::line(&format!("{}\n\n  next: souk-sim run NAME", texts.join("\n\n")))?,
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
