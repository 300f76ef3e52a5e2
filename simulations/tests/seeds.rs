//! Many small markets in which much goes wrong at once, each from a seed: nothing that must hold may break.
//! `SOUK_SIM_SEEDS` says how many, `SOUK_SIM_FROM` the first; what fails is named by its seed.

use simulations::Outcome;
use simulations::mixed::scenario;
use simulations::run::{Options, run};

/// A thousand take two minutes on two cores, unless nothing is optimised.
const SEEDS: u64 = if cfg!(debug_assertions) { 20 } else { 1_000 };

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn outcome(seed: u64) -> Outcome {
    run(&scenario(seed), &Options { seed, threads: 1, ..Options::default() }, &mut |_| {}).expect("it can be run")
}

#[test]
#[expect(clippy::print_stdout, reason = "how long a seed takes is what a long run is asked for")]
fn nothing_that_must_hold_breaks_whatever_goes_wrong() {
    let (first, count) = (number("SOUK_SIM_FROM", 1), number("SOUK_SIM_SEEDS", SEEDS));
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
