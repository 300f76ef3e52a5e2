//! `souk devnet`: a whole market on this machine. Five processes of this binary, told what to do through their APIs.
//!
//! ```text
//!   sample --Plan--> story: start, measure, offer, clear, strike, send, run, check, cancel --> Report
//!                      |        |                                                       screen: lines, bars
//!                    fleet -> supplier-1, supplier-2, consumer, observer-1, observer-2
//! ```

mod fleet;
mod report;
mod sample;
mod screen;
mod steps;
mod story;
mod timeline;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::context::Context;
use super::error::CliError;
use super::{here, output, units};
use fleet::Fleet;
use report::Report;
use screen::Screen;
use story::Story;

/// Where the outputs go when no folder is named.
const OUTPUT_FOLDER: &str = "souk-devnet";

/// A whole market on this machine, on real work.
#[derive(Debug, Args)]
pub struct Devnet {
    /// End after the story instead of staying up.
    #[arg(long)]
    once: bool,
    /// Keep the temporary folder with the nodes' data and logs.
    #[arg(long)]
    keep: bool,
    /// A WASI preview 1 command module instead of the built-in path tracer.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// An argument of the program; may be repeated.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, requires = "program")]
    arg: Vec<String>,
    /// A file that the program finds; may be repeated.
    #[arg(long, value_name = "FILE|NAME=FILE", requires = "program")]
    input: Vec<String>,
    /// A file that the program leaves; may be repeated.
    #[arg(long, value_name = "NAME", requires = "program")]
    output: Vec<String>,
    /// What the bid wants, METRIC=FIGURE; may be repeated [default: half of the smaller supplier].
    #[arg(long, value_name = "METRIC=FIGURE")]
    want: Vec<String>,
    /// How long the deal runs.
    #[arg(long = "for", value_name = "TIME", default_value = "10m")]
    duration: String,
}

/// How the story ended.
enum End {
    Told(Box<Result<Report, CliError>>),
    Interrupted,
}

impl Devnet {
    /// Tells the whole story, then stays up until Ctrl-C unless it was asked to end.
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let order = steps::Wanted {
            capacity: units::capacity("--want", &self.want)?,
            duration_s: units::seconds("--for", &self.duration)?,
        };
        let plan = sample::plan(&self)?;
        let (root, is_temporary) = match &context.data_given {
            Some(root) => (root.clone(), false),
            None => (here::scratch_folder("souk-devnet")?, !self.keep),
        };
        let outputs = context.data_given.clone().unwrap_or_else(|| PathBuf::from(OUTPUT_FOLDER));
        let fleet = Arc::new(Mutex::new(Fleet::new(context.verbosity)?));
        let screen = Screen::new(context.is_json);
        let story = Story::new(root.clone(), outputs, screen, fleet.clone());
        let work = move || story.tell(&plan, &order);
        let told = self.until_the_end(work, |report| self.show(context, &screen, report, &root));
        screen.clear();
        let survivors = Fleet::end(&fleet);
        let ended = told.and(survivors);
        clean_up(&root, is_temporary, ended)
    }

    fn until_the_end(
        &self,
        work: impl FnOnce() -> Result<Report, CliError> + Send + 'static,
        show: impl FnOnce(&Report) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let broken = |error: std::io::Error| {
            CliError::ours("system_failed", format!("signals cannot be received: {error}")).next("ulimit -n")
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(broken)?;
        let ended = runtime.block_on(async {
            let mut stop = Stop::new().map_err(broken)?;
            let story = tokio::task::spawn_blocking(work);
            let end = tokio::select! {
                told = story => End::Told(Box::new(told.expect("the story does not panic"))),
                () = stop.asked() => End::Interrupted,
            };
            match end {
                End::Told(report) => show(&(*report)?)?,
                End::Interrupted => {
                    return Err(
                        CliError::user("interrupted", "interrupted; every node was stopped").next("souk devnet")
                    );
                }
            }
            if !self.once {
                stop.asked().await;
            }
            Ok(())
        });
        // The story's thread may wait for a node that is about to be stopped.
        runtime.shutdown_background();
        ended
    }

    fn show(&self, context: &Context, screen: &Screen, report: &Report, root: &Path) -> Result<(), CliError> {
        screen.end(report)?;
        if context.is_json {
            output::document(report)?;
        }
        if self.once { Ok(()) } else { Ok(screen.what_next(report, root)?) }
    }
}

/// Ctrl-C, SIGTERM, or a terminal that closed.
struct Stop([tokio::signal::unix::Signal; 3]);

impl Stop {
    fn new() -> std::io::Result<Stop> {
        let listen = |kind| signal(kind);
        Ok(Stop([listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?]))
    }

    async fn asked(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// Removes what is temporary, unless there are logs to look at.
fn clean_up(root: &Path, is_temporary: bool, ended: Result<(), CliError>) -> Result<(), CliError> {
    match ended {
        Err(error) if error.code != "interrupted" => Err(match error.next {
            Some(_) => error,
            None => error.next(format!("look at the logs: {}/*/logs/node.log", root.display())),
        }),
        ended if is_temporary => {
            fs::remove_dir_all(root).map_err(|error| CliError::writing(root, &error))?;
            ended
        }
        ended => ended,
    }
}
