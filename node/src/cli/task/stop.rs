//! `souk task stop`: has the supplier stop a task; the deal goes on.

use clap::Args;

use super::resolve;
use super::verdict::state_text;
use crate::cli::context::Context;
use crate::cli::error::CliError;

/// Stop a task.
#[derive(Debug, Args)]
pub struct Stop {
    /// The task's id, or its beginning.
    id: String,
}

impl Stop {
    /// Has the supplier stop it.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        let id = resolve(context, &client, &self.id)?;
        context.answer(&client.stop_task(&id)?, |task| format!("{} {}", state_text(task), task.id))
    }
}
