//! Many small markets in which much goes wrong at once, each from a seed: nothing that must hold may break.
//! `SOUK_SIM_SEEDS` says how many, `SOUK_SIM_FROM` the first; what fails is named by its seed.

use simulations::random::Random;
use simulations::run::{Options, run};
use simulations::scenario::{Checks, Every, Fault, FaultKind, Latency, Links, Traders};
use simulations::{Outcome, Scenario};

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
fn scenario(seed: u64) -> Scenario {
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
    Scenario { warmup_s: 6, faults, links, traders, checks, ..Scenario::plain("mixed", nodes, 44) }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn outcome(seed: u64) -> Outcome {
    run(&scenario(seed), &Options { seed, threads: 1, ..Options::default() }, &mut |_| {}).expect("it can be run")
}

#[test]
#[expect(clippy::print_stdout, reason = "how long a seed takes is what a long run is asked for")]
fn nothing_that_must_hold_breaks_whatever_goes_wrong() {
    let (first, count) = (number("SOUK_SIM_FROM", 1), number("SOUK_SIM_SEEDS", 20));
    let next = std::sync::atomic::AtomicU64::new(first);
    let failed = std::sync::Mutex::new(Vec::new());
    let (began, cores) = (std::time::Instant::now(), std::thread::available_parallelism().map_or(1, usize::from));
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if seed >= first + count {
                        break;
                    }
                    let outcome = outcome(seed);
                    if let Some(broken) = outcome.broken.first() {
                        let faults = scenario(seed).faults;
                        failed
                            .lock()
                            .unwrap()
                            .push(format!("seed {seed}, {} peers: {broken:?}\n  {faults:?}", outcome.nodes));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    println!("{count} seeds in {:.1} s on {cores} cores", began.elapsed().as_secs_f64());
    assert!(failed.is_empty(), "{} of {count}:\n{}", failed.len(), failed.join("\n"));
}
