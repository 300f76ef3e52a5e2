//! `souk task run`: sends a program, shows what it writes, checks its receipt and keeps its outputs. Trusts no hash it
//! did not compute.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::plan::{self, Plan};
use super::save::{Place, Saved};
use super::upload::Upload;
use super::{follow, verdict};
use crate::api::words::TaskWord;
use crate::cli::client::Client;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::table::{bytes_text, short};
use crate::cli::{deal, output, progress, units};

/// Send a program and its inputs to the supplier, watch it run, check and keep what it made.
#[derive(Debug, Args)]
pub struct Run {
    /// The deal to run in [default: the newest running one].
    #[arg(long, value_name = "ID")]
    deal: Option<String>,
    /// A WASI preview 1 command module.
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
    /// An argument of the program; may be repeated.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    arg: Vec<String>,
    /// A variable of its environment; may be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// A file that it finds in its folder, under its own or another name; may be repeated.
    #[arg(long, value_name = "FILE|NAME=FILE")]
    input: Vec<String>,
    /// A file that it leaves in its folder; may be repeated.
    #[arg(long, value_name = "NAME")]
    output: Vec<String>,
    /// The most memory [default: what the deal bought].
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
    /// The most time [default: what is left of the deal].
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// The most gas.
    #[arg(long, value_name = "N")]
    gas: Option<u64>,
    /// The most bytes of outputs.
    #[arg(long, value_name = "SIZE")]
    output_size: Option<String>,
    /// Where to keep the outputs.
    #[arg(long, value_name = "DIR", default_value = ".", conflicts_with = "detach")]
    to: PathBuf,
    /// Replace files that exist.
    #[arg(long)]
    force: bool,
    /// Do not wait: `souk task result ID` fetches the outputs later.
    #[arg(long)]
    detach: bool,
}

impl Run {
    /// Runs the task to its end, unless it is detached. Succeeds only if it exited with 0 and was verified.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let mut plan = self.plan()?;
        let place = Place { folder: self.to.clone(), is_forced: self.force };
        if !self.detach {
            place.ensure_free(&self.output)?;
        }
        let client = context.client()?;
        if let Some(text) = &self.deal {
            plan.request.deal = Some(deal::resolve(context, &client, text)?);
        }
        let task = progress::during("sending the program", || plan.submit(&client))?;
        if self.detach {
            context.answer(&task, |task| task.id.to_string())?;
            return context.note(&format!("  next: {}", context.command(&format!("task result {}", task.id))));
        }
        context.note(&format!("task {} in deal {}", short(&task.id), short(&task.deal)))?;
        let later = context.command(&format!("task logs {} --follow", short(&task.id).trim_end_matches('…')));
        context.note(&format!("  Ctrl-C leaves it running; back to it with {later}"))?;
        follow::follow_both(&client, &task.id, context.is_json)?;
        finish(context, &client, &follow::wait_over(&client, &task.id)?, &place)
    }

    fn plan(&self) -> Result<Plan, CliError> {
        let program = Upload::of_file(&self.program)?;
        let mut inputs = Vec::with_capacity(self.input.len());
        for text in &self.input {
            inputs.push(plan::input(text)?);
        }
        let mut plan = Plan::new(program, inputs, self.output.clone())?;
        let request = &mut plan.request;
        request.arguments.clone_from(&self.arg);
        for text in &self.env {
            request.environment.push(plan::variable(text)?);
        }
        let size = |flag, text: &Option<String>| text.as_deref().map(|text| units::mebibytes(flag, text)).transpose();
        request.memory_mib = size("--memory", &self.memory)?;
        request.output_mib = size("--output-size", &self.output_size)?;
        request.gas = self.gas;
        request.wall_s = match &self.time {
            Some(text) => Some(units::seconds("--time", text)?.into()),
            None => None,
        };
        Ok(plan)
    }
}

/// Shows the receipt's summary on stderr, keeps the outputs, and answers with both if all is well.
pub fn finish(context: &Context, client: &Client, task: &TaskWord, place: &Place) -> Result<(), CliError> {
    if let Some(receipt) = &task.receipt {
        context.note(&output::harmless(&verdict::summary(receipt)))?;
    }
    verdict::check(context, task)?;
    let saved = place.save(client, &task.outputs)?;
    for file in &saved {
        context.note(&saved_line(file))?;
    }
    match context.is_json {
        true => Ok(output::document(&json!({"task": task, "saved": saved}))?),
        false => Ok(()),
    }
}

fn saved_line(file: &Saved) -> String {
    format!("{}  {}, blake3 {}", file.path.display(), bytes_text(file.bytes), file.blake3)
}
