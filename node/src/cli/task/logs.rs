//! `souk task logs`: what a task wrote, as bytes, and harmless where stdout is a terminal.

use std::io::{self, IsTerminal, Write};

use clap::Args;
use serde_json::json;

use super::{follow, resolve};
use crate::cli::client::{Client, Stream};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output;
use protocol::Hash;

/// What a task wrote.
#[derive(Debug, Args)]
pub struct Logs {
    /// The task's id, or its beginning.
    id: String,
    /// Which stream.
    #[arg(long, value_enum, default_value_t = Stream::Stdout)]
    stream: Stream,
    /// Go on until the task is over.
    #[arg(long, short)]
    follow: bool,
}

impl Logs {
    /// Copies the stream to stdout; with --json as one text.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        let id = resolve(context, &client, &self.id)?;
        if context.is_json {
            let bytes = self.collect(&client, &id)?;
            return Ok(output::document(&json!({"task": id, "text": String::from_utf8_lossy(&bytes)}))?);
        }
        let is_terminal = io::stdout().is_terminal();
        if self.follow {
            return follow::copy(&client, &id, self.stream, &mut io::stdout(), is_terminal);
        }
        let bytes = self.collect(&client, &id)?;
        match is_terminal {
            true => io::stdout().write_all(output::harmless(&String::from_utf8_lossy(&bytes)).as_bytes())?,
            false => io::stdout().write_all(&bytes)?,
        }
        Ok(io::stdout().flush()?)
    }

    /// All there is now, or at the end with --follow.
    fn collect(&self, client: &Client, id: &Hash) -> Result<Vec<u8>, CliError> {
        let mut all = Vec::new();
        if self.follow {
            let mut take = |bytes: &[u8]| {
                all.extend_from_slice(bytes);
                Ok(())
            };
            follow::follow(client, id, self.stream, &mut take)?;
            return Ok(all);
        }
        let task = client.task(id)?;
        let written = match self.stream {
            Stream::Stdout => task.stdout_bytes,
            Stream::Stderr => task.stderr_bytes,
        };
        while (all.len() as u64) < written {
            let piece = client.logs(id, self.stream, all.len() as u64)?;
            if piece.bytes.is_empty() {
                break;
            }
            all.extend(piece.bytes);
        }
        Ok(all)
    }
}
