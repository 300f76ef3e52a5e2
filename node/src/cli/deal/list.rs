//! `souk deal list`: the node's own deals, a line each, with what was used of their time.

use clap::Args;

use super::{UNPAID, state_text, usage_text};
use crate::api::words::DealWord;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::table::{short, table};

/// The node's own deals, newest first.
#[derive(Debug, Args)]
pub struct List {}

impl List {
    /// Lists them.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let deals = context.client()?.deals()?;
        context.answer(&deals, |deals| text(deals))?;
        match deals.iter().all(|deal| deal.is_paid) {
            true if deals.is_empty() => context.note("no deals yet: they come from asks and bids that match"),
            true => Ok(()),
            false => context.note(UNPAID),
        }
    }
}

fn text(deals: &[DealWord]) -> String {
    let row = |deal: &DealWord| {
        let other = if deal.role == "consumer" { deal.terms.supplier() } else { deal.terms.consumer() };
        let state = match &deal.reason_text {
            Some(reason) => format!("{}: {reason}", state_text(deal)),
            None => state_text(deal),
        };
        let lots = deal.terms.ask.lots.to_string();
        vec![short(&deal.id), deal.role.clone(), other.short(), lots, deal.price_text.clone(), usage_text(deal), state]
    };
    let heads = ["ID", "ROLE", "WITH", "LOTS", "PRICE", "TIME", "STATE"];
    table(&heads, &deals.iter().map(row).collect::<Vec<_>>())
}
