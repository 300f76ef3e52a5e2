//! `souk key import`: brings a key from a keystore, a file or stdin. Never takes a secret from the arguments.

use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;

use clap::Args;

use super::KeyWord;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::here;
use crate::cli::passphrase::PassphraseSource;

/// Bytes of stdin that are read.
const STDIN_MAX: u64 = 64 * 1024;

/// Bring a key from a keystore file, or 64 hex digits from a file or stdin.
#[derive(Debug, Args)]
pub struct Import {
    /// A keystore (version 3) or a file with 64 hex digits; without it the digits come from stdin.
    file: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseSource,
    /// Keep the key unencrypted: whoever reads the file has the account.
    #[arg(long)]
    insecure_unencrypted: bool,
}

impl Import {
    /// Reads the key and keeps it. A keystore keeps its passphrase; digits get a new one.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        here::ensure_no_key(&context.data)?;
        let (key, opened_with) = match &self.file {
            Some(path) => here::key_of_file(path, || self.passphrase.ask(&path.display().to_string()))?,
            None => (here::key_of_hex(&digits()?)?, None),
        };
        let passphrase = match (self.insecure_unencrypted, opened_with) {
            (true, _) => None,
            (false, Some(passphrase)) => Some(passphrase),
            (false, None) => Some(self.passphrase.choose()?),
        };
        let path = here::save_key(&context.data, &key, passphrase.as_deref())?;
        let word =
            KeyWord { address: key.address(), path: path.display().to_string(), is_encrypted: passphrase.is_some() };
        context.answer(&word, KeyWord::text)
    }
}

fn digits() -> Result<String, CliError> {
    if io::stdin().is_terminal() {
        let message = "the secret would be shown as it is typed";
        return Err(CliError::user("stdin_is_a_terminal", message).next("souk key import FILE, or pipe the digits in"));
    }
    let mut text = String::new();
    let read = io::stdin().take(STDIN_MAX).read_to_string(&mut text);
    read.map_err(|error| CliError::user("stdin_unreadable", format!("stdin cannot be read: {error}")))?;
    Ok(text)
}
