//! `souk market submit`: hands in orders that a wallet or another owner signed. Judges nothing: the node does.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use crate::api::words::OutcomeWord;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::order;

/// Bytes of a file that are read; the node takes no more.
const FILE_MAX: u64 = 1 << 20;

/// Hand in orders and cancels that somebody else signed, at most 64 at once.
#[derive(Debug, Args)]
pub struct Submit {
    /// A JSON array of {"primaryType", "body", "authority"}; - for stdin.
    file: PathBuf,
}

impl Submit {
    /// Sends them to the node and lists what became of each.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let (name, text) = (self.file.display(), read(&self.file)?);
        let entries: Value = serde_json::from_str(&text).map_err(|error| {
            CliError::user("not_json", format!("{name} is not JSON: {error}"))
                .next("write an array of {\"primaryType\", \"body\", \"authority\"}")
        })?;
        let outcomes = context.client()?.hand_in(&entries)?;
        order::answer_each(context, &outcomes, |place, outcome: &OutcomeWord| match (&outcome.id, &outcome.error) {
            (Some(id), _) => format!("{place}: in the book as {id}"),
            (None, error) => order::refusal(place, error.as_ref()),
        })
    }
}

fn read(path: &Path) -> Result<String, CliError> {
    let is_stdin = path == Path::new("-");
    let source: Box<dyn Read> = match is_stdin {
        true => Box::new(io::stdin()),
        false => Box::new(std::fs::File::open(path).map_err(|error| CliError::reading(path, &error))?),
    };
    let mut text = String::new();
    source.take(FILE_MAX + 1).read_to_string(&mut text).map_err(|error| CliError::reading(path, &error))?;
    match text.len() as u64 > FILE_MAX {
        true => Err(CliError::user("file_too_large", format!("{} is larger than 1 MiB", path.display()))
            .next("hand in at most 64 orders at once")),
        false => Ok(text),
    }
}
