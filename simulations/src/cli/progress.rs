//! Progress bars on stderr. Nothing is drawn where stderr is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::runner::Progress;

const TICK: Duration = Duration::from_millis(120);

/// A bar over the virtual seconds of a run.
pub fn virtual_time(text: &str) -> ProgressBar {
    bar(text, "{prefix} {bar:28.cyan/dim} {pos}/{len} virtual s  {msg}  {eta} left")
}

/// Moves it.
pub fn advance(bar: &ProgressBar, progress: &Progress) {
    bar.set_length(progress.seconds);
    bar.set_position(progress.second);
    let passed = bar.elapsed().as_secs_f64();
    if passed > 0.0 {
        let rate = progress.events as f64 / passed;
        bar.set_message(format!("{} events/s", crate::report::words::number(rate.round())));
    }
}

/// A bar over so many runs.
pub fn runs(text: &str, count: usize) -> ProgressBar {
    let bar = bar(text, "{prefix} {bar:28.cyan/dim} {pos}/{len} runs  {msg}  {eta} left");
    bar.set_length(count as u64);
    bar
}

fn bar(text: &str, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(&format!("  {template}")).expect("a fixed template").progress_chars("━╸ ");
    let bar = ProgressBar::new(0).with_style(style).with_prefix(text.to_string());
    bar.enable_steady_tick(TICK);
    bar
}
