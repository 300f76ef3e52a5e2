//! `souk task show`: one task with its outputs and its receipt or failure.

use clap::Args;

use super::{resolve, verdict};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::table::facts;

/// All about one task.
#[derive(Debug, Args)]
pub struct Show {
    /// The task's id, or its beginning.
    id: String,
}

impl Show {
    /// Shows it.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        let id = resolve(context, &client, &self.id)?;
        context.answer(&client.task(&id)?, |task| facts(&verdict::facts_of(task)))
    }
}
