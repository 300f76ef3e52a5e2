//! `souk key new`: makes a key where there is none. Never shows the secret.

use clap::Args;

use super::KeyWord;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::here;
use crate::cli::passphrase::PassphraseSource;

/// Make a key.
#[derive(Debug, Args)]
pub struct New {
    #[command(flatten)]
    passphrase: PassphraseSource,
    /// Keep the key unencrypted: whoever reads the file has the account.
    #[arg(long, conflicts_with = "passphrase_file")]
    insecure_unencrypted: bool,
}

impl New {
    /// Makes the key and says its address.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        here::ensure_no_key(&context.data)?;
        let passphrase = match self.insecure_unencrypted {
            true => None,
            false => Some(self.passphrase.choose()?),
        };
        let key = here::generate_key()?;
        let path = here::save_key(&context.data, &key, passphrase.as_deref())?;
        let word =
            KeyWord { address: key.address(), path: path.display().to_string(), is_encrypted: passphrase.is_some() };
        context.answer(&word, KeyWord::text)?;
        let next = if context.data.join("market.toml").exists() { "node run" } else { "market join FILE" };
        context.note(&format!("  next: {}", context.command(next)))
    }
}
