//! `souk deal show`: one deal with its terms, its parties and why it is over.

use clap::Args;

use super::{facts_of, resolve};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::table::facts;

/// All about one deal.
#[derive(Debug, Args)]
pub struct Show {
    /// The deal's id, or its beginning.
    id: String,
}

impl Show {
    /// Shows it.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        let id = resolve(context, &client, &self.id)?;
        context.answer(&client.deal(&id)?, |deal| facts(&facts_of(deal)))
    }
}
