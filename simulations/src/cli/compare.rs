//! `souk-sim compare`: two reports of runs or sweeps side by side, with what got worse first.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::error::CliError;
use super::output::Paint;
use super::table::table;
use super::{Context, output};
use crate::report::compare::{Change, Line, compare};
use crate::report::words;

/// Bytes of a report that are read.
const REPORT_MAX: u64 = 256 << 20;

/// Put two reports side by side, figure by figure.
#[derive(Debug, Args)]
pub struct Compare {
    /// The JSON file of a run or a sweep: how it was.
    #[arg(value_name = "A.json")]
    a: PathBuf,
    /// Another: how it is.
    #[arg(value_name = "B.json")]
    b: PathBuf,
    /// Only what changed.
    #[arg(long)]
    changed: bool,
}

impl Compare {
    /// Compares them.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let (a, b) = (read(&self.a)?, read(&self.b)?);
        let names = [&self.a, &self.b].map(|path| path.display().to_string());
        let mut lines = compare((&names[0], &a), (&names[1], &b))?;
        if self.changed {
            lines.retain(|line| line.change != Change::Same);
        }
        match context.is_json {
            true => output::document(&json!({"a": names[0], "b": names[1], "figures": lines}))?,
            false => output::line(&text(&lines, Paint::stdout()))?,
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Value, CliError> {
    let name = path.display();
    let size = std::fs::metadata(path).map(|metadata| metadata.len()).unwrap_or(0);
    if size > REPORT_MAX {
        return Err(CliError::user("file_too_large", format!("{name} is larger than {} MiB", REPORT_MAX >> 20))
            .next("check that it is the file that you mean"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => CliError::user("file_not_found", format!("there is no file {name}"))
            .next("make one: souk-sim run NAME --out FOLDER"),
        _ => CliError::user("file_unreadable", format!("{name} cannot be read: {error}"))
            .next("check the path and the disk"),
    })?;
    serde_json::from_str(&text).map_err(|error| {
        CliError::user("no_report", format!("{name} is no JSON document: {error}"))
            .next("name a file that --out wrote as json")
    })
}

fn text(lines: &[Line], paint: Paint) -> String {
    let row = |line: &Line| {
        let told = |spread: &crate::sweep::Spread| match spread.runs {
            1 => words::figure(&line.figure, spread.mean),
            _ => format!(
                "{} ± {}",
                words::figure(&line.figure, spread.mean),
                words::figure(&line.figure, spread.deviation)
            ),
        };
        let settings: Vec<String> = line.settings.iter().map(|(field, value)| format!("{field}={value}")).collect();
        let change = match line.change {
            Change::Same => paint.dim("same"),
            Change::Better => paint.green("better"),
            Change::Worse => paint.red("WORSE"),
            Change::Other => "other".into(),
        };
        let ratio = line.ratio.map_or("–".into(), |ratio| format!("{ratio:.3}"));
        vec![settings.join(" "), line.figure.clone(), told(&line.a), told(&line.b), ratio, change]
    };
    let has_settings = lines.iter().any(|line| !line.settings.is_empty());
    let mut rows: Vec<Vec<String>> = lines.iter().map(row).collect();
    let mut heads = vec!["AT", "FIGURE", "A", "B", "B/A", ""];
    if !has_settings {
        heads.remove(0);
        rows.iter_mut().for_each(|row| drop(row.remove(0)));
    }
    let count = |change: Change| lines.iter().filter(|line| line.change == change).count();
    let has_seeds = lines.iter().any(|line| line.a.runs > 1 && line.b.runs > 1);
    let chance = match has_seeds {
        true => "beyond two standard errors over the seeds",
        false => "by more than 2 %; one seed each, so it may be chance: compare sweeps over seeds to know",
    };
    let told = format!("{} worse, {} better ({chance})", count(Change::Worse), count(Change::Better));
    format!("{}\n\n{}", table(&heads, &rows), if count(Change::Worse) > 0 { paint.red(&told) } else { told })
}
