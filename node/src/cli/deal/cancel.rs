//! `souk deal cancel`: ends a deal as its consumer and says what is billed. The other side need not agree.

use clap::Args;

use super::{resolve, state_text, usage_text};
use crate::cli::context::Context;
use crate::cli::error::CliError;

/// End a deal as its consumer: what was served so far is billed.
#[derive(Debug, Args)]
pub struct Cancel {
    /// The deal's id, or its beginning.
    id: String,
}

impl Cancel {
    /// Ends it and says what was used.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        let id = resolve(context, &client, &self.id)?;
        let deal = client.cancel_deal(&id)?;
        context.answer(&deal, |deal| format!("{} {}: {}", state_text(deal), deal.id, usage_text(deal)))
    }
}
