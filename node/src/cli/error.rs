//! What a command that failed says: a stable code, what happened, the next step, an exit code. Knows no command.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::output;
use super::output::Paint;
use crate::api::words::ErrorWord;

/// The code of an error that is not worth telling: whoever read our output has gone.
const OUTPUT_CLOSED: &str = "output_closed";
/// The code of an error of which everything was told already.
const TOLD: &str = "told";

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliError {
    /// Stable code: lower case words joined by underscores.
    pub code: String,
    /// What happened.
    pub message: String,
    /// The next command or step to try.
    pub next: Option<String>,
    /// 1 the user's error, 2 ours.
    pub exit: u8,
    /// More members of the `--json` document, beside `error`.
    pub details: Option<Box<Value>>,
}

impl CliError {
    /// The user, or the world around, must change something.
    pub fn user(code: &str, message: impl Into<String>) -> CliError {
        CliError { code: code.into(), message: message.into(), next: None, exit: 1, details: None }
    }

    /// We are wrong, or what we lean on broke.
    pub fn ours(code: &str, message: impl Into<String>) -> CliError {
        CliError { exit: 2, ..CliError::user(code, message) }
    }

    /// Something failed, and what the command answered says what: only the exit code is missing.
    pub fn told() -> CliError {
        CliError::user(TOLD, "the answer says what failed")
    }

    /// The same with the next step to try.
    pub fn next(self, step: impl Into<String>) -> CliError {
        CliError { next: Some(step.into()), ..self }
    }

    /// The same with more members for the `--json` document.
    pub fn with(self, details: Value) -> CliError {
        CliError { details: Some(Box::new(details)), ..self }
    }

    /// What the node answered with HTTP status `status`.
    pub fn from_api(word: ErrorWord, status: u16) -> CliError {
        let exit = if status >= 500 { 2 } else { 1 };
        CliError { code: word.code, message: word.message, next: word.next, exit, details: None }
    }

    /// A file could not be read.
    pub fn reading(path: &Path, error: &io::Error) -> CliError {
        let what = path.display();
        match error.kind() {
            io::ErrorKind::NotFound => CliError::user("file_not_found", format!("there is no file {what}"))
                .next("check the path; it is relative to the current folder"),
            io::ErrorKind::PermissionDenied => {
                CliError::user("file_denied", format!("{what} may not be read: {error}")).next(format!("ls -l {what}"))
            }
            _ => CliError::user("file_unreadable", format!("{what} cannot be read: {error}"))
                .next("check the path and the disk"),
        }
    }

    /// There is more to read than a command takes.
    pub fn too_large(what: &str, bytes_max: u64) -> CliError {
        CliError::user("file_too_large", format!("{what} is larger than {} MiB", bytes_max >> 20))
            .next("check that it is the file that you mean")
    }

    /// A file could not be written.
    pub fn writing(path: &Path, error: &io::Error) -> CliError {
        let what = path.display();
        match error.kind() {
            io::ErrorKind::AlreadyExists => {
                CliError::user("file_exists", format!("{what} exists already and is not overwritten"))
                    .next("add --force, or choose another place with --to")
            }
            _ => CliError::user("file_unwritable", format!("{what} cannot be written: {error}"))
                .next("check the folder's permissions and the space on the disk"),
        }
    }

    /// The `--json` document.
    pub fn document(&self) -> Value {
        let mut document = json!({"error": {"code": self.code, "message": self.message, "next": self.next}});
        if let (Value::Object(members), Some(Value::Object(details))) = (&mut document, self.details.as_deref()) {
            members.extend(details.clone());
        }
        document
    }

    /// The lines for people.
    pub fn text(&self, paint: Paint) -> String {
        let head = paint.red(&format!("error[{}]:", self.code));
        let message = output::harmless(&self.message);
        match &self.next {
            Some(next) => format!("{head} {message}\n  {} {}", paint.dim("next:"), output::harmless(next)),
            None => format!("{head} {message}"),
        }
    }

    /// Prints it, on stdout with `--json` and else on stderr, and gives its exit code.
    pub fn report(&self, is_json: bool) -> ExitCode {
        if !matches!(&*self.code, OUTPUT_CLOSED | TOLD) {
            // Whoever closed both streams does not want to know.
            let _ = match is_json {
                true => output::document(&self.document()),
                false => output::note(&self.text(Paint::stderr())),
            };
        }
        ExitCode::from(self.exit)
    }
}

impl From<io::Error> for CliError {
    /// For writing to stdout or stderr, where nothing else can be said about it.
    fn from(error: io::Error) -> CliError {
        match error.kind() {
            io::ErrorKind::BrokenPipe => CliError::user(OUTPUT_CLOSED, "nobody reads the output"),
            _ => CliError::user("output_failed", format!("the output cannot be written: {error}"))
                .next("check where the output goes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_for_people_names_its_code_and_the_next_step() {
        let error = CliError::user("no_key", "there is no key").next("souk key new");
        assert_eq!(error.text(Paint::PLAIN), "error[no_key]: there is no key\n  next: souk key new");
        assert_eq!(error.exit, 1);
    }

    #[test]
    fn what_a_stranger_wrote_cannot_steer_the_terminal() {
        let error = CliError::ours("declined", "no\u{1b}[2Jway");
        assert_eq!(error.text(Paint::PLAIN), "error[declined]: no\\u{1b}[2Jway");
    }

    #[test]
    fn details_stand_beside_the_error_in_the_document() {
        let error = CliError::user("trapped", "it trapped").with(json!({"task": 1}));
        assert_eq!(error.document()["task"], 1);
        assert_eq!(error.document()["error"]["next"], Value::Null);
    }
}
