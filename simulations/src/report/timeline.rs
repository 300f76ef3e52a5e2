//! What happened when: faults and cheats as the scenario has them, epochs and what broke as the run saw them.

use serde::Serialize;

use super::words;
use crate::scenario::{Fault, FaultKind};
use crate::{Outcome, Scenario};

/// Times that one repeated fault is told; later ones are left out.
const REPEATS_MAX: usize = 200;

/// A stretch of time in which something was wrong, in seconds since the start.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Span {
    /// From.
    pub from: f64,
    /// Until.
    pub to: f64,
    /// What, in a few words.
    pub what: String,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moment {
    /// Seconds since the start.
    pub second: f64,
    /// Of which kind: `fault`, `cheat`, `epoch`, `broken`.
    pub kind: &'static str,
    /// What, in a sentence.
    pub what: String,
}

/// What a fault is called.
pub fn fault_words(fault: &Fault) -> String {
    let peers = match fault.peers_percent {
        percent if percent >= 100.0 => "all peers".to_string(),
        percent => format!("{} % of peers", words::number(percent)),
    };
    match &fault.kind {
        FaultKind::Crash { keeps_disk: true } => format!("crash, {peers}"),
        FaultKind::Crash { keeps_disk: false } => format!("crash with loss of the disk, {peers}"),
        FaultKind::Pause => format!("pause, {peers}"),
        FaultKind::ClockStep { ms } => format!("clock step of {} ms, {peers}", words::number(*ms)),
        FaultKind::Partition => format!("partition, {peers}"),
        FaultKind::Deaf => format!("unheard, {peers}"),
        FaultKind::Slow { times } => format!("{} times slower, {peers}", words::number(*times)),
        FaultKind::Churn { percent_a_minute } => format!("churn of {} % a minute", words::number(*percent_a_minute)),
        FaultKind::FullDisk => format!("full disk, {peers}"),
        FaultKind::Lossy { percent } => format!("{} % more loss, {peers}", words::number(*percent)),
    }
}

/// All faults and cheats of a run, repeated ones each time.
pub fn spans(scenario: &Scenario) -> Vec<Span> {
    let (start, end) = (f64::from(scenario.warmup_s), f64::from(scenario.warmup_s + scenario.seconds));
    let mut spans = Vec::new();
    for fault in &scenario.faults {
        let mut from = start + fault.at_s;
        let mut times = 0;
        while from <= end && times < REPEATS_MAX {
            spans.push(Span { from, to: (from + fault.for_s).min(end), what: fault_words(fault) });
            times += 1;
            if fault.every_s <= 0.0 {
                break;
            }
            from += fault.every_s;
        }
    }
    for cheat in &scenario.cheats {
        let from = start + cheat.at_s;
        let to = if cheat.for_s > 0.0 { (from + cheat.for_s).min(end) } else { end };
        spans.push(Span { from, to, what: cheat_words(cheat) });
    }
    spans.sort_by(|a, b| a.from.total_cmp(&b.from));
    spans
}

fn cheat_words(cheat: &crate::scenario::Cheat) -> String {
    let strategy = &cheat.strategy;
    match (cheat.extra_peers, cheat.peers_percent) {
        (0, percent) => format!("cheat `{strategy}`, {} % of peers", words::number(percent)),
        (extra, 0.0) => format!("cheat `{strategy}`, {extra} more peers"),
        (extra, percent) => format!("cheat `{strategy}`, {} % of peers and {extra} more", words::number(percent)),
    }
}

/// Everything that happened in a run, in order.
pub fn moments(scenario: &Scenario, outcome: &Outcome) -> Vec<Moment> {
    let mut moments = Vec::new();
    for span in spans(scenario) {
        let kind = if span.what.starts_with("cheat ") { "cheat" } else { "fault" };
        moments.push(Moment { second: span.from, kind, what: format!("{} begins", span.what) });
        if span.to > span.from {
            moments.push(Moment { second: span.to, kind, what: format!("{} is over", span.what) });
        }
    }
    for row in &outcome.rows {
        let agreed = if row.agreed == row.sealed { "all agree".into() } else { format!("{} agree", row.agreed) };
        let what = format!(
            "epoch {}: {} of {} up sealed, {agreed}; orders {}, matches {}, deals so far {}",
            row.epoch, row.sealed, row.up, row.orders, row.matches, row.struck
        );
        moments.push(Moment { second: row.second, kind: "epoch", what });
    }
    for broken in &outcome.broken {
        let what = format!("{}: {} ({})", broken.check, broken.seen, peers(&broken.peers));
        moments.push(Moment { second: broken.at_ms as f64 / 1_000.0, kind: "broken", what });
    }
    moments.sort_by(|a, b| a.second.total_cmp(&b.second));
    moments
}

/// Some peers by number, the first few of many.
pub fn peers(peers: &[u32]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = peers.iter().take(SHOWN).map(u32::to_string).collect();
    let rest = peers.len().saturating_sub(SHOWN);
    match (peers.len(), rest) {
        (0, _) => "no single peer".into(),
        (1, _) => format!("peer {}", shown[0]),
        (_, 0) => format!("peers {}", shown.join(", ")),
        _ => format!("peers {} and {rest} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[test]
    fn what_happened_is_told_in_order() {
        let mut scenario = fake::scenario();
        scenario.faults[0].every_s = 25.0;
        let mut outcome = fake::outcome(&scenario, 3);
        outcome.broken.push(fake::broken("roots"));
        let moments = moments(&scenario, &outcome);
        assert!(moments.is_sorted_by(|a, b| a.second <= b.second));
        let told: Vec<&str> = moments.iter().filter(|one| one.kind != "epoch").map(|one| &*one.what).collect();
        assert_eq!(
            told,
            [
                "cheat `silent`, 10 % of peers begins",
                "partition, 33 % of peers begins",
                "roots: peers 3 and 4 sealed other books (peers 3, 4)",
                "partition, 33 % of peers is over",
                "partition, 33 % of peers begins",
                "partition, 33 % of peers is over",
                "cheat `silent`, 10 % of peers is over",
            ]
        );
        assert_eq!(moments.iter().filter(|one| one.kind == "epoch").count(), outcome.rows.len());
    }

    #[test]
    fn of_many_peers_only_the_first_are_named() {
        assert_eq!(peers(&[7]), "peer 7");
        assert!(peers(&(0..40).collect::<Vec<_>>()).ends_with("10, 11 and 28 more"));
    }
}
