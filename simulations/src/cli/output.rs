//! Writing to stdout and stderr, in colour where that is wanted. Never panics when nobody reads.

use std::env;
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
