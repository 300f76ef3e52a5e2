//! Asking for a passphrase: from a file, the environment, a terminal without echo, or a line of stdin. Never from the
//! arguments, which every user of the machine can read.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::error::CliError;

/// Bytes of a passphrase.
const LENGTH_MAX: u64 = 4096;
const VARIABLE: &str = "SOUK_PASSPHRASE";

/// Where the passphrase comes from.
#[derive(Debug, Args)]
pub struct PassphraseSource {
    /// Read the passphrase from the first line of this file [env: SOUK_PASSPHRASE holds it itself].
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseSource {
    /// The passphrase of a key that exists.
    ///
    /// # Errors
    /// `passphrase_needed` if there is no way to ask, or the file's own.
    pub fn ask(&self, what: &str) -> Result<String, CliError> {
        match self.given()? {
            Some(passphrase) => Ok(passphrase),
            None => prompt(&format!("Passphrase of {what}: ")),
        }
    }

    /// A new passphrase: at a terminal it is asked for twice.
    ///
    /// # Errors
    /// As [`PassphraseSource::ask`], and `passphrases_differ`.
    pub fn choose(&self) -> Result<String, CliError> {
        let passphrase = match self.given()? {
            Some(passphrase) => passphrase,
            None => {
                let first = prompt("New passphrase: ")?;
                if io::stdin().is_terminal() && prompt("The same again: ")? != first {
                    return Err(CliError::user("passphrases_differ", "the two passphrases differ")
                        .next("run the command again"));
                }
                first
            }
        };
        match passphrase.is_empty() {
            false => Ok(passphrase),
            true => Err(CliError::user("empty_passphrase", "an empty passphrase protects nothing")
                .next("choose one, or ask for --insecure-unencrypted in so many words")),
        }
    }

    fn given(&self) -> Result<Option<String>, CliError> {
        match (&self.passphrase_file, std::env::var(VARIABLE)) {
            (Some(path), _) => first_line(path).map(Some),
            (None, Ok(passphrase)) => Ok(Some(passphrase)),
            (None, Err(_)) => Ok(None),
        }
    }
}

fn first_line(path: &Path) -> Result<String, CliError> {
    let file = File::open(path).map_err(|error| CliError::reading(path, &error))?;
    read_line(file).map_err(|error| CliError::reading(path, &error))
}

fn read_line(source: impl Read) -> io::Result<String> {
    let mut line = String::new();
    io::BufReader::new(source.take(LENGTH_MAX)).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).into())
}

fn prompt(question: &str) -> Result<String, CliError> {
    let missing = || {
        CliError::user("passphrase_needed", "a passphrase is needed and there is nobody to ask")
            .next("add --passphrase-file FILE, or run the command in a terminal")
    };
    if io::stdin().is_terminal() {
        let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(|_| missing())?;
        return hidden_line(&terminal, question)?.ok_or_else(missing);
    }
    let line = read_line(io::stdin()).map_err(|_| missing())?;
    if line.is_empty() { Err(missing()) } else { Ok(line) }
}

/// Puts the terminal back as it was, also when reading fails.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    /// No echo, and keys one by one: even Ctrl-C arrives as a byte, so that it cannot leave the terminal mute.
    fn new(terminal: &'a File) -> io::Result<Quiet<'a>> {
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Quiet { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // If the terminal is gone there is nothing to put back.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// A line typed without echo; `None` at Ctrl-D on an empty line.
fn hidden_line(terminal: &File, question: &str) -> Result<Option<String>, CliError> {
    let mut out = terminal;
    write!(out, "{question}")?;
    let line = {
        let _quiet = Quiet::new(terminal)?;
        keys_until_enter(terminal)
    };
    writeln!(out)?;
    line
}

fn keys_until_enter(mut keys: impl Read) -> Result<Option<String>, CliError> {
    let mut line = Vec::new();
    let mut key = [0];
    while keys.read(&mut key)? == 1 {
        match key[0] {
            b'\r' | b'\n' => break,
            3 => return Err(CliError::user("interrupted", "interrupted").next("run the command again")),
            4 if line.is_empty() => return Ok(None),
            4 => break,
            8 | 127 => erase_one(&mut line),
            21 => line.clear(),
            byte if line.len() < LENGTH_MAX as usize => line.push(byte),
            _ => {}
        }
    }
    let wrong = |_| CliError::user("bad_passphrase", "the passphrase is not UTF-8").next("set the terminal to UTF-8");
    String::from_utf8(line).map(Some).map_err(wrong)
}

/// Drops the last character: its continuation bytes and its first.
fn erase_one(line: &mut Vec<u8>) {
    while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_make_a_line_as_at_any_prompt() {
        for (keys, line) in [
            (&b"sesame\nrest"[..], Some("sesame")),
            (b"sesx\x7fame\r", Some("sesame")),
            ("ü\x7fa\n".as_bytes(), Some("a")),
            (b"wrong\x15right\n", Some("right")),
            (b"\x04", None),
            (b"a\x04", Some("a")),
        ] {
            assert_eq!(keys_until_enter(keys).unwrap().as_deref(), line);
        }
        assert_eq!(keys_until_enter(&b"ab\x03"[..]).unwrap_err().code, "interrupted");
    }

    #[test]
    fn only_the_first_line_of_a_passphrase_file_counts() {
        assert_eq!(read_line(&b"open sesame\r\nsecond"[..]).unwrap(), "open sesame");
        assert_eq!(read_line(&b""[..]).unwrap(), "");
    }
}
