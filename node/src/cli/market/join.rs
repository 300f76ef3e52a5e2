//! `souk market join`: copies a checked market file to where `node run` finds it. Connects to nobody.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::here;

/// Make a market's file the one that `souk node run` uses.
#[derive(Debug, Args)]
pub struct Join {
    /// The market's file.
    file: PathBuf,
    /// Leave the market that was joined before.
    #[arg(long)]
    force: bool,
}

impl Join {
    /// Checks the file and copies it into the data folder.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let market = here::read_market(&self.file)?;
        let path = here::data_folder(&context.data)?.market_file();
        if path.exists() {
            let is_same = here::read_market(&path).is_ok_and(|joined| joined == market);
            match (is_same, self.force) {
                (true, _) => {}
                (false, true) => fs::remove_file(&path).map_err(|error| CliError::writing(&path, &error))?,
                (false, false) => {
                    let message = format!("{} is another market that was joined before", path.display());
                    return Err(CliError::user("market_joined_before", message)
                        .next("add --force to leave it, or choose another folder with --data"));
                }
            }
        }
        if !path.exists() {
            here::write_market(&market, &path)?;
        }
        let word = json!({"id": market.id, "name": market.market.name, "path": path});
        context.answer(&word, |_| format!("joined {} {}\n  {}", market.market.name, market.id, path.display()))?;
        let next = if here::has_key(&context.data)? { "node run" } else { "key new" };
        context.note(&format!("  next: {}", context.command(next)))
    }
}
