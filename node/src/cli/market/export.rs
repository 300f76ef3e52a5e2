//! `souk market export`: keeps what it takes to check a past epoch elsewhere. Judges nothing: `souk market verify` does.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use crate::cli::context::{Context, quoted};
use crate::cli::error::CliError;
use crate::cli::table::{bytes_text, grouped};
use crate::cli::{here, output};

/// All that it takes to check a past epoch elsewhere: its signed orders and its clearing.
#[derive(Debug, Args)]
pub struct Export {
    /// Which epoch [default: the last one].
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
    /// Where to write it; without it to stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

/// What of the document is told; reading it shows that all of it has come.
#[derive(Deserialize)]
struct Head {
    epoch: u64,
    clearing: Clearing,
}

#[derive(Deserialize)]
struct Clearing {
    orders: u64,
}

impl Export {
    /// Asks the node and writes what it answers.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        if let Some(path) = self.out.as_deref().filter(|_| !self.force) {
            here::ensure_free(path)?;
        }
        let text = context.client()?.sealed_book(self.epoch)?;
        let Some(path) = &self.out else { return Ok(output::line(&text)?) };
        let head: Head = serde_json::from_str(&text).map_err(|error| {
            CliError::ours("api_mismatch", format!("the node answers what this command cannot read: {error}"))
                .next("use the same version of souk for the node and the command")
        })?;
        here::write_forced(path, &text, self.force)?;
        let (epoch, orders, bytes) = (head.epoch, head.clearing.orders, text.len() as u64);
        let word = json!({"epoch": epoch, "orders": orders, "path": path, "bytes": bytes});
        let lines = format!("epoch {epoch}: {} orders\n  {} ({})", grouped(orders), path.display(), bytes_text(bytes));
        context.answer(&word, |_| lines)?;
        let file = quoted(&path.display().to_string());
        context.note(&format!("  next, on any machine: souk market verify --book {file}"))
    }
}
