//! How much more a clearing makes of realistic books than matching greedily.

use matcher::clear;

use crate::draw::{self, Drawn, UNIT};
use crate::greedy::{COMINGS, Outcome, matched};
use crate::scenarios::SCENARIOS;
use crate::timing::{self, Scale};

pub fn run(scale: Scale) {
    let (orders, books) = (scale.pick(4_000, 1_000), scale.pick(20, 3));
    let title = format!(
        "surplus and lots traded, clearing over greedy; {books} books of {orders} orders, 1 to 64 lots heavy-tailed; mean gain \
         (least to most)"
    );
    let names = COMINGS.map(|(name, _)| [format!("surplus over {name}"), format!("lots over {name}")]);
    let columns: Vec<&str> = std::iter::once("book").chain(names.iter().flatten().map(String::as_str)).collect();
    timing::head(&title, &columns);
    for scenario in &SCENARIOS {
        let mut gains: Vec<Vec<f64>> = vec![Vec::new(); 2 * COMINGS.len()];
        for seed in 0..books {
            let orders = (scenario.draw)(orders, seed);
            let ours = cleared(&orders);
            for (at, (_, coming)) in COMINGS.iter().enumerate() {
                let theirs = matched(&orders, *coming);
                assert!(ours.surplus >= theirs.surplus, "nothing beats the maximum");
                gains[2 * at].push(ours.surplus as f64 / theirs.surplus as f64 - 1.0);
                gains[2 * at + 1].push(ours.lots as f64 / theirs.lots as f64 - 1.0);
            }
        }
        let cells = gains.iter().map(|gains| spread(gains));
        timing::row(&std::iter::once(scenario.name.to_string()).chain(cells).collect::<Vec<_>>());
    }
    println!();
    SCENARIOS.iter().for_each(|scenario| println!("- {}: {}.", scenario.name, scenario.how));
}

fn cleared(orders: &[Drawn]) -> Outcome {
    let book = draw::seal(draw::all_sealed(orders));
    let clearing = clear(&book, book.seed());
    let lots = clearing.pairs.iter().map(|pair| u64::from(pair.lots)).sum();
    Outcome { surplus: (clearing.surplus.low / UNIT) as i128, lots }
}

/// Mean, least and most, in per cent.
fn spread(gains: &[f64]) -> String {
    let mean = gains.iter().sum::<f64>() / gains.len() as f64;
    let least = gains.iter().copied().fold(f64::MAX, f64::min);
    let most = gains.iter().copied().fold(f64::MIN, f64::max);
    format!("{:+.1} % ({:+.1} to {:+.1})", mean * 100.0, least * 100.0, most * 100.0)
}
