//! `souk deal`: what was agreed.

mod cancel;
mod list;
mod show;

use clap::Subcommand;
use protocol::Hash;
use protocol::quantity::display_seconds;

use super::client::Client;
use super::context::Context;
use super::error::CliError;
use super::{ids, node_metrics};
use crate::api::words::DealWord;

/// What was agreed.
#[derive(Debug, Subcommand)]
pub enum Deal {
    /// The node's own deals, newest first.
    List(list::List),
    /// All about one deal.
    Show(show::Show),
    /// End a deal as its consumer: what was served so far is billed.
    Cancel(cancel::Cancel),
}

impl Deal {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Deal::List(command) => command.run(context),
            Deal::Show(command) => command.run(context),
            Deal::Cancel(command) => command.run(context),
        }
    }
}

/// What is said wherever deals are shown and no chain pays them.
const UNPAID: &str = "nothing is paid: this market has no chain";

/// The deal that `text` names.
pub fn resolve(context: &Context, client: &Client, text: &str) -> Result<Hash, CliError> {
    let known = || Ok(client.deals()?.into_iter().map(|deal| deal.id).collect());
    ids::resolve(text, "deal", &context.command("deal list"), known)
}

/// `running`, `cancelled`, …
pub fn state_text(deal: &DealWord) -> String {
    format!("{:?}", deal.state).to_lowercase()
}

/// What of the agreed time was used and billed, and what that costs.
pub fn usage_text(deal: &DealWord) -> String {
    let [elapsed, billed, agreed] = [deal.elapsed_s, deal.billed_s, deal.duration_s].map(display_seconds);
    let paid = if deal.is_paid { "" } else { ", not paid: no chain" };
    format!("{elapsed} of {agreed} used, {billed} billed, {}{paid}", deal.cost_text)
}

/// The facts of a deal.
pub fn facts_of(deal: &DealWord) -> Vec<(&'static str, String)> {
    let terms = &deal.terms;
    let mut rows = vec![
        ("deal", deal.id.to_string()),
        ("state", state_text(deal)),
        ("role", deal.role.clone()),
        ("supplier", terms.supplier().to_string()),
        ("consumer", terms.consumer().to_string()),
        ("lots", terms.ask.lots.to_string()),
        ("one lot", node_metrics(&deal.bought, "-")),
        ("price", format!("{} a lot", deal.price_text)),
        ("time", usage_text(deal)),
        ("ask, bid", format!("{}, {}", terms.ask.id, terms.bid.id)),
        ("cleared in", format!("epoch {}", terms.epoch)),
    ];
    rows.extend(deal.reason_text.iter().map(|reason| ("over because", reason.clone())));
    rows
}
