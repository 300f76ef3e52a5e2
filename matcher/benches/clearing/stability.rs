//! How much of a clearing changes when some orders are missing: winners, pairs, prices; beside other ways to pair the same
//! winners.

use std::collections::{BTreeMap, BTreeSet};

use matcher::{SealedBook, SealedOrder, clear};
use protocol::Side;

use crate::draw::{self, Draw, Random, Shape};
use crate::plot::{Chart, Line, Scaling};
use crate::rivals::{self, Winners};
use crate::timing::{self, Scale};

const ORDERS: usize = 2_000;
const MISSING: usize = 3;
const CLASSES: [usize; 4] = [1, 20, 200, 2_000];

/// What a clearing says, by the orders' numbers.
struct Result {
    /// Lots of each order that trades.
    winners: BTreeMap<usize, u32>,
    /// Price of each pair of ask and bid.
    pairs: BTreeMap<(usize, usize), u128>,
    by_rank: BTreeSet<(usize, usize)>,
    by_hash: BTreeSet<(usize, usize)>,
}

/// Parts that changed: of winners, pairs, triples, triples beyond the market's tolerance, pairs by rank and by hash.
type Changes = [f64; 6];

pub fn run(scale: Scale) {
    let trials = scale.pick(100, 10);
    let names = ["winners", "pairs", "with the price", "with the price, tolerance", "pairs by rank", "pairs by hash"];
    for (lots_max, lots, file) in
        [(1, "one lot each", "clearing-stability.svg"), (16, "1 to 16 lots each", "clearing-stability-lots.svg")]
    {
        let title =
            format!("what changes when {MISSING} of {ORDERS} orders are missing, {lots}; means of {trials} (the most)");
        timing::head(&title, &[&["classes", "pairs"][..], &names[..]].concat());
        let mut lines: Vec<Line> = names.iter().map(|name| Line::new(name)).collect();
        for classes in CLASSES {
            let (pairs, changes) = trial(classes, lots_max, trials);
            let mean = |at: usize| changes.iter().map(|changes| changes[at]).sum::<f64>() / trials as f64 * 100.0;
            let most = |at: usize| changes.iter().map(|changes| changes[at]).fold(0.0, f64::max) * 100.0;
            lines.iter_mut().zip(0..).for_each(|(line, at)| line.points.push((classes as f64, mean(at).max(0.01))));
            let cells = (0..names.len()).map(|at| format!("{:.2} % ({:.1})", mean(at), most(at)));
            timing::row(&[classes.to_string(), pairs.to_string()].into_iter().chain(cells).collect::<Vec<_>>());
        }
        if scale.is_plotted {
            let title = format!("What changes when {MISSING} of {ORDERS} orders are missing, {lots}");
            let (x, y) = (("classes on both sides", Scaling::Log), ("changed, %", Scaling::Log));
            Chart { title: &title, x, y, lines }.draw(file);
        }
    }
}

/// How many pairs a book has, and what changes in each of `trials` with other orders missing; ten books take turns.
fn trial(classes: usize, lots_max: u64, trials: usize) -> (usize, Vec<Changes>) {
    let mut changes = Vec::new();
    let mut pairs = 0;
    for seed in 0..10 {
        let draw = Draw { orders: ORDERS, classes, shape: Shape::Sized { smaller: 1.5 }, lots_max, seed: 100 + seed };
        let orders = draw::all_sealed(&draw.orders());
        let fits = fits(&orders);
        let whole = result(draw::seal(orders.clone()), &fits);
        pairs = whole.pairs.len();
        let mut random = Random::new(seed);
        for _ in 0..trials / 10 {
            let mut some = orders.clone();
            (0..MISSING).for_each(|_| drop(some.swap_remove(random.below(some.len() as u64) as usize)));
            changes.push(compare(&whole, &result(draw::seal(some), &fits)));
        }
    }
    (pairs, changes)
}

/// Whether an ask may serve a bid, by their numbers.
fn fits(orders: &[SealedOrder]) -> Vec<bool> {
    let mut fits = vec![false; ORDERS * ORDERS];
    for ask in orders.iter().filter(|order| order.order().side == Side::Ask) {
        for bid in orders.iter().filter(|order| order.order().side == Side::Bid) {
            fits[draw::number(ask) * ORDERS + draw::number(bid)] = ask.may_serve(bid);
        }
    }
    fits
}

fn result(book: SealedBook, fits: &[bool]) -> Result {
    let clearing = clear(&book, book.seed());
    let mut won: BTreeMap<(Side, usize), u32> = BTreeMap::new();
    let mut pairs = BTreeMap::new();
    for pair in &clearing.pairs {
        let (ask, bid) = (pair.ask as usize, pair.bid as usize);
        *won.entry((Side::Ask, ask)).or_default() += pair.lots;
        *won.entry((Side::Bid, bid)).or_default() += pair.lots;
        pairs.insert((draw::number(&book.asks[ask]), draw::number(&book.bids[bid])), pair.price.0);
    }
    // The cheapest ask and the highest bid come first.
    let side = |side: Side| {
        let mine = won.iter().filter(|((other, _), _)| *other == side);
        let winner = |(&(_, at), &lots): (&(Side, usize), &u32)| {
            let order = &book.side(side)[at];
            let price = order.order().price.0 as u64;
            (draw::number(order), lots, if side == Side::Ask { price } else { u64::MAX - price })
        };
        mine.map(winner).collect::<Vec<_>>()
    };
    let fit = |bid: usize, ask: usize| fits[ask * ORDERS + bid];
    let winners = || Winners { asks: side(Side::Ask), bids: side(Side::Bid), fits: &fit };
    Result {
        winners: [Side::Ask, Side::Bid].into_iter().flat_map(side).map(|(number, lots, _)| (number, lots)).collect(),
        pairs,
        by_rank: rivals::by_rank(winners()).into_iter().collect(),
        by_hash: rivals::by_hash(winners()).into_iter().collect(),
    }
}

/// The parts of what `whole` has that `some` lacks.
fn compare(whole: &Result, some: &Result) -> Changes {
    let part = |lost: usize, of: usize| lost as f64 / of.max(1) as f64;
    let winners = whole.winners.iter().filter(|(number, lots)| some.winners.get(number) != Some(lots)).count();
    let moved = |is_same: &dyn Fn(u128, u128) -> bool| {
        let is_lost = |(pair, price): &(&(usize, usize), &u128)| {
            some.pairs.get(*pair).is_none_or(|other| !is_same(**price, *other))
        };
        part(whole.pairs.iter().filter(is_lost).count(), whole.pairs.len())
    };
    let ppm = u128::from(draw::market().price_tolerance_ppm);
    let lost = |whole: &BTreeSet<(usize, usize)>, some: &BTreeSet<(usize, usize)>| {
        part(whole.difference(some).count(), whole.len())
    };
    [
        part(winners, whole.winners.len()),
        moved(&|_, _| true),
        moved(&|price, other| price == other),
        moved(&|price, other| price.abs_diff(other) <= other / 1_000_000 * ppm),
        lost(&whole.by_rank, &some.by_rank),
        lost(&whole.by_hash, &some.by_hash),
    ]
}
