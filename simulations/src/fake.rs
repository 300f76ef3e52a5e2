//! Runs that cost nothing, for tests of what is told about runs: figures from the seed, and no market at all.

use protocol::keccak256;

use crate::random::Random;
use crate::runner::{Options, Progress};
use crate::{Broken, Outcome, Row, Scenario, ScenarioError};

/// A small scenario with a fault and a cheat.
pub fn scenario() -> Scenario {
    let text = "name = \"small\"\nquestion = \"Does a small market agree when a third of it cannot hear the others?\"\n\
        nodes = 12\nseconds = 60\n[links]\nloss_percent = 1\n\
        [[faults]]\nat_s = 20\nfor_s = 10\npeers_percent = 33\nkind = \"partition\"\n\
        [[cheats]]\nstrategy = \"silent\"\npeers_percent = 10\n\
        [expect]\nagreed_ppm = { min = 900_000 }\n\"delivery_ms.p99\" = { max = 2_000 }\n";
    crate::scenario::parse(text, std::path::Path::new("small.toml")).unwrap()
}

/// Something that broke.
pub fn broken(check: &str) -> Broken {
    Broken { check: check.into(), at_ms: 31_000, peers: vec![3, 4], seen: "peers 3 and 4 sealed other books".into() }
}

/// What a good run of it came to.
pub fn outcome(scenario: &Scenario, seed: u64) -> Outcome {
    run(scenario, &Options { nodes: None, seed, threads: 1, ..Options::default() }, &mut |_| {}).unwrap()
}

/// Runs nothing and makes the figures up, the same for the same scenario and options.
pub fn run(
    scenario: &Scenario,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome, ScenarioError> {
    scenario.check()?;
    let nodes = options.nodes.unwrap_or(scenario.nodes);
    let seconds = u64::from(scenario.seconds + scenario.warmup_s);
    let mut random = Random::new(options.seed, 0);
    let mut around = |mean: f64| mean * (0.9 + 0.2 * random.below(1_000) as f64 / 1_000.0);
    let mut rows = Vec::new();
    for epoch in 1..=seconds / 2 {
        progress(Progress { second: 2 * epoch, seconds, events: epoch * 1_000 });
        let is_cut = scenario.faults.iter().any(|fault| {
            let since = 2.0 * epoch as f64 - f64::from(scenario.warmup_s) - fault.at_s;
            (0.0..fault.for_s).contains(&since)
        });
        let slow = if is_cut { 4.0 } else { 1.0 };
        rows.push(Row {
            epoch,
            second: (2 * epoch) as f64,
            sealed: nodes,
            agreed: if is_cut { nodes - nodes / 3 } else { nodes },
            orders: around(80.0) as u32,
            matches: around(9.0) as u32,
            struck: epoch * 8,
            delivery_p50_ms: around(70.0),
            delivery_p99_ms: around(200.0) * slow,
            copies: around(4.0),
            sent_bytes_per_s: around(9_000.0),
            loop_percent: around(1.2),
            surplus: around(7.0e6),
            surplus_optimum: around(7.4e6).max(7.7e6),
            up: nodes,
        });
    }
    let mut outcome = Outcome {
        scenario: scenario.name.clone(),
        nodes,
        seed: options.seed,
        seconds,
        trace_hash: keccak256(&[scenario.text().as_bytes(), &nodes.to_be_bytes(), &options.seed.to_be_bytes()]),
        events: seconds * 500,
        figures: Default::default(),
        broken: Vec::new(),
        rows,
    };
    let figures = &mut outcome.figures;
    for (percentiles, scale) in [
        (&mut figures.delivery_ms, 70.0),
        (&mut figures.reach99_ms, 180.0),
        (&mut figures.agreement_ms, 400.0),
        (&mut figures.placed_to_struck_ms, 1_600.0),
    ] {
        *percentiles = crate::figures::Percentiles {
            count: 900,
            p50: around(scale),
            p90: scale * 1.8,
            p99: scale * 3.0,
            max: scale * 7.0,
        };
    }
    (figures.delivered_ppm, figures.in_time_ppm, figures.agreed_ppm) = (999_998, 999_100, 994_000);
    (figures.reach99_over_direct, figures.copies, figures.node_epochs) = (1.31, around(4.0), 360);
    (figures.orders, figures.matches, figures.struck) = (around(300.0) as u64, 270, 240);
    figures.ended = [("over".into(), 180), ("cancelled".into(), 22), ("heartbeats missed".into(), 6)].into();
    (figures.surplus_percent, figures.sent_bytes_per_s, figures.sent_bytes_per_s_max) =
        (94.2, around(9_000.0), 14_200.0);
    (figures.loop_percent, figures.loop_percent_max) = (1.2, 3.9);
    figures.cheats = [("silent.starved_percent".into(), around(3.0)), ("silent.bids_delayed_ms".into(), 812.0)].into();
    Ok(outcome)
}
