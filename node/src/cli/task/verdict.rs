//! What a task that is over comes to: a summary of its receipt, and an error unless all is well.

use protocol::Outcome;
use protocol::quantity::display_seconds;

use crate::api::words::{ReceiptWord, TaskStateWord, TaskWord};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::table::{bytes_text, grouped, millis_text};

/// One line about a receipt.
pub fn summary(word: &ReceiptWord) -> String {
    let receipt = &word.receipt;
    let verified = if word.is_verified { "verified" } else { "NOT verified" };
    // Whoever is killed from outside takes its count along.
    let is_killed = matches!(receipt.outcome, Outcome::OutOfTime | Outcome::Stopped | Outcome::SandboxFailed);
    let gas = if is_killed && receipt.gas == 0 { "an unknown amount of".into() } else { grouped(receipt.gas) };
    let wall = millis_text(receipt.wall_ms);
    format!(
        "{} after {wall}, {gas} gas ({}), {verified}, signed by {}",
        word.outcome_text, word.metering_text, word.signer
    )
}

/// The facts of a task.
pub fn facts_of(task: &TaskWord) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("task", task.id.to_string()),
        ("deal", task.deal.to_string()),
        ("role", task.role.clone()),
        ("state", state_text(task)),
        ("program", task.program.to_string()),
        ("arguments", task.arguments.join(" ")),
        ("wrote", format!("{} to stdout, {} to stderr", bytes_text(task.stdout_bytes), bytes_text(task.stderr_bytes))),
    ];
    rows.extend(task.over_ms.map(|over| {
        let seconds = over.saturating_sub(task.created_ms) / 1000;
        ("took", display_seconds(seconds))
    }));
    for file in &task.outputs {
        rows.push(("output", format!("{} {} blake3 {}", file.path, bytes_text(file.size), file.content)));
    }
    rows.extend(task.receipt.as_ref().map(|receipt| ("receipt", summary(receipt))));
    rows.extend(task.failure.as_ref().map(|failure| ("failure", format!("{}: {}", failure.code, failure.message))));
    rows
}

/// `running`, `done`, …
pub fn state_text(task: &TaskWord) -> String {
    format!("{:?}", task.state).to_lowercase()
}

/// Whether the task exited with 0 and its receipt was verified.
///
/// # Errors
/// A code that says what went wrong otherwise; the whole task stands in its document.
pub fn check(context: &Context, task: &TaskWord) -> Result<(), CliError> {
    check_of(task, &|arguments| context.command(arguments))
        .map_err(|error| error.with(serde_json::json!({"task": task})))
}

pub fn check_of(task: &TaskWord, command: &dyn Fn(&str) -> String) -> Result<(), CliError> {
    let logs = || command(&format!("task logs {} --stream stderr", task.id));
    let Some(word) = &task.receipt else {
        return Err(match (&task.failure, task.state) {
            (Some(failure), _) => CliError::from_api(failure.clone(), 400),
            (None, TaskStateWord::Failed) => {
                CliError::ours("task_failed", "the task failed without a reason").next(logs())
            }
            (None, _) => CliError::user("task_not_over", format!("task {} is {}", task.id, state_text(task)))
                .next(command(&format!("task logs {} --follow", task.id))),
        });
    };
    if !word.is_verified {
        let message = "the receipt does not fit the task: its signature or a hash is wrong";
        return Err(CliError::user("not_verified", message).next(command(&format!("deal cancel {}", task.deal))));
    }
    match (word.receipt.outcome, word.receipt.code) {
        (Outcome::Exited, 0) => Ok(()),
        (Outcome::Exited, code) => {
            Err(CliError::user("exited_nonzero", format!("the program exited with status {code}")).next(logs()))
        }
        (outcome, _) => {
            let message = failure_text(outcome, &word.outcome_text);
            Err(CliError::user(outcome.code(), message).next(next_of(outcome, logs)))
        }
    }
}

/// What the program did, in words, and the supplier's detail behind it.
fn failure_text(outcome: Outcome, text: &str) -> String {
    let what = match outcome {
        Outcome::Exited => "the program ended",
        Outcome::Trapped => "the program trapped",
        Outcome::OutOfGas => "the program used up its gas",
        Outcome::OutOfMemory => "the program wanted more memory than it may have",
        Outcome::OutOfTime => "the program took longer than it may",
        Outcome::OutputTooLarge => "the program's outputs are larger than they may be",
        Outcome::Stopped => "the program was stopped",
        Outcome::Refused => "the program cannot run here",
        Outcome::OutputMissing => "the program left out an output",
        Outcome::StackOverflow => "the program's stack overflowed",
        Outcome::SandboxFailed => "the supplier's sandbox failed",
    };
    match text.strip_prefix(outcome.code()).and_then(|rest| rest.strip_prefix(": ")) {
        Some(detail) => format!("{what}: {detail}"),
        None => what.into(),
    }
}

fn next_of(outcome: Outcome, logs: impl Fn() -> String) -> String {
    match outcome {
        Outcome::OutOfMemory => "give it more with --memory, up to what the deal bought".into(),
        Outcome::OutOfTime => "give it more with --time, up to what is left of the deal".into(),
        Outcome::OutOfGas => "give it more with --gas".into(),
        Outcome::OutputTooLarge => "allow more with --output-size".into(),
        Outcome::Refused => "build it as a WASI preview 1 command that imports wasi_snapshot_preview1 alone".into(),
        Outcome::OutputMissing => "name the files that the program writes with --output".into(),
        Outcome::SandboxFailed => "run it again, or with another supplier".into(),
        Outcome::Stopped => "run it again".into(),
        Outcome::Exited | Outcome::Trapped | Outcome::StackOverflow => logs(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_in_words_with_its_detail() {
        let text = failure_text(Outcome::Trapped, "trapped: unreachable");
        assert_eq!(text, "the program trapped: unreachable");
        assert_eq!(failure_text(Outcome::OutOfGas, "out_of_gas"), "the program used up its gas");
    }
}
