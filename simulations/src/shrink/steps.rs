//! What could be taken away from a failing scenario, the largest pieces first. Runs nothing.

use super::{Failure, Shrunk};
use crate::Scenario;
use crate::scenario::{Clocks, Latency, Links, Machines};

/// Smaller scenarios, each with what was taken away, in the order in which to try them.
pub(super) fn smaller(best: &Shrunk) -> Vec<(String, Scenario)> {
    let mut all = Vec::new();
    expectations(best, &mut all);
    seconds(best, &mut all);
    nodes(best, &mut all);
    let scenario = &best.scenario;
    lists(scenario.faults.len(), "faults", &mut all, |from, to| {
        let mut smaller = scenario.clone();
        smaller.faults.drain(from..to);
        smaller
    });
    lists(scenario.cheats.len(), "cheats", &mut all, |from, to| {
        let mut smaller = scenario.clone();
        smaller.cheats.drain(from..to);
        smaller
    });
    calm(scenario, &mut all);
    rates(scenario, &mut all);
    all.retain(|(_, candidate)| candidate != scenario);
    all
}

/// Only what it fails by is expected.
fn expectations(best: &Shrunk, all: &mut Vec<(String, Scenario)>) {
    let mut smaller = best.scenario.clone();
    smaller.expect.retain(|name, _| best.failure == Failure::Figure(name.clone()));
    all.push(("other expectations".into(), smaller));
}

/// Until shortly after it broke, then half, then ever less.
fn seconds(best: &Shrunk, all: &mut Vec<(String, Scenario)>) {
    let now = best.scenario.seconds;
    let broke = best.outcome.broken.first().map(|broken| (broken.at_ms / 1_000) as u32);
    let after = broke.map(|second| second.saturating_sub(best.scenario.warmup_s) + 1);
    let lengths = after.into_iter().chain(less(now, 1));
    for seconds in lengths.filter(|&seconds| seconds < now && seconds > 0) {
        let mut smaller = best.scenario.clone();
        smaller.seconds = seconds;
        // A fault after the end would make it unfit to run, and does nothing.
        smaller.faults.retain(|fault| fault.at_s <= f64::from(seconds));
        all.push((format!("{} of {now} seconds", now - seconds), smaller));
    }
}

fn nodes(best: &Shrunk, all: &mut Vec<(String, Scenario)>) {
    let now = best.scenario.nodes;
    for nodes in less(now, 2) {
        let mut smaller = best.scenario.clone();
        smaller.nodes = nodes;
        all.push((format!("{} of {now} peers", now - nodes), smaller));
    }
}

/// Smaller numbers to try, from half up to one less.
fn less(now: u32, min: u32) -> Vec<u32> {
    let mut tries: Vec<u32> = [2, 4, 8, 16, now.max(2)].iter().map(|part| now - now.div_ceil(*part)).collect();
    tries.retain(|&one| one >= min && one < now);
    tries.dedup();
    tries
}

/// All of a list, halves of it, quarters, down to single ones.
fn lists(count: usize, what: &str, all: &mut Vec<(String, Scenario)>, without: impl Fn(usize, usize) -> Scenario) {
    let mut length = count;
    while length > 0 {
        for from in (0..count).step_by(length) {
            let to = (from + length).min(count);
            all.push((format!("{what} {from} to {}", to - 1), without(from, to)));
        }
        length /= 2;
    }
}

/// A network, clocks and machines of which nothing is to be feared, one thing after the other.
fn calm(scenario: &Scenario, all: &mut Vec<(String, Scenario)>) {
    let mut change = |what: &str, change: &dyn Fn(&mut Scenario)| {
        let mut smaller = scenario.clone();
        change(&mut smaller);
        all.push((what.into(), smaller));
    };
    change("faults of links", &|s| s.links = Links { latency: s.links.latency.clone(), ..Links::default() });
    change("loss", &|s| s.links.loss_percent = 0.0);
    change("drops", &|s| s.links.dropped_percent = 0.0);
    change("duplicates", &|s| s.links.duplicated_percent = 0.0);
    change("reordering", &|s| s.links.reordered_percent = 0.0);
    change("jitter", &|s| s.links.jitter_percent = 0.0);
    change("distances", &|s| s.links.latency = Latency::Uniform { min_ms: 20.0, max_ms: 20.0 });
    change("skew and drift", &|s| s.clocks = Clocks { skew_ms: 0.0, drift_ppm: 0.0 });
    change("differences of machines", &|s| s.machines.slower_up_to = 1.0);
    change("cost of computing", &|s| {
        s.machines = Machines { is_charged: false, slower_up_to: 1.0, ..s.machines.clone() }
    });
    change("standing orders", &|s| s.traders.standing = 0);
    change("withdrawals", &|s| s.traders.withdrawn_percent = 0.0);
    change("cancellations", &|s| s.traders.cancelled_percent = 0.0);
    change("bundles", &|s| s.traders.bundle = 1);
    change("budgets", &|s| s.traders.budget = 0);
    change("classes", &|s| s.traders.classes = 1);
    change("lots", &|s| s.traders.lots_max = 1);
    change("parameters of the market", &|s| s.market.clear());
    change("repetition of faults", &|s| s.faults.iter_mut().for_each(|fault| fault.every_s = 0.0));
}

/// Halves of what can be more or less.
fn rates(scenario: &Scenario, all: &mut Vec<(String, Scenario)>) {
    // Halves down to a sixteenth are worth a run; below, the number says nothing.
    let half = |value: f64| (value * 8.0).floor() / 16.0;
    let mut change = |what: String, change: &dyn Fn(&mut Scenario)| {
        let mut smaller = scenario.clone();
        change(&mut smaller);
        all.push((what, smaller));
    };
    change("half of the orders".into(), &|s| s.traders.orders_per_s = half(s.traders.orders_per_s));
    change("half of the loss".into(), &|s| s.links.loss_percent = half(s.links.loss_percent));
    change("half of the drops".into(), &|s| s.links.dropped_percent = half(s.links.dropped_percent));
    for at in 0..scenario.faults.len() {
        change(format!("half the length of fault {at}"), &|s| s.faults[at].for_s = half(s.faults[at].for_s));
        change(format!("half of the peers of fault {at}"), &|s| {
            s.faults[at].peers_percent = half(s.faults[at].peers_percent)
        });
    }
    for at in 0..scenario.cheats.len() {
        change(format!("half of the peers of cheat {at}"), &|s| {
            s.cheats[at].peers_percent = half(s.cheats[at].peers_percent)
        });
        change(format!("half of the extra peers of cheat {at}"), &|s| s.cheats[at].extra_peers /= 2);
    }
}
