//! `souk market epoch`: what one clearing came to, with its roots in full, and which neighbours agree.

use clap::Args;

use crate::api::agreement::{AgreementWord, DifferWord};
use crate::api::words::{EpochWord, MatchWord};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::table::{facts, short, table};

/// A clearing: its roots and matches, and which neighbours sealed the same.
#[derive(Debug, Args)]
pub struct Epoch {
    /// Which one; the last one if left out.
    number: Option<u64>,
}

impl Epoch {
    /// Asks the node.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        context.answer(&context.client()?.epoch(self.number)?, text)
    }
}

/// `1 neighbour`, `5 neighbours`.
pub(crate) fn neighbours(count: usize) -> String {
    if count == 1 { "1 neighbour".to_owned() } else { format!("{count} neighbours") }
}

/// `5 neighbours sealed the same, 41 ms after the epoch's end`, and who did not.
fn agreement(word: &AgreementWord) -> Vec<String> {
    let mut lines = Vec::new();
    match (word.agree.len(), word.took_ms) {
        (0, _) if word.differ.is_empty() && word.silent.is_empty() => lines.push("no neighbours to agree with".into()),
        (count, Some(took_ms)) => {
            lines.push(format!("{} sealed the same, the last {took_ms} ms after the epoch's end", neighbours(count)));
        }
        (count, None) => lines.push(format!("{} sealed the same", neighbours(count))),
    }
    let differs = |one: &DifferWord| format!("{} sealed {}", one.neighbour, one.sealed_root);
    lines.extend(word.differ.iter().map(differs));
    lines.extend(word.silent.iter().map(|neighbour| format!("{neighbour} has not said what it sealed")));
    lines
}

/// `0.01SNM/h`, or `0.01SNM/h to 0.02SNM/h` where matches differ; nothing without any.
fn prices(epoch: &EpochWord) -> Option<String> {
    let lowest = epoch.matches.iter().min_by_key(|found| found.price)?;
    let highest = epoch.matches.iter().max_by_key(|found| found.price)?;
    Some(match lowest.price == highest.price {
        true => lowest.price_text.clone(),
        false => format!("{} to {}", lowest.price_text, highest.price_text),
    })
}

fn text(epoch: &EpochWord) -> String {
    let mut rows = vec![
        ("epoch", epoch.epoch.to_string()),
        ("orders", epoch.orders.to_string()),
        ("sealed root", epoch.sealed_root.to_string()),
        ("root", epoch.root.to_string()),
    ];
    rows.extend(prices(epoch).map(|prices| ("prices", prices)));
    if !epoch.matches.is_empty() {
        rows.push(("surplus", epoch.surplus_text.clone()));
    }
    let lines = epoch.agreement.as_ref().map(agreement).unwrap_or_default();
    rows.extend(lines.into_iter().map(|line| ("agreement", line)));
    let row = |found: &MatchWord| {
        let ids = [short(&found.ask), short(&found.bid)];
        let parties = [found.supplier.to_string(), found.consumer.to_string()];
        let mut row: Vec<String> = ids.into_iter().chain(parties).collect();
        row.extend([found.lots.to_string(), found.price_text.clone()]);
        row
    };
    let matches: Vec<_> = epoch.matches.iter().map(row).collect();
    match matches.is_empty() {
        true => format!("{}\nno matches", facts(&rows)),
        false => {
            let heads = ["ASK", "BID", "SUPPLIER", "CONSUMER", "LOTS", "PRICE"];
            format!("{}\n\n{}", facts(&rows), table(&heads, &matches))
        }
    }
}
