//! Clearing and three continuous order books on one flow of a million limit orders, one core. They are not the same thing:
//! a continuous book decides about each order when it comes, a clearing about all of them at once.
#![allow(dead_code, reason = "what is drawn and timed is shared with the benchmark of clearing")]

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
    let round = |_| [&books::ours(&orders)[..], &books::others(&drawn)].concat();
    let rounds: Vec<Vec<books::Run>> = (0..ROUNDS).map(round).collect();
    let title = format!("{count} limit orders, price N(10000, 100), 1 to 100 lots, one thread; medians of {ROUNDS}");
    timing::head(&title, &["", "million orders/s", "an order", "lots traded"]);
    for (at, (name, _, lots)) in rounds[0].iter().enumerate() {
        let seconds = timing::median(rounds.iter().map(|round| round[at].1).collect());
        let rate = timing::significant(count as f64 / seconds / 1e6);
        let each = timing::significant(seconds * 1e9 / count as f64);
        timing::row(&[name.to_string(), rate, format!("{each} ns"), lots.to_string()]);
    }
}
