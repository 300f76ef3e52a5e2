//! Where reports go: their names in a folder, written whole or not at all. Knows no report's inside.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::error::CliError;

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Everything, in one document.
    Json,
    /// One line an epoch, or one a run of a sweep.
    Csv,
}

/// Where a command writes its report besides stdout.
#[derive(Debug, Args)]
pub struct Out {
    /// Write the report into this folder, which is made if need be.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// As what it is written there.
    #[arg(long, value_enum, default_value = "json", requires = "out")]
    format: Format,
    /// Write a page for people to this file: plots, figures and what they mean, nothing else needed.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
}

impl Out {
    /// Writes what was asked for and gives the files that there are now.
    ///
    /// # Errors
    /// If one cannot be written.
    pub fn write(
        &self,
        name: &str,
        document: &Value,
        csv: impl FnOnce() -> String,
        page: impl FnOnce() -> String,
    ) -> Result<Vec<PathBuf>, CliError> {
        let mut written = Vec::new();
        if let Some(folder) = &self.out {
            let (ending, text) = match self.format {
                Format::Json => ("json", serde_json::to_string_pretty(document).map_err(std::io::Error::from)? + "\n"),
                Format::Csv => ("csv", csv()),
            };
            std::fs::create_dir_all(folder).map_err(|error| CliError::writing(folder, &error))?;
            written.push(folder.join(format!("{name}.{ending}")));
            save(&written[0], &text)?;
        }
        if let Some(path) = &self.report {
            save(path, &page())?;
            written.push(path.clone());
        }
        Ok(written)
    }
}

/// Writes a file beside its place and moves it there, so that nobody reads half of it.
///
/// # Errors
/// If it cannot be written.
pub fn save(path: &Path, text: &str) -> Result<(), CliError> {
    let beside = path.with_extension("part");
    let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|error| CliError::writing(path, &error))
}
