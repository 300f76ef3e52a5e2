//! 10,000 asks and 10,000 bids, all different, one lot each: an assignment problem. Leaves it for `assignment.py`, which
//! solves it by other means, in a folder below the target folder.

use std::path::PathBuf;

use matcher::SealedBook;
use protocol::{Metric, Side};

use crate::draw::{self, Draw, Shape, UNIT};
use crate::timing::{self, Scale};

/// Metrics, and the part of all pairs that fits.
const CASES: [(usize, f64); 3] = [(7, 0.01), (3, 0.1), (1, 0.5)];

pub fn run(scale: Scale) {
    let (each, rounds) = (scale.pick(10_000, 1_000), scale.pick(3, 3));
    let title = format!("{each} x {each} orders, all capacities different, one lot each; medians of {rounds}");
    timing::head(
        &title,
        &["pairs that fit", "metrics", "trades", "surplus", "seal", "clear", "verify", "verify / clear"],
    );
    let mut stages = Vec::new();
    for (metrics, density) in CASES {
        let shape = Shape::Independent { metrics, density };
        let draw = Draw { orders: 2 * each, classes: 2 * each, shape, lots_max: 1, seed: 3 };
        let (steps, book, clearing) = timing::steps(&draw::all_sealed(&draw.orders()), rounds);
        let surplus = clearing.surplus.low / UNIT;
        let fits = book.edges() as f64 / (each * each) as f64;
        timing::row(&[
            format!("{:.1} %", fits * 100.0),
            metrics.to_string(),
            clearing.pairs.len().to_string(),
            surplus.to_string(),
            format!("{} ms", timing::ms(steps.seal)),
            format!("{} ms", timing::ms(steps.clear())),
            format!("{} ms", timing::ms(steps.verify)),
            format!("{:.2}", steps.verify / steps.clear()),
        ]);
        leave(&format!("{}-percent", density * 100.0), &book, metrics, (surplus as u64, steps.seal, steps.clear()));
        stages.push((density, steps));
    }
    timing::head("of these, the stages", &["pairs that fit", "winners", "pairing", "prices", "numbering", "root"]);
    for (density, steps) in stages {
        let cells = steps.stages.iter().map(|&seconds| format!("{} ms", timing::ms(seconds)));
        timing::row(&std::iter::once(format!("{} %", density * 100.0)).chain(cells).collect::<Vec<_>>());
    }
}

/// Writes a book as little-endian 64-bit words: asks, bids, metrics; price and scores of every order; surplus; seconds of
/// seal and clear as floating-point numbers.
fn leave(name: &str, book: &SealedBook, metrics: usize, (surplus, seal, clear): (u64, f64, f64)) {
    let mut words = vec![book.asks.len() as u64, book.bids.len() as u64, metrics as u64];
    for order in book.side(Side::Ask).iter().chain(book.side(Side::Bid)) {
        words.push((order.order().price.0 / UNIT) as u64);
        words.extend(Metric::ALL[..metrics].iter().map(|metric| order.order().capacity.value(*metric as u16)));
    }
    words.extend([surplus, seal.to_bits(), clear.to_bits()]);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("assignment");
    std::fs::create_dir_all(&folder).unwrap();
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    std::fs::write(folder.join(name).with_extension("book"), bytes).unwrap();
}
