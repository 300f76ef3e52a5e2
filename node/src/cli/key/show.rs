//! `souk key show`: the address on the key file, without opening it. Never asks for a passphrase.

use clap::Args;

use serde::Serialize;

use super::{DelegatedWord, KeyWord};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::here;
use crate::cli::table::now_ms;

/// Show the key's address; needs no passphrase.
#[derive(Debug, Args)]
pub struct Show {}

/// The key, and in whose name its node trades if not in its own.
#[derive(Debug, Serialize)]
struct ShownWord {
    #[serde(flatten)]
    word: KeyWord,
    #[serde(skip_serializing_if = "Option::is_none")]
    delegated: Option<DelegatedWord>,
}

impl ShownWord {
    fn text(&self) -> String {
        let delegated = self.delegated.as_ref().map(|delegated| format!("\n  {}", delegated.text()));
        self.word.text() + &delegated.unwrap_or_default()
    }
}

impl Show {
    /// Shows what stands on the key file.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let is_encrypted = here::key_needs_passphrase(&context.data)?;
        let path = context.data.join(if is_encrypted { "key.json" } else { "key.hex" });
        let address = here::stored_address(&context.data)?;
        let word = KeyWord { address, path: path.display().to_string(), is_encrypted };
        let delegated = here::adopted(&context.data)?.map(|delegation| DelegatedWord::new(address, Some(&delegation)));
        let word = ShownWord { word, delegated };
        context.answer(&word, ShownWord::text)?;
        if let Some(warning) = word.delegated.as_ref().and_then(|delegated| delegated.warning(now_ms())) {
            context.note(&format!("warning: {warning}"))?;
        }
        match here::permissions_warning(&context.data) {
            Some(warning) => context.note(&format!("warning: {warning}")),
            None => Ok(()),
        }
    }
}
