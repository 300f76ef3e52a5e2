//! Logs of a node that runs in this process: lines on stderr, more of them with `-v`.

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging: our own events from info on, the libraries' warnings; each `-v` adds a level to both.
pub fn start(verbosity: u8) {
    let (own, others) = match verbosity {
        0 => (LevelFilter::INFO, LevelFilter::WARN),
        1 => (LevelFilter::DEBUG, LevelFilter::INFO),
        _ => (LevelFilter::TRACE, LevelFilter::DEBUG),
    };
    let filter = Targets::new().with_default(others).with_target("souk", own);
    let is_coloured = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(is_coloured);
    // A second start in one process keeps the first.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
}
