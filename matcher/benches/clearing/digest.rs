//! One digest over the clearings of many random books: who makes clearing faster sees here whether that is all that changed.

use matcher::clear;
use protocol::keccak256;

use crate::draw::{self, Draw, Random, Shape};
use crate::timing::Scale;

pub fn run(scale: Scale) {
    let mut random = Random::new(9);
    let mut all = keccak256(&[]);
    for seed in 0..scale.pick(1_000, 200) {
        let orders = 2 + random.below(600) as usize;
        let shape = match random.below(2) {
            0 => Shape::Independent { metrics: 1 + random.below(5) as usize, density: 0.05 + 0.9 * random.unit() },
            _ => Shape::Sized { smaller: 0.5 + 2.0 * random.unit() },
        };
        let classes = 2 + random.below(orders as u64) as usize;
        let mut drawn = Draw { orders, classes, shape, lots_max: 1 + random.below(8), seed }.orders();
        // Equal prices in every other book.
        if seed.is_multiple_of(2) {
            drawn.iter_mut().for_each(|order| order.price = 1 + order.price / 200_000);
        }
        let book = draw::seal(draw::all_sealed(&drawn));
        let clearing = clear(&book, book.seed());
        all = keccak256(&[&all.0, &clearing.root.0, format!("{clearing:?}").as_bytes()]);
    }
    println!("\ndigest of random clearings: {all}");
}
