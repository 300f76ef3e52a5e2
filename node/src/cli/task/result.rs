//! `souk task result`: receipt and outputs of a task that is over, also long after `task run` ended.

use std::path::PathBuf;

use clap::Args;

use super::save::Place;
use super::{resolve, run};
use crate::cli::context::Context;
use crate::cli::error::CliError;

/// The receipt of a task that is over, and its outputs.
#[derive(Debug, Args)]
pub struct Result {
    /// The task's id, or its beginning.
    id: String,
    /// Where to keep the outputs.
    #[arg(long, value_name = "DIR", default_value = ".")]
    to: PathBuf,
    /// Replace files that exist.
    #[arg(long)]
    force: bool,
}

impl Result {
    /// Fetches them. Succeeds only if the task exited with 0 and was verified.
    pub fn run(self, context: &Context) -> std::result::Result<(), CliError> {
        let client = context.client()?;
        let id = resolve(context, &client, &self.id)?;
        let task = client.task(&id)?;
        run::finish(context, &client, &task, &Place { folder: self.to, is_forced: self.force })
    }
}
