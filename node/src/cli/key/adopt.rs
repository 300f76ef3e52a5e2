//! `souk key adopt`: the node of this data folder trades in the name of an owner who delegated to its key.

use std::path::PathBuf;

use clap::Args;

use super::DelegatedWord;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::here;
use crate::cli::table::now_ms;

/// Trade in the name of an owner who delegated to this node's key.
#[derive(Debug, Args)]
pub struct Adopt {
    /// What `souk key delegate` wrote.
    #[arg(required_unless_present = "own", conflicts_with = "own")]
    file: Option<PathBuf>,
    /// Trade in the key's own name again.
    #[arg(long)]
    own: bool,
    /// The market's file [default: the one that was joined].
    #[arg(long, value_name = "FILE")]
    market: Option<PathBuf>,
}

impl Adopt {
    /// Checks the delegation and keeps it; the node must not run, and no offer or deal of another name be open.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let (address, grant) = (here::stored_address(&context.data)?, self.file.as_deref());
        let mandate = here::adopt(&context.data, self.market.as_deref(), grant)?;
        let word = DelegatedWord::new(address, mandate.delegation());
        context.answer(&word, DelegatedWord::text)?;
        if let Some(warning) = word.warning(now_ms()) {
            context.note(&format!("warning: {warning}"))?;
        }
        context.note(&format!("  next: {}", context.command("node run")))
    }
}
