//! `souk task list`: the node's own tasks and those it serves, a line each.

use clap::Args;

use super::verdict::state_text;
use crate::api::words::TaskWord;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::table::{ago, now_ms, short, table};

/// The node's own tasks, newest first.
#[derive(Debug, Args)]
pub struct List {}

impl List {
    /// Lists them.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let tasks = context.client()?.tasks()?;
        context.answer(&tasks, |tasks| text(tasks))?;
        match tasks.is_empty() {
            true => context.note(&format!("no tasks yet: {}", context.command("task run --program FILE"))),
            false => Ok(()),
        }
    }
}

fn text(tasks: &[TaskWord]) -> String {
    let now = now_ms();
    let row = |task: &TaskWord| {
        let outcome = match (&task.receipt, &task.failure) {
            (Some(receipt), _) if receipt.is_verified => format!("{}, verified", receipt.outcome_text),
            (Some(receipt), _) => format!("{}, NOT verified", receipt.outcome_text),
            (None, Some(failure)) => failure.code.clone(),
            (None, None) => "-".into(),
        };
        vec![
            short(&task.id),
            short(&task.deal),
            task.role.clone(),
            state_text(task),
            outcome,
            ago(now, task.created_ms),
            short(&task.program),
            task.arguments.join(" "),
        ]
    };
    let heads = ["ID", "DEAL", "ROLE", "STATE", "OUTCOME", "SINCE", "PROGRAM", "ARGUMENTS"];
    table(&heads, &tasks.iter().map(row).collect::<Vec<_>>())
}
