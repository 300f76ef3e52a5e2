//! How long each step took, and that as bars.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cli::table::millis_text;

/// Characters of the longest bar.
const WIDTH: u64 = 40;

/// One step of the story.
#[derive(Debug, Clone, Serialize)]
pub struct StepWord {
    /// Its name.
    pub step: &'static str,
    /// When it began, from the start.
    pub at_ms: u64,
    /// How long it took.
    pub took_ms: u64,
}

/// The steps so far.
#[derive(Debug)]
pub struct Timeline {
    start: Instant,
    /// In order.
    pub steps: Vec<StepWord>,
}

impl Timeline {
    /// Begins now.
    pub fn new() -> Timeline {
        Timeline { start: Instant::now(), steps: Vec::new() }
    }

    /// Adds a step that began at `began` and ends now; gives how long it took.
    pub fn add(&mut self, step: &'static str, began: Instant) -> u64 {
        let took_ms = millis(began.elapsed());
        self.steps.push(StepWord { step, at_ms: millis(began - self.start), took_ms });
        took_ms
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// One line a step: its name, a bar where it lies in the whole, its milliseconds.
pub fn bars(steps: &[StepWord]) -> Vec<String> {
    let total = steps.iter().map(|step| step.at_ms + step.took_ms).max().unwrap_or(0).max(1);
    let names = steps.iter().map(|step| step.step.len()).max().unwrap_or(0);
    let line = |step: &StepWord| {
        let before = (step.at_ms * WIDTH / total).min(WIDTH - 1);
        let length = (step.took_ms * WIDTH).div_ceil(total).clamp(1, WIDTH - before);
        let bar = format!("{}{}", " ".repeat(before as usize), "━".repeat(length as usize));
        format!("{:names$}  {bar:width$}  {:>9}", step.step, millis_text(step.took_ms), width = WIDTH as usize)
    };
    steps.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn bars_lie_where_their_steps_do() {
        let step = |step, at_ms, took_ms| StepWord { step, at_ms, took_ms };
        let lines = bars(&[step("start", 0, 500), step("clear", 500, 1500), step("cancel", 2000, 0)]);
        expect![[r#"
            start   ━━━━━━━━━━                                   500 ms
            clear             ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━   1,500 ms
            cancel                                         ━       0 ms"#]]
        .assert_eq(&lines.join("\n"));
        assert!(bars(&[]).is_empty());
    }
}
