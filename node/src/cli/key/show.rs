//! `souk key show`: the address on the key file, without opening it. Never asks for a passphrase.

use clap::Args;

use super::KeyWord;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::here;

/// Show the key's address; needs no passphrase.
#[derive(Debug, Args)]
pub struct Show {}

impl Show {
    /// Shows what stands on the key file.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let is_encrypted = here::key_needs_passphrase(&context.data)?;
        let path = context.data.join(if is_encrypted { "key.json" } else { "key.hex" });
        let address = here::stored_address(&context.data)?;
        let word = KeyWord { address, path: path.display().to_string(), is_encrypted };
        context.answer(&word, KeyWord::text)?;
        match here::permissions_warning(&context.data) {
            Some(warning) => context.note(&format!("warning: {warning}")),
            None => Ok(()),
        }
    }
}
