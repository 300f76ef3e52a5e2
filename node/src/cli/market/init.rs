//! `souk market init`: writes the file of a new market, unlike any other. Needs no node.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::context::{Context, quoted};
use crate::cli::error::CliError;
use crate::cli::here;

/// Write the file of a new market.
#[derive(Debug, Args)]
pub struct Init {
    /// A name for people.
    #[arg(long)]
    name: String,
    /// Length of an epoch in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 2000)]
    epoch_ms: u32,
    /// Where deals are paid; without a chain nothing is.
    #[arg(long, value_enum, default_value_t = ChainChoice::None)]
    chain: ChainChoice,
    /// A peer that newcomers meet first, ending in /p2p/ID; may be repeated.
    #[arg(long, value_name = "MULTIADDR")]
    bootstrap: Vec<String>,
    /// Where to write the file.
    #[arg(long, value_name = "FILE", default_value = crate::market_file::FILE_NAME)]
    to: PathBuf,
}

/// The chains there are.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ChainChoice {
    /// Deals are countersigned; nothing is paid.
    None,
}

impl Init {
    /// Writes the file and says the market's id.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let ChainChoice::None = self.chain;
        let file = here::new_market(&self.name, self.epoch_ms, self.bootstrap)?;
        here::write_market(&file, &self.to)?;
        let word = json!({"id": file.id, "name": file.market.name, "chain": "none", "path": self.to});
        context.answer(&word, |_| format!("market {} {}\n  {}", file.market.name, file.id, self.to.display()))?;
        context.note("  this market has no chain: deals are countersigned, nothing is paid")?;
        let join = format!("market join {}", quoted(&self.to.display().to_string()));
        context.note(&format!("  next: {}", context.command(&join)))
    }
}
