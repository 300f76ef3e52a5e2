//! Progress bars and spinners on stderr. Nothing is drawn where stderr is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::error::CliError;
use super::output::Paint;

const TICK: Duration = Duration::from_millis(120);

/// A spinner with a word beside it.
pub fn spinner(text: &str) -> ProgressBar {
    let colour = if Paint::stderr().is_on() { ":.cyan" } else { "" };
    let style = ProgressStyle::with_template(&format!("  {{spinner{colour}}} {{msg}}"))
        .expect("a fixed template")
        .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ");
    let bar = ProgressBar::new_spinner().with_style(style).with_message(text.to_string());
    bar.enable_steady_tick(TICK);
    bar
}

/// A bar over so many bytes.
pub fn bytes(text: &str, total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("  {msg} {bar:24} {bytes}/{total_bytes} {bytes_per_sec}")
        .expect("a fixed template")
        .progress_chars("━╸ ");
    ProgressBar::new(total).with_style(style).with_message(text.to_string())
}

/// Does `work` beside a spinner, which is gone afterwards.
pub fn during<T>(text: &str, work: impl FnOnce() -> Result<T, CliError>) -> Result<T, CliError> {
    let bar = spinner(text);
    let done = work();
    bar.finish_and_clear();
    done
}
