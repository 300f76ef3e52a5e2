//! `souk market epoch`: what one clearing came to, with its roots in full, so that nodes can be compared.

use clap::Args;

use crate::api::words::{EpochWord, MatchWord};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::table::{facts, short, table};

/// A clearing: its roots and matches.
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

fn text(epoch: &EpochWord) -> String {
    let rows = [
        ("epoch", epoch.epoch.to_string()),
        ("orders", epoch.orders.to_string()),
        ("sealed root", epoch.sealed_root.to_string()),
        ("root", epoch.root.to_string()),
    ];
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
