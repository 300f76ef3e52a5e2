//! What every command gets: the data folder, the way to answer and the node's client. Decides nothing.

use std::path::PathBuf;

use serde::Serialize;

use super::client::Client;
use super::error::CliError;
use super::{here, output};

/// Where a command works and how it answers.
#[derive(Debug)]
pub struct Context {
    /// `--data`, and only that.
    pub data_given: Option<PathBuf>,
    /// The data folder: `--data`, else `SOUK_DATA`, else the default.
    pub data: PathBuf,
    /// Whether stdout carries one JSON document.
    pub is_json: bool,
    /// How often `-v` was given.
    pub verbosity: u8,
}

impl Context {
    /// The context that the global arguments make.
    pub fn new(data_given: Option<PathBuf>, is_json: bool, verbosity: u8) -> Context {
        let data = data_given.clone().unwrap_or_else(here::default_data_folder);
        Context { data_given, data, is_json, verbosity }
    }

    /// The client of the node that runs on the data folder.
    ///
    /// # Errors
    /// `node_not_running` if none does.
    pub fn client(&self) -> Result<Client, CliError> {
        Client::open(&self.data, &self.command("node run"))
    }

    /// `souk ARGUMENTS` as the user has to type it here.
    pub fn command(&self, arguments: &str) -> String {
        match &self.data_given {
            Some(data) => format!("souk {arguments} --data {}", quoted(&data.display().to_string())),
            None => format!("souk {arguments}"),
        }
    }

    /// Answers with `word` as a document, or with the text that `text` makes of it.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub fn answer<T: Serialize>(&self, word: &T, text: impl FnOnce(&T) -> String) -> Result<(), CliError> {
        match self.is_json {
            true => output::document(word)?,
            false => output::line(&text(word))?,
        }
        Ok(())
    }

    /// Tells something beside the data, on stderr; nothing with `--json`.
    ///
    /// # Errors
    /// If stderr cannot be written.
    pub fn note(&self, text: &str) -> Result<(), CliError> {
        if !self.is_json {
            output::note(text)?;
        }
        Ok(())
    }
}

/// `text` as one word of a shell command.
pub fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.into(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggested_command_can_be_pasted_into_a_shell() {
        for (text, word) in [("/tmp/a-b", "/tmp/a-b"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("", "''")] {
            assert_eq!(quoted(text), word);
        }
        let context = Context::new(Some("/tmp/my data".into()), false, 0);
        assert_eq!(context.command("node run"), "souk node run --data '/tmp/my data'");
    }
}
