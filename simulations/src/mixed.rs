//! Small markets in which much goes wrong at once, one for each seed. Most mistakes are found here, and each has a short life.

use crate::Scenario;
use crate::random::Random;
use crate::scenario::{Checks, Every, Fault, FaultKind, Latency, Links, Traders};

/// What the scenario of any seed is called.
pub const NAME: &str = "mixed";
/// What it asks.
pub const QUESTION: &str = "Whatever goes wrong at once in a small market, crashes with and without disks, pauses, jumps of clocks, \
    partitions, slow machines, full disks and lossy links, each seed another mix of them: does anything that must always hold break, \
    and do all honest peers agree again soon after it is over?";
/// Seconds in which faults begin, after the warm-up.
const TROUBLE_S: u64 = 10;

fn kind(random: &mut Random) -> FaultKind {
    let sign = if random.chance(500_000) { 1.0 } else { -1.0 };
    match random.below(10) {
        0 | 1 => FaultKind::Crash { keeps_disk: true },
        2 => FaultKind::Crash { keeps_disk: false },
        3 => FaultKind::Pause,
        4 => FaultKind::ClockStep { ms: sign * random.between(20, 1_500) as f64 },
        5 => FaultKind::Partition,
        6 => FaultKind::Deaf,
        7 => FaultKind::Slow { times: random.between(2, 50) as f64 },
        8 => FaultKind::FullDisk,
        _ => FaultKind::Lossy { percent: random.between(1, 25) as f64 },
    }
}

/// A market of 5 to 25 peers with one to four faults of any kind, and links that are not perfect either.
pub fn scenario(seed: u64) -> Scenario {
    let mut random = Random::new(seed, 77);
    let faults = (0..random.between(1, 4)).map(|_| Fault {
        at_s: random.below(TROUBLE_S * 10) as f64 / 10.0,
        for_s: random.between(5, 80) as f64 / 10.0,
        peers_percent: random.between(5, 60) as f64,
        every_s: 0.0,
        kind: kind(&mut random),
    });
    let faults = faults.collect();
    let is_world = random.chance(500_000);
    let links = Links {
        latency: if is_world { Latency::Cities } else { Latency::Uniform { min_ms: 5.0, max_ms: 80.0 } },
        loss_percent: random.below(3) as f64 / 2.0,
        dropped_percent: random.below(3) as f64 / 2.0,
        duplicated_percent: random.below(4) as f64,
        reordered_percent: random.below(4) as f64,
        ..Links::default()
    };
    let traders = Traders {
        orders_per_s: random.between(2, 6) as f64,
        duration_s: 8,
        life_s: 20,
        withdrawn_percent: 20.0,
        cancelled_percent: 20.0,
        bundle: random.between(1, 2) as u32,
        ..Traders::default()
    };
    let checks = Checks { every: Every::Step, heals_within_s: 12 };
    let nodes = random.between(5, 25) as u32;
    let question = QUESTION.into();
    Scenario { question, warmup_s: 6, faults, links, traders, checks, ..Scenario::plain(NAME, nodes, 44) }
}
