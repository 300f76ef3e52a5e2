//! A million limit orders for one kind of machine, on one core.

use crate::draw;
use crate::timing::{self, Scale};

pub fn run(scale: Scale) {
    let (count, rounds) = (scale.pick(1_000_000, 100_000), scale.pick(7, 3));
    let orders = draw::all_sealed(&draw::limit_orders(count));
    let (steps, book, clearing) = timing::steps(&orders, rounds);
    let title = format!(
        "{count} orders, one class: price N(10000, 100), 1 to 100 lots; medians of {rounds}; {} pairs, classes {:?}",
        clearing.pairs.len(),
        book.class_counts()
    );
    timing::head(&title, &["step", "to reach", "took", "an order"]);
    timing::stage_row("winners and prices", "at most 100 ns an order", steps.decide(), count);
    timing::step_rows(&steps, count, "");
}
