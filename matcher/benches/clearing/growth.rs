//! How time grows with orders at a hundred classes, and with classes at a hundred thousand orders.

use crate::draw::{self, Draw, Shape};
use crate::plot::{Chart, Line, Scaling};
use crate::timing::{self, Scale, Steps};

/// A figure of the steps, by name.
type Figure = (&'static str, fn(&Steps) -> f64);

const FIGURES: [Figure; 3] = [("seal", |steps| steps.seal), ("clear", Steps::clear), ("verify", |steps| steps.verify)];

pub fn run(scale: Scale) {
    let orders = scale.pick(&[10_000, 30_000, 100_000, 300_000, 1_000_000][..], &[1_000, 10_000, 100_000][..]);
    let books = orders.iter().map(|&orders| (orders, orders, 100));
    grow(scale, "orders, at 100 classes", "clearing-orders.svg", books.collect());
    let many = scale.pick(100_000, 10_000);
    let classes = scale.pick(&[1, 10, 100, 1_000, 3_000, 10_000, 20_000][..], &[1, 10, 100, 1_000][..]);
    let books = classes.iter().map(|&classes| (classes, many, classes));
    grow(scale, &format!("classes on both sides, at {many} orders"), "clearing-classes.svg", books.collect());
}

/// Books by what grows, orders and classes.
fn grow(scale: Scale, label: &str, file: &str, books: Vec<(usize, usize, usize)>) {
    timing::head(
        &format!("time by {label}"),
        &["", "pairs of classes that fit", "seal", "clear", "verify", "verify / clear"],
    );
    let mut lines: Vec<Line> = FIGURES.iter().map(|(name, _)| Line::new(name)).collect();
    for (at, orders, classes) in books {
        let draw = Draw { orders, classes, shape: Shape::Sized { smaller: 1.5 }, lots_max: 16, seed: 4 };
        let rounds = if orders >= 1_000_000 || classes >= 10_000 { 3 } else { 7 };
        let (steps, book, _) = timing::steps(&draw::all_sealed(&draw.orders()), rounds);
        let figures = FIGURES.map(|(_, figure)| figure(&steps));
        lines.iter_mut().zip(figures).for_each(|(line, seconds)| line.points.push((at as f64, seconds * 1e3)));
        let mut cells = vec![at.to_string(), book.edges().to_string()];
        cells.extend(figures.iter().map(|&seconds| format!("{} ms", timing::ms(seconds))));
        cells.push(format!("{:.2}", steps.verify / steps.clear()));
        timing::row(&cells);
    }
    if scale.is_plotted {
        let (x, y) = ((label, Scaling::Log), ("processor time, ms", Scaling::Log));
        Chart { title: &format!("Clearing by {label}"), x, y, lines }.draw(file);
    }
}
