//! `souk key export`: writes the key out, encrypted unless told otherwise. Never overwrites a file.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::passphrase::PassphraseSource;
use crate::cli::{here, output};

/// Write the key out, for a backup or another wallet.
#[derive(Debug, Args)]
pub struct Export {
    /// Where to write it, mode 0600; without it to stdout.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseSource,
    /// Write the secret itself as hex digits instead of a keystore.
    #[arg(long)]
    insecure_unencrypted: bool,
}

impl Export {
    /// Writes a keystore (version 3), or the secret if that was asked for.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let address = here::stored_address(&context.data)?;
        let text = self.text(context)?;
        let form = if self.insecure_unencrypted { "hex" } else { "keystore-v3" };
        match &self.to {
            Some(path) => {
                write_new(path, &text)?;
                let word = json!({"address": address, "path": path, "form": form});
                context.answer(&word, |_| format!("{address}\n  {} ({form})", path.display()))
            }
            None if context.is_json => {
                Ok(output::document(&json!({"address": address, "form": form, "key": text.trim_end()}))?)
            }
            None => Ok(output::line(text.trim_end())?),
        }
    }

    fn text(&self, context: &Context) -> Result<String, CliError> {
        let stored = here::stored_keystore(&context.data)?;
        match (self.insecure_unencrypted, stored) {
            (false, Some(keystore)) => Ok(keystore),
            (false, None) => {
                let key = here::load_key(&context.data, None)?;
                here::key_text(&key, Some(&self.passphrase.choose()?))
            }
            (true, None) => here::key_text(&here::load_key(&context.data, None)?, None),
            (true, Some(_)) => {
                let passphrase = self.passphrase.ask("the key")?;
                here::key_text(&here::load_key(&context.data, Some(&passphrase))?, None)
            }
        }
    }
}

fn write_new(path: &Path, text: &str) -> Result<(), CliError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| CliError::writing(path, &error).next("choose another place with --to"))
}
