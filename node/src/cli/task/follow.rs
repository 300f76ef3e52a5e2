//! Following what a task writes, as it writes it, and waiting for its end.

use std::io::{self, IsTerminal, Write};
use std::thread;
use std::time::{Duration, Instant};

use protocol::Hash;

use crate::api::words::{TaskStateWord, TaskWord};
use crate::cli::client::{Client, Stream};
use crate::cli::error::CliError;
use crate::cli::output::Harmless;

/// How long the node may take from the end of the streams to the end of the task.
const ENDING_MAX: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// Hands every piece of the stream to `take`, until the task is over.
///
/// # Errors
/// What the node says, or `take`.
pub fn follow(
    client: &Client,
    task: &Hash,
    stream: Stream,
    take: &mut dyn FnMut(&[u8]) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut from = 0;
    loop {
        let piece = client.logs(task, stream, from)?;
        if piece.bytes.is_empty() {
            match piece.is_over {
                true => return Ok(()),
                // The node waits for news itself; this keeps an impatient one from being asked in a circle.
                false => thread::sleep(PAUSE),
            }
        }
        from += piece.bytes.len() as u64;
        take(&piece.bytes)?;
    }
}

/// Follows both streams at once: the program's stdout to ours, or to stderr with `--json`; its stderr to ours.
///
/// # Errors
/// What the node says, or the streams.
pub fn follow_both(client: &Client, task: &Hash, is_json: bool) -> Result<(), CliError> {
    thread::scope(|scope| {
        let errors = scope.spawn(|| copy(client, task, Stream::Stderr, &mut io::stderr(), io::stderr().is_terminal()));
        let output = match is_json {
            true => copy(client, task, Stream::Stdout, &mut io::stderr(), io::stderr().is_terminal()),
            false => copy(client, task, Stream::Stdout, &mut io::stdout(), io::stdout().is_terminal()),
        };
        let errors = errors.join().expect("copying does not panic");
        output.and(errors)
    })
}

/// Copies one stream to `out`; made harmless if that is a terminal.
///
/// # Errors
/// What the node says, or the stream.
pub fn copy(
    client: &Client,
    task: &Hash,
    stream: Stream,
    out: &mut dyn Write,
    is_terminal: bool,
) -> Result<(), CliError> {
    let mut harmless = Harmless::default();
    let mut write = |text: &[u8]| -> io::Result<()> {
        out.write_all(text)?;
        out.flush()
    };
    follow(client, task, stream, &mut |bytes| match is_terminal {
        true => Ok(write(harmless.push(bytes).as_bytes())?),
        false => Ok(write(bytes)?),
    })?;
    Ok(write(harmless.finish().as_bytes())?)
}

/// The task once it is done or failed.
///
/// # Errors
/// `task_not_over` if it does not end in time after its streams did.
pub fn wait_over(client: &Client, task: &Hash) -> Result<TaskWord, CliError> {
    let start = Instant::now();
    loop {
        let word = client.task(task)?;
        if is_over(&word) {
            return Ok(word);
        }
        if start.elapsed() > ENDING_MAX {
            let message = format!("task {task} wrote all it had to say and does not end");
            return Err(CliError::ours("task_not_over", message).next(format!("souk task stop {task}")));
        }
        thread::sleep(PAUSE);
    }
}

/// Whether nothing more will come.
pub fn is_over(task: &TaskWord) -> bool {
    matches!(task.state, TaskStateWord::Done | TaskStateWord::Failed)
}
