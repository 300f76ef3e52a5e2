//! What a command that failed says: a stable code, what happened, the next step, an exit code. Knows no command.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::output::{self, Paint};
use crate::ScenarioError;
use crate::report::compare::CompareError;
use crate::scenario::LoadError;

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
    /// 1 the user's error or a run that was not good, 2 ours.
    pub exit: u8,
}

impl CliError {
    /// The user, or the world around, must change something.
    pub fn user(code: &str, message: impl Into<String>) -> CliError {
        CliError { code: code.into(), message: message.into(), next: None, exit: 1 }
    }

    /// Something was not good, and what the command answered says what: only the exit code is missing.
    pub fn told() -> CliError {
        CliError::user(TOLD, "the answer says what was not good")
    }

    /// The same with the next step to try.
    pub fn next(self, step: impl Into<String>) -> CliError {
        CliError { next: Some(step.into()), ..self }
    }

    /// A file could not be written.
    pub fn writing(path: &Path, error: &io::Error) -> CliError {
        CliError::user("file_unwritable", format!("{} cannot be written: {error}", path.display()))
            .next("check the folder's permissions and the space on the disk")
    }

    /// The `--json` document.
    pub fn document(&self) -> Value {
        json!({"error": {"code": self.code, "message": self.message, "next": self.next}})
    }

    /// The lines for people.
    pub fn text(&self, paint: Paint) -> String {
        let head = paint.red(&format!("error[{}]:", self.code));
        match &self.next {
            Some(next) => format!("{head} {}\n  {} {next}", self.message, paint.dim("next:")),
            None => format!("{head} {}", self.message),
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

impl From<LoadError> for CliError {
    fn from(error: LoadError) -> CliError {
        CliError::user(error.code(), error.to_string()).next(error.next())
    }
}

impl From<ScenarioError> for CliError {
    fn from(error: ScenarioError) -> CliError {
        CliError::user(error.code(), error.to_string()).next(error.next())
    }
}

impl From<CompareError> for CliError {
    fn from(error: CompareError) -> CliError {
        let (code, next) = match error {
            CompareError::NoReport { .. } => ("no_report", "make one: souk-sim run NAME --out FOLDER"),
            CompareError::NothingShared => ("nothing_shared", "compare two runs, or two sweeps over the same values"),
        };
        CliError::user(code, error.to_string()).next(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_for_people_names_its_code_and_the_next_step() {
        let error = CliError::from(ScenarioError::Strategy { name: "x".into() });
        let text = "error[scenario_strategy]: there is no strategy `x`\n  next: souk-sim list --strategies";
        assert_eq!(error.text(Paint::PLAIN), text);
        assert_eq!(error.document()["error"]["next"], "souk-sim list --strategies");
    }
}
