//! Liveness: after the last fault is over, honest peers come to agree again, and deals are struck again. Knows when faults
//! are over, not what they were.

use super::Checks;
use crate::engine::{Nanos, SECOND};

/// A run must go on for so long after the time to heal, or nothing is asked of it.
const LEAST: Nanos = 12 * SECOND;

/// Watches one run.
#[derive(Debug)]
pub struct Recovery {
    over: Nanos,
    due: Nanos,
    /// Whether deals are to be expected at all.
    is_traded: bool,
    agreed_at: Option<Nanos>,
    struck_at: Option<Nanos>,
    /// The last epoch that ended in time: how many sealed what most sealed.
    last: String,
    last_out: Vec<u32>,
}

impl Recovery {
    /// The last fault is over at `over`; within `heals` all is to be well.
    pub fn new(over: Nanos, heals: Nanos, is_traded: bool) -> Recovery {
        let (agreed_at, struck_at, last, last_out) = (None, None, String::new(), Vec::new());
        Recovery { over, due: over + heals, is_traded, agreed_at, struck_at, last, last_out }
    }

    /// An epoch ended at `at`: of `up` honest peers that were up all the time, these sealed something else than most, or
    /// nothing.
    pub fn epoch(&mut self, at: Nanos, up: usize, others: Vec<u32>) {
        if at < self.over || self.agreed_at.is_some() {
            return;
        }
        match others.is_empty() && up > 0 {
            true => self.agreed_at = Some(at),
            false if at <= self.due || self.last.is_empty() => {
                self.last = format!("{} of {up} peers sealed something else than most, or nothing", others.len());
                self.last_out = others;
            }
            false => {}
        }
    }

    /// A deal was struck.
    pub fn struck(&mut self, at: Nanos) {
        if at >= self.over {
            self.struck_at.get_or_insert(at);
        }
    }

    /// How long it took until all agreed again.
    pub fn took(&self) -> Option<Nanos> {
        Some(self.agreed_at?.saturating_sub(self.over))
    }

    /// The run is over.
    pub fn judge(&self, end: Nanos, checks: &mut Checks) {
        if end < self.due + LEAST {
            return;
        }
        if self.agreed_at.is_none_or(|at| at > self.due) {
            let when = self.agreed_at.map_or("never".into(), |at| format!("only at {} ms", at / 1_000_000));
            let seen = format!("all agreed again {when}; by then {}", self.last);
            checks.fail("agrees_again", self.due, &self.last_out, seen);
        }
        if self.is_traded && self.struck_at.is_none() {
            checks.fail("strikes_again", end, &[], "no deal was struck after the last fault".into());
        }
    }
}
