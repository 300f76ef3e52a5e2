//! `souk node status`: how the running node is, in one screen. Knows only what the API says.

use clap::Args;
use protocol::quantity::display_seconds;

use crate::api::words::{MetricWord, StatusWord};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::key::{ending, until};
use crate::cli::market::neighbours;
use crate::cli::table::{facts, grouped, short};

/// How the running node is.
#[derive(Debug, Args)]
pub struct Status {}

impl Status {
    /// Asks the node.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let status = context.client()?.status()?;
        context.answer(&status, text)?;
        let warning = status.delegation.as_ref().and_then(|word| ending(word, status.now_ms));
        warning.map_or(Ok(()), |warning| context.note(&format!("warning: {warning}")))
    }
}

fn text(status: &StatusWord) -> String {
    let market = &status.market;
    let cleared = status.cleared.as_ref().map_or("none yet".into(), |epoch| {
        format!(
            "{} · {} orders · {} matches · root {}",
            epoch.epoch,
            epoch.orders,
            epoch.matches.len(),
            short(&epoch.root)
        )
    });
    let agreement = status.cleared.as_ref().and_then(|epoch| epoch.agreement.as_ref());
    let agreement = agreement.map_or("none yet".into(), |word| {
        let differ = if word.differ.is_empty() { "" } else { " (see souk market epoch)" };
        let (agree, others) = (neighbours(word.agree.len()), word.differ.len());
        format!("{agree} sealed the same, {others} another book{differ}, {} silent", word.silent.len())
    });
    let mut rows = vec![
        ("address", status.address.to_string()),
        ("market", format!("{} {}", market.name, short(&market.id.0))),
        ("chain", format!("{} ({})", market.chain, market.chain_text)),
        ("peers", status.peers.to_string()),
        ("book", format!("{} heads", grouped(status.heads as u64))),
        ("epoch", format!("{} of {} ms", status.epoch, grouped(market.epoch_ms.into()))),
        ("cleared", cleared),
        ("agreement", agreement),
        ("measured", metrics(&status.measured, "nothing yet: souk bench")),
        ("deals", format!("{} running", status.deals_running)),
        ("up", format!("{}, version {}", display_seconds(status.uptime_s), status.version)),
    ];
    if let Some(word) = &status.delegation {
        rows.insert(1, ("by its key", format!("{}, {}", status.key, until(word, status.now_ms))));
    }
    rows.extend(status.listeners.iter().map(|listener| ("listens", listener.clone())));
    facts(&rows)
}

/// `cpu.hash=30Mhash/s mem.size=2GiB`, or `none`.
pub fn metrics(metrics: &[MetricWord], none: &str) -> String {
    match metrics.is_empty() {
        true => none.into(),
        false => metrics.iter().map(|m| format!("{}={}", m.metric, m.text)).collect::<Vec<_>>().join(" "),
    }
}
