//! The story of a devnet as a list of steps, and what every step needs: nodes, waiting with a deadline, the timeline.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::fleet::Fleet;
use super::report::{NodeWord, Report};
use super::screen::Screen;
use super::steps::Wanted;
use super::timeline::Timeline;
use crate::api::words::StatusWord;
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::task::plan::Plan;

const PAUSE: Duration = Duration::from_millis(25);

/// A node of the devnet that answers.
pub struct Member {
    /// What is told of it.
    pub word: NodeWord,
    /// Its API.
    pub client: Client,
    /// How it was when it came up.
    pub status: StatusWord,
}

/// Tells the story once.
pub struct Story {
    /// Where the nodes have their folders.
    pub root: PathBuf,
    /// Where outputs go.
    pub outputs: PathBuf,
    /// What people see.
    pub screen: Screen,
    fleet: Arc<Mutex<Fleet>>,
    timeline: Timeline,
}

impl Story {
    /// A story that has not begun.
    pub fn new(root: PathBuf, outputs: PathBuf, screen: Screen, fleet: Arc<Mutex<Fleet>>) -> Story {
        Story { root, outputs, screen, fleet, timeline: Timeline::new() }
    }

    /// Tells it: every step works on what the steps before it gave.
    ///
    /// # Errors
    /// The first step's that fails; if a node ended by itself, that.
    pub fn tell(mut self, plan: &Plan, wanted: &Wanted) -> Result<Report, CliError> {
        let told = self.steps(plan, wanted);
        self.screen.clear();
        told.map_err(|error| match self.ensure_alive() {
            // A node that died explains better than whatever noticed it.
            Err(died) if error.code != "interrupted" => died,
            _ => error,
        })
    }

    fn steps(&mut self, plan: &Plan, wanted: &Wanted) -> Result<Report, CliError> {
        self.screen.head()?;
        let nodes = self.step("start", "starting five nodes", Story::start)?;
        let [first, second, consumer, ..] = &nodes[..] else { unreachable!("five nodes were started") };
        let suppliers = [first, second];
        let bench = self.step("measure", "measuring both suppliers", |s| s.measure(suppliers))?;
        let (asks, bid) = self.step("offer", "posting two asks and a bid", |s| s.offer(&nodes, &bench, wanted))?;
        let epoch = self.step("clear", "clearing an epoch on five nodes", |s| s.clear(&nodes, &bid))?;
        let deal = self.step("strike", "striking the deal", |s| s.strike(consumer, &nodes))?;
        let task = self.step("send", "sending the program", |s| s.send(consumer, &deal, plan))?;
        let task = self.step("run", "running the program", |s| s.follow(consumer, &task))?;
        let outputs = self.step("check", "checking receipt and outputs", |s| s.check(consumer, &task))?;
        let deal = self.step("cancel", "cancelling the deal", |s| s.cancel(consumer, &deal))?;
        Ok(Report {
            market: super::steps::market_word(consumer),
            nodes: nodes.into_iter().map(|node| node.word).collect(),
            bench,
            asks,
            bid,
            epoch,
            deals: vec![deal],
            receipts: task.receipt.iter().cloned().collect(),
            tasks: vec![task],
            output: outputs.first().cloned(),
            outputs,
            timeline: std::mem::take(&mut self.timeline.steps),
        })
    }

    /// Does one step beside a spinner, then prints the line that it gives, with its milliseconds, and its details.
    fn step<T>(
        &mut self,
        name: &'static str,
        begin: &str,
        work: impl FnOnce(&mut Story) -> Result<Done<T>, CliError>,
    ) -> Result<T, CliError> {
        self.screen.begin(begin);
        let began = Instant::now();
        let done = work(self)?;
        let took_ms = self.timeline.add(name, began);
        self.screen.done(&done.text, took_ms)?;
        if let Some(show) = done.show {
            show(&self.screen)?;
        }
        Ok(done.value)
    }

    /// Asks `poll` until it has something, but not longer than `limit`; `what` is for the error.
    ///
    /// # Errors
    /// What `poll` fails with, a node's death, or `devnet_late`.
    pub fn until<T>(
        &self,
        what: &str,
        limit: Duration,
        mut poll: impl FnMut() -> Result<Option<T>, CliError>,
    ) -> Result<T, CliError> {
        let start = Instant::now();
        loop {
            if let Some(found) = poll()? {
                return Ok(found);
            }
            self.ensure_alive()?;
            if start.elapsed() > limit {
                let message = format!("{what} did not happen within {} s", limit.as_secs());
                let logs = self.root.join("*").join("logs").join("node.log");
                return Err(CliError::ours("devnet_late", message).next(format!("look at {}", logs.display())));
            }
            thread::sleep(PAUSE);
        }
    }

    /// Starts a node.
    ///
    /// # Errors
    /// The fleet's own.
    pub fn spawn(&self, name: &'static str, data: &std::path::Path, arguments: &[String]) -> Result<(), CliError> {
        self.fleet.lock().unwrap_or_else(PoisonError::into_inner).start(name, data, arguments)
    }

    fn ensure_alive(&self) -> Result<(), CliError> {
        self.fleet.lock().unwrap_or_else(PoisonError::into_inner).ensure_alive()
    }
}

type Show = Box<dyn FnOnce(&Screen) -> std::io::Result<()>>;

/// What a step gives: a value for the next ones, its line, and what is shown below.
pub struct Done<T> {
    value: T,
    text: String,
    show: Option<Show>,
}

impl<T> Done<T> {
    /// A step with one line.
    pub fn new(value: T, text: impl Into<String>) -> Done<T> {
        Done { value, text: text.into(), show: None }
    }

    /// A step with something below its line.
    pub fn showing(self, show: impl FnOnce(&Screen) -> std::io::Result<()> + 'static) -> Done<T> {
        Done { show: Some(Box::new(show)), ..self }
    }

    /// A step with dim lines below its line.
    pub fn details(self, lines: Vec<String>) -> Done<T> {
        self.showing(move |screen| lines.iter().try_for_each(|line| screen.detail(line)))
    }
}
