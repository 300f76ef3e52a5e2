//! `souk market watch`: the node's events, a line each, as they happen. Knows their form, not their kinds.

use std::io::{BufRead, BufReader, Read};

use clap::Args;
use serde_json::Value;

use crate::api::words::EventWord;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output;

/// Bytes of one event that are read.
const LINE_MAX: u64 = 1 << 20;

/// What happens, as it happens; with --json one document a line.
#[derive(Debug, Args)]
pub struct Watch {
    /// End after so many events.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Only events of this kind, such as `cleared` or `struck`; may be repeated.
    #[arg(long, value_name = "KIND")]
    only: Vec<String>,
}

impl Watch {
    /// Prints events until the node ends, or Ctrl-C.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        let mut lines = BufReader::new(client.events()?);
        let mut seen = 0;
        while self.count.is_none_or(|count| seen < count) {
            let Some(event) = next_event(&mut lines)? else {
                return Err(CliError::user("node_gone", "the node closed the stream of events")
                    .next(context.command("node run")));
            };
            let kind = event.event.get("event").and_then(Value::as_str).unwrap_or_default();
            if !self.only.is_empty() && self.only.iter().all(|wanted| wanted != kind) {
                continue;
            }
            match context.is_json {
                true => output::line(&serde_json::to_string(&event).expect("a value from JSON has a JSON form"))?,
                false => output::line(&text(&event))?,
            }
            seen += 1;
        }
        Ok(())
    }
}

/// The next `data:` line; `None` at the end of the stream.
fn next_event(lines: &mut impl BufRead) -> Result<Option<EventWord>, CliError> {
    let gone = |error: std::io::Error| {
        CliError::user("node_gone", format!("the stream of events broke: {error}")).next("souk node status")
    };
    loop {
        let mut line = String::new();
        if lines.take(LINE_MAX).read_line(&mut line).map_err(gone)? == 0 {
            return Ok(None);
        }
        if let Some(data) = line.strip_prefix("data:") {
            return serde_json::from_str(data.trim()).map(Some).map_err(|error| {
                CliError::ours("api_mismatch", format!("the node sent an event that cannot be read: {error}"))
                    .next("use the same version of souk for the node and the command")
            });
        }
    }
}

/// `06:24:31.250 cleared epoch=12 root=0x…`.
fn text(event: &EventWord) -> String {
    let ms = event.at_ms % 86_400_000;
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    let kind = event.event.get("event").and_then(Value::as_str).unwrap_or("event");
    let mut line = format!("{hours:02}:{minutes:02}:{seconds:02}.{:03} {kind}", ms % 1000);
    for (name, value) in event.event.as_object().into_iter().flatten().filter(|(name, _)| *name != "event") {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        line.push_str(&format!(" {name}={value}"));
    }
    output::harmless(&line).replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_from_their_data_lines() {
        let stream = "event: cleared\ndata: {\"at_ms\":3661250,\"event\":\"cleared\",\"epoch\":12}\n\n: ping\n";
        let mut lines = BufReader::new(stream.as_bytes());
        let event = next_event(&mut lines).unwrap().unwrap();
        assert_eq!(text(&event), "01:01:01.250 cleared epoch=12");
        assert!(next_event(&mut lines).unwrap().is_none());
        let error = next_event(&mut BufReader::new(&b"data: nonsense\n"[..])).unwrap_err();
        assert_eq!(error.code, "api_mismatch");
    }
}
