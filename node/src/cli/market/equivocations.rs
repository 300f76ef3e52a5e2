//! `souk market equivocations`: owners that are proven to have signed the same lots twice. This node deals with none of
//! them.

use clap::Args;

use crate::api::agreement::EquivocationWord;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::table::{short, table};

/// Owners that are proven to have signed the same lots twice.
#[derive(Debug, Args)]
pub struct Equivocations {}

impl Equivocations {
    /// Asks the node.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let proofs = context.client()?.equivocations()?;
        context.answer(&proofs, |proofs| text(proofs))?;
        match proofs.is_empty() {
            true => context.note("nobody is proven to have signed the same lots twice"),
            false => Ok(()),
        }
    }
}

fn text(proofs: &[EquivocationWord]) -> String {
    let row = |proof: &EquivocationWord| {
        let side = if proof.side == protocol::Side::Ask { "supplier" } else { "consumer" };
        let [first, second] = &proof.deals;
        vec![
            proof.owner.to_string(),
            side.to_owned(),
            short(&proof.order),
            short(first),
            short(second),
            proof.epoch.to_string(),
        ]
    };
    table(&["OWNER", "AS", "ORDER", "DEAL", "AND DEAL", "EPOCH"], &proofs.iter().map(row).collect::<Vec<_>>())
}
