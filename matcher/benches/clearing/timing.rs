//! Times the steps from a set of orders to a verified clearing, in processor seconds of one thread, which a busy machine does
//! not take away. Knows no draw.

use matcher::{Clearing, SealedBook, SealedOrder, Stage, clear_in_stages, verify};
use rustix::time::{ClockId, clock_gettime};

use crate::draw;

/// How much is measured, and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    pub is_quick: bool,
    pub is_plotted: bool,
}

/// The name of a case and what it does.
pub type Case = (&'static str, fn(Scale));

impl Scale {
    /// `full`, or `quick` where time is short.
    pub fn pick<T>(self, full: T, quick: T) -> T {
        if self.is_quick { quick } else { full }
    }
}

/// Processor seconds of this thread so far.
pub fn now() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// What `work` gives, and the seconds that it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = now();
    let result = work();
    (result, now() - start)
}

/// Seconds of each step, medians.
#[derive(Debug, Clone, Copy, Default)]
pub struct Steps {
    /// Sorting by id, root, classes and who fits whom.
    pub seal: f64,
    /// Each [`Stage`].
    pub stages: [f64; 5],
    pub verify: f64,
}

impl Steps {
    /// All stages together.
    pub fn clear(&self) -> f64 {
        self.stages.iter().sum()
    }

    pub fn stage(&self, stage: Stage) -> f64 {
        self.stages[stage as usize]
    }

    /// Winners and prices: what a clearing decides about money.
    pub fn decide(&self) -> f64 {
        self.stage(Stage::Winners) + self.stage(Stage::Prices)
    }
}

/// The medians of `rounds` runs over the same orders; and the last round's book and clearing.
pub fn steps(orders: &[SealedOrder], rounds: usize) -> (Steps, SealedBook, Clearing) {
    let mut runs: [Vec<f64>; 7] = Default::default();
    let mut last = None;
    for _ in 0..rounds {
        drop(last.take());
        let orders = orders.to_vec();
        let (book, seal) = timed(|| draw::seal(orders));
        let mut stages = [0.0; 5];
        let mut before = now();
        let clearing = clear_in_stages(&book, book.seed(), &mut |stage| {
            let after = now();
            stages[stage as usize] = after - before;
            before = after;
        });
        let (verdict, verify) = timed(|| verify(&book, &clearing));
        assert!(verdict.is_ok(), "a clearing verifies");
        for (runs, seconds) in runs.iter_mut().zip([seal, verify].into_iter().chain(stages)) {
            runs.push(seconds);
        }
        last = Some((book, clearing));
    }
    let (book, clearing) = last.expect("at least one round");
    let [seal, verify, stages @ ..] = runs.map(median);
    (Steps { seal, stages, verify }, book, clearing)
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Milliseconds with as many digits as make sense.
pub fn ms(seconds: f64) -> String {
    significant(seconds * 1e3)
}

/// Three digits at most after the point, none where the number is large.
pub fn significant(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 1.0 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

/// Prints a table's head.
pub fn head(title: &str, columns: &[&str]) {
    println!("\n{title}\n\n| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
}

/// Prints a table's row.
pub fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

/// Prints the row of a stage: what it took, and that by order.
pub fn stage_row(name: &str, target: &str, seconds: f64, orders: usize) {
    let each = significant(seconds * 1e9 / orders as f64);
    row(&[name.into(), target.into(), format!("{} ms", ms(seconds)), format!("{each} ns")]);
}

/// Prints the rows of all steps.
pub fn step_rows(steps: &Steps, orders: usize, clear_target: &str) {
    stage_row("seal: sort by id, root, classes", "", steps.seal, orders);
    stage_row("winners", "", steps.stage(Stage::Winners), orders);
    stage_row("pairing", "", steps.stage(Stage::Pairing), orders);
    stage_row("prices", "", steps.stage(Stage::Prices), orders);
    stage_row("numbering", "", steps.stage(Stage::Numbering), orders);
    stage_row("root", "", steps.stage(Stage::Root), orders);
    stage_row("clear, all of it", clear_target, steps.clear(), orders);
    stage_row("verify", "", steps.verify, orders);
    let ratio = format!("{:.2}", steps.verify / steps.clear());
    row(&["verify / clear".into(), String::new(), ratio, String::new()]);
}
