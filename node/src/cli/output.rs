//! Writing to stdout and stderr, in colour where that is wanted. Never panics when nobody reads.

use std::env;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

/// Colours for one stream: none when it is not a terminal, or `NO_COLOR` is set.
#[derive(Debug, Clone, Copy)]
pub struct Paint(bool);

impl Paint {
    /// No colours.
    #[cfg(test)]
    pub const PLAIN: Paint = Paint(false);

    /// For stdout.
    pub fn stdout() -> Paint {
        Paint(io::stdout().is_terminal() && is_wanted())
    }

    /// For stderr.
    pub fn stderr() -> Paint {
        Paint(io::stderr().is_terminal() && is_wanted())
    }

    /// Whether there are colours.
    pub fn is_on(self) -> bool {
        self.0
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.into() }
    }

    /// What matters less.
    pub fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// What matters more.
    pub fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// What went well.
    pub fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// What went wrong.
    pub fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// What to look at.
    pub fn cyan(self, text: &str) -> String {
        self.wrap("36", text)
    }
}

fn is_wanted() -> bool {
    let is_refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !is_refused && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// One line, or several, on stdout.
///
/// # Errors
/// The stream's own.
pub fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// One line, or several, on stderr.
///
/// # Errors
/// The stream's own.
pub fn note(text: &str) -> io::Result<()> {
    writeln!(io::stderr().lock(), "{text}")
}

/// One JSON document on stdout.
///
/// # Errors
/// The stream's own.
pub fn document(word: &impl Serialize) -> io::Result<()> {
    line(&serde_json::to_string_pretty(word)?)
}

/// Whether `c` may reach a terminal from a stranger: no control character, and nothing that turns text around.
fn is_harmless(c: char) -> bool {
    let is_turning = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c == '\n' || c == '\t' || !(c.is_control() || is_turning)
}

/// `text` with every character that could steer a terminal written out; newlines and tabs stay.
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match is_harmless(c) {
            true => out.push(c),
            false => write!(out, "{}", c.escape_unicode()).expect("a String takes all"),
        }
    }
    out
}

/// Makes a stream of bytes harmless piece by piece; a character that two pieces share is kept whole.
#[derive(Debug, Default)]
pub struct Harmless {
    pending: Vec<u8>,
}

impl Harmless {
    /// The next piece as text for a terminal.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let cut = match std::str::from_utf8(&self.pending) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            // Later invalid bytes are replaced below; only an unfinished end may wait.
            _ => self.pending.len() - unfinished(&self.pending),
        };
        let rest = self.pending.split_off(cut);
        let text = harmless(&String::from_utf8_lossy(&self.pending));
        self.pending = rest;
        text
    }

    /// What is left at the end.
    pub fn finish(&mut self) -> String {
        harmless(&String::from_utf8_lossy(&std::mem::take(&mut self.pending)))
    }
}

/// How many bytes at the end begin a character without ending it.
fn unfinished(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    let starts = (0..tail.len()).filter(|&start| tail[start] >= 0xc0);
    let is_open = |start: &usize| std::str::from_utf8(&tail[*start..]).is_err_and(|e| e.error_len().is_none());
    starts.max().filter(is_open).map_or(0, |start| tail.len() - start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_that_two_pieces_share_is_kept_whole() {
        let mut stream = Harmless::default();
        let bytes = "a✓b".as_bytes();
        assert_eq!(stream.push(&bytes[..2]), "a");
        assert_eq!(stream.push(&bytes[2..]), "✓b");
        assert_eq!(stream.push(b"\xff\xe2\x9c"), "\u{fffd}");
        assert_eq!(stream.push(b"\x93"), "✓");
        assert_eq!(stream.push(b"\xe2"), "");
        assert_eq!(stream.finish(), "\u{fffd}");
    }

    #[test]
    fn control_characters_are_written_out_and_lines_stay() {
        assert_eq!(harmless("a\tb\nc\rd\u{1b}]0;x\u{7}"), "a\tb\nc\\u{d}d\\u{1b}]0;x\\u{7}");
        assert_eq!(harmless("pay \u{202e}reversed"), "pay \\u{202e}reversed");
        assert_eq!(harmless("\u{9b}2J"), "\\u{9b}2J");
    }

    #[test]
    fn plain_paint_adds_nothing() {
        assert_eq!(Paint::PLAIN.green("x"), "x");
        assert_eq!(Paint(true).green("x"), "\u{1b}[32mx\u{1b}[0m");
    }
}
