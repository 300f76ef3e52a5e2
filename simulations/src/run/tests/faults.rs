//! Each kind of fault does what it says, and heals.

use super::*;
use crate::scenario::{Fault, FaultKind};

/// Ten peers, one fault from second 6 after the warm-up on, for `for_s`, and half a minute to see it heal.
fn with(kind: FaultKind, for_s: f64, peers_percent: f64) -> Scenario {
    let fault = Fault { at_s: 6.0, for_s, peers_percent, every_s: 0.0, kind };
    let traders = Traders { orders_per_s: 4.0, duration_s: 10, life_s: 20, ..Traders::default() };
    let checks = Checks { every: Every::Step, heals_within_s: 14 };
    Scenario { warmup_s: 6, faults: vec![fault], traders, checks, ..Scenario::plain("fault", 10, 46) }
}

/// The outcome, healed in any case; the rows that ended while the fault lasted.
fn struck_by(kind: FaultKind, for_s: f64, peers_percent: f64) -> (Outcome, Vec<crate::Row>) {
    let outcome = outcome(&with(kind, for_s, peers_percent), &options(3, 1));
    assert_eq!(outcome.broken, []);
    let last = outcome.rows.last().expect("there are epochs");
    assert_eq!((last.sealed, last.agreed), (last.up, last.up), "all agree in the end");
    let is_during = |row: &&crate::Row| row.second > 12.0 && row.second <= 12.0 + for_s;
    let rows = outcome.rows.iter().filter(is_during).cloned().collect();
    (outcome, rows)
}

#[test]
fn whoever_crashes_is_away_and_comes_back_with_or_without_its_disk() {
    for keeps_disk in [true, false] {
        let (outcome, rows) = struck_by(FaultKind::Crash { keeps_disk }, 6.0, 30.0);
        assert!(rows.iter().any(|row| row.up == 7 && row.sealed == 7), "three are away: {rows:?}");
        assert_eq!(outcome.rows.last().map(|row| row.up), Some(10));
    }
}

#[test]
fn whoever_keeps_its_disk_goes_on_with_its_deals_and_whoever_lost_it_does_not() {
    let ran_out = |keeps_disk| {
        let (outcome, _) = struck_by(FaultKind::Crash { keeps_disk }, 2.0, 50.0);
        outcome.figures.ended["ran_out"]
    };
    let (with, without) = (ran_out(true), ran_out(false));
    assert!(with > without + 10, "{with} deals ran out with disks, {without} without");
}

#[test]
fn whoever_stands_still_seals_late_and_catches_up() {
    let (_, rows) = struck_by(FaultKind::Pause, 5.0, 30.0);
    assert!(rows.iter().any(|row| row.up == 10 && row.sealed < 10), "{rows:?}");
}

#[test]
fn a_clock_that_jumps_ahead_seals_early_and_differs_until_it_is_right_again() {
    let (_, rows) = struck_by(FaultKind::ClockStep { ms: 900.0 }, 12.0, 30.0);
    assert!(rows.iter().any(|row| row.agreed < row.sealed), "{rows:?}");
}

#[test]
fn two_halves_seal_different_books_and_agree_once_they_meet_again() {
    let (_, rows) = struck_by(FaultKind::Partition, 8.0, 50.0);
    assert!(rows.iter().any(|row| row.sealed == 10 && row.agreed == 5), "{rows:?}");
}

#[test]
fn orders_of_whoever_is_not_heard_are_missing_in_most_books() {
    let (_, rows) = struck_by(FaultKind::Deaf, 8.0, 20.0);
    assert!(rows.iter().any(|row| row.agreed < row.sealed), "{rows:?}");
}

#[test]
fn slow_machines_compute_for_longer() {
    let scenario = with(FaultKind::Slow { times: 20.0 }, 10.0, 100.0);
    let outcome = outcome(&scenario, &options(3, 1));
    let loops = |from: f64, to: f64| {
        let rows = outcome.rows.iter().filter(|row| row.second > from && row.second <= to);
        rows.map(|row| row.loop_percent).fold(0.0, f64::max)
    };
    assert!(loops(14.0, 22.0) > 10.0 * loops(6.0, 11.0), "{} {}", loops(14.0, 22.0), loops(6.0, 11.0));
    assert_eq!(outcome.broken, []);
}

#[test]
fn peers_leave_for_good_and_new_ones_come() {
    let (outcome, _) = struck_by(FaultKind::Churn { percent_a_minute: 300.0 }, 10.0, 100.0);
    assert!(outcome.nodes > 12, "{} peers in all", outcome.nodes);
    assert_eq!(outcome.rows.last().map(|row| row.up), Some(10));
}

#[test]
fn whoever_has_no_room_on_its_disk_ends_and_comes_back_when_there_is() {
    let (_, rows) = struck_by(FaultKind::FullDisk, 8.0, 40.0);
    assert!(rows.iter().any(|row| row.up == 6), "{rows:?}");
}

#[test]
fn lossy_links_deliver_later() {
    let (lossy, _) = struck_by(FaultKind::Lossy { percent: 20.0 }, 30.0, 100.0);
    let quiet = outcome(&with(FaultKind::Lossy { percent: 0.0 }, 30.0, 100.0), &options(3, 1));
    let [slow, fast] = [&lossy, &quiet].map(|outcome| outcome.figures.delivery_ms.p99);
    assert!(slow > fast + 20.0, "{slow} ms instead of {fast} ms");
}
