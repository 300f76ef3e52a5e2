//! Clearing and three continuous order books on one flow of a million limit orders, one core. They are not the same thing:
//! a continuous book decides about each order when it comes, a clearing about all of them at once.
#![allow(dead_code, reason = "what is drawn and timed is shared with the benchmark of clearing")]

use std::collections::BTreeMap;

mod books;
#[path = "../../benches/clearing/draw.rs"]
mod draw;
#[path = "../../benches/clearing/timing.rs"]
mod timing;

/// Each is run so often, in turn.
const ROUNDS: usize = 5;

fn main() {
    let count = std::env::args().nth(1).map_or(1_000_000, |count| count.parse().expect("a number of orders"));
    let drawn = draw::limit_orders(count);
    let orders = draw::all_sealed(&drawn);
    let mut runs: BTreeMap<usize, (&str, Vec<f64>, u64)> = BTreeMap::new();
    for _ in 0..ROUNDS {
        let (steps, _, clearing) = timing::steps(&orders, 1);
        let lots = clearing.pairs.iter().map(|pair| u64::from(pair.lots)).sum();
        let ours = [
            ("this market: winners and prices", steps.decide()),
            ("this market: the whole clearing", steps.clear()),
            ("this market: seal and clear", steps.seal + steps.clear()),
        ];
        let ours = ours.map(|(name, seconds)| (name, seconds, lots));
        for (at, (name, seconds, lots)) in ours.into_iter().chain(books::run(&drawn)).enumerate() {
            let run = runs.entry(at).or_insert((name, Vec::new(), lots));
            run.1.push(seconds);
        }
    }
    let title = format!("{count} limit orders, price N(10000, 100), 1 to 100 lots, one thread; medians of {ROUNDS}");
    timing::head(&title, &["", "million orders/s", "an order", "lots traded"]);
    for (_, (name, seconds, lots)) in runs {
        let seconds = timing::median(seconds);
        let rate = timing::significant(count as f64 / seconds / 1e6);
        let each = timing::significant(seconds * 1e9 / count as f64);
        timing::row(&[name.into(), rate, format!("{each} ns"), lots.to_string()]);
    }
}
