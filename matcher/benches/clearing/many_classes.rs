//! A million orders in a thousand classes of twelve metrics: time and memory.

use matcher::clear;

use crate::draw::{self, Draw, Shape};
use crate::memory;
use crate::timing::{self, Scale};

/// Half of the orders fit well, some, hardly any.
const SMALLER: [f64; 3] = [1.5, 0.4, 4.0];

pub fn run(scale: Scale) {
    for smaller in SMALLER {
        case(scale, smaller);
    }
}

fn case(scale: Scale, smaller: f64) {
    let (count, rounds) = (scale.pick(1_000_000, 100_000), scale.pick(5, 3));
    let draw = Draw { orders: count, classes: 1_000, shape: Shape::Sized { smaller }, lots_max: 16, seed: 2 };
    let orders = draw::all_sealed(&draw.orders());
    let (steps, book, clearing) = timing::steps(&orders, rounds);
    let (asks, bids) = book.class_counts();
    let density = book.edges() as f64 / (asks * bids) as f64;
    let title = format!(
        "{count} orders, {asks} + {bids} classes of twelve metrics, bids {smaller} times smaller: {:.1} % of the pairs of \
         classes fit; 1 to 16 lots; medians of {rounds}; {} pairs",
        density * 100.0,
        clearing.pairs.len()
    );
    timing::head(&title, &["step", "to reach", "took", "an order"]);
    timing::step_rows(&steps, count, "at most 1 s");
    drop(clearing);
    let sealed = book.bytes() as f64 / count as f64;
    let (clearing, usage) = memory::watch(|| clear(&book, book.seed()));
    let each = |bytes: usize| format!("{:.0} B", bytes as f64 / count as f64);
    let bytes =
        |name: &str, target: &str, cell: String| timing::row(&[name.into(), target.into(), String::new(), cell]);
    bytes("memory: the sealed book, heads aside", "", format!("{sealed:.0} B"));
    bytes("memory: peak while clearing, result included", "at most 200 B", each(usage.peak));
    bytes("memory: of these the result", "", each(usage.kept));
    drop(clearing);
    let copies = orders.clone();
    let (book, usage) = memory::watch(|| draw::seal(copies));
    bytes("memory: peak while sealing, less the list that comes in", "", each(usage.peak));
    drop(book);
}
