//! Books made to hurt: prices at the end of the numbers, equals alone, chains of classes, owners who name everyone or
//! trade with themselves. Each has an exact answer.

use matcher::{Clearing, SealedBook, SealedOrder, Seed, Surplus, clear, verify};
use protocol::{Capacity, Metric, Order, Price, Side, wire};

use crate::books::{Random, address, book, changed, plain, sealed, small_orders};
use crate::judge::{allowed, judge, stable};
use crate::oracle::Oracle;
use crate::runs::{count, over};

const EPOCH: u64 = 1_000;

/// What holds of a clearing of any size, but for what only the oracle knows.
pub fn sound(book: &SealedBook) -> Clearing {
    let clearing = clear(book, book.seed());
    assert_eq!(verify(book, &clearing), Ok(()));
    assert_eq!(allowed(book, &clearing), Ok(()));
    clearing
}

/// `number` is also the owner.
fn one(side: Side, number: u64, price: u128, change: impl FnOnce(&mut Order)) -> SealedOrder {
    let mut order = plain(side, number, price);
    change(&mut order);
    sealed(order, number)
}

fn lots(book: &SealedBook, clearing: &Clearing, side: Side) -> Vec<u32> {
    let mut lots = vec![0; book.side(side).len()];
    for pair in &clearing.pairs {
        lots[if side == Side::Ask { pair.ask } else { pair.bid } as usize] += pair.lots;
    }
    lots
}

#[test]
fn among_equals_alone_all_trade_that_can_and_rank_decides_who() {
    let asks = (0..300).map(|number| one(Side::Ask, number, 100, |order| order.lots = 2));
    let bids = (1_000..2_000).map(|number| one(Side::Bid, number, 100, |_| {}));
    let book = book(EPOCH, asks.chain(bids).collect());
    let clearing = sound(&book);
    assert_eq!(clearing.surplus, Surplus::default());
    assert!(clearing.pairs.iter().all(|pair| pair.price == Price(100)));
    assert_eq!(lots(&book, &clearing, Side::Ask), vec![2; 300]);
    let rank = |order: &SealedOrder| book.seed().rank(matcher::seed::mark(&order.order().owner, order.order().slot));
    let mut ranks: Vec<u64> = book.bids.iter().map(rank).collect();
    ranks.sort_unstable();
    let wins = book.bids.iter().map(|bid| u32::from(rank(bid) <= ranks[599]));
    assert_eq!(lots(&book, &clearing, Side::Bid), wins.collect::<Vec<_>>());
}

#[test]
fn a_giant_order_serves_the_dearest_of_many_small_ones_and_the_first_it_cannot_serve_sets_the_price() {
    let giant = one(Side::Ask, 0, 5, |order| order.lots = 1 << 20);
    let small = |count: u64| {
        (1..=count).map(|number| one(Side::Bid, number, 10 + u128::from(number), |order| order.lots = 350))
    };
    let book = book(EPOCH, [giant].into_iter().chain(small(3_000)).collect());
    let clearing = sound(&book);
    // 2^20 lots are 2,995 bids of 350 and 326 lots of the next.
    let served = |at: usize| match 3_000 - (book.bids[at].order().price.0 - 10) {
        0..2_995 => 350,
        2_995 => 326,
        _ => 0,
    };
    assert_eq!(lots(&book, &clearing, Side::Bid), (0..3_000).map(served).collect::<Vec<_>>());
    assert!(clearing.pairs.iter().all(|pair| pair.price == Price(15)));
    let enough = crate::books::book(
        EPOCH,
        [one(Side::Ask, 0, 5, |order| order.lots = 1 << 20)].into_iter().chain(small(2_000)).collect(),
    );
    let clearing = sound(&enough);
    assert!(clearing.pairs.len() == 2_000 && clearing.pairs.iter().all(|pair| pair.price == Price(5)));
}

/// Class k may serve what class k-1 may and one more.
fn chain(random: &mut Random, classes: u64, orders: u64) -> SealedBook {
    let order = |number| {
        let side = if number % 2 == 0 { Side::Ask } else { Side::Bid };
        let size = 1 + random.below(classes);
        // Large ones cost more, so that a small bid would rather have a small ask.
        let price = u128::from(5 * size + random.below(10 * classes));
        one(side, number, price, |order| {
            order.capacity = Capacity::new([(Metric::CpuHash, 10 * size)]);
            order.lots = 1 + random.below(4) as u32;
        })
    };
    book(EPOCH, (0..orders).map(order).collect())
}

#[test]
fn long_chains_of_classes_have_the_surplus_of_the_oracle() {
    let books = count(100).max(4);
    let pairs = over(books, |seed| {
        let mut random = Random(seed);
        let (classes, orders) = ([3, 12, 40][seed as usize % 3], [60, 100, 160][seed as usize % 3]);
        judge(&chain(&mut random, classes, orders)).map(|clearing| clearing.pairs.len() as u64)
    });
    assert!(pairs > 10 * books);
}

#[test]
fn a_chain_of_four_hundred_classes_has_the_surplus_of_the_oracle() {
    let book = chain(&mut Random(7), 400, if cfg!(debug_assertions) { 100 } else { 800 });
    let clearing = sound(&book);
    assert_eq!(stable(&book, &clearing), Ok(()));
    let mut oracle = Oracle::of(&book);
    let surplus = oracle.surplus();
    assert_eq!(clearing.surplus, Surplus { high: 0, low: surplus as u128 });
    for pair in clearing.pairs.iter().step_by(40) {
        assert_eq!(pair.price.0 as i128, oracle.price(pair.bid as usize, surplus));
    }
}

#[test]
fn prices_at_the_end_of_the_numbers_add_up() {
    let most = u128::MAX;
    let giant = |order: &mut Order| order.lots = 1 << 20;
    let asks = (0..40).map(|number| one(Side::Ask, number, 1, giant));
    let bids = (100..140).map(|number| one(Side::Bid, number, most, giant));
    let even = book(EPOCH, asks.clone().chain(bids.clone()).collect());
    let clearing = sound(&even);
    // (2^128 - 2) * 40 * 2^20
    let total = 40u64 << 20;
    assert_eq!(clearing.surplus, Surplus { high: total - 1, low: most - 2 * u128::from(total) + 1 });
    assert!(clearing.pairs.iter().all(|pair| pair.price == Price(1)));
    let loser = one(Side::Bid, 200, most, |_| {});
    let uneven = book(EPOCH, asks.chain(bids).chain([loser]).collect());
    let clearing = sound(&uneven);
    assert_eq!(clearing.surplus, Surplus { high: total - 1, low: most - 2 * u128::from(total) + 1 });
    assert!(clearing.pairs.iter().all(|pair| pair.price == Price(most)), "who loses would pay as much");
}

/// What is as dear or twice as dear everywhere is traded by the same, at prices moved alike.
#[test]
fn prices_that_are_moved_or_scaled_together_change_nothing_else() {
    let books = count(10_000);
    let pairs = over(books, |seed| {
        let orders = small_orders(seed);
        let highest = orders.iter().map(|order| order.order().price.0).max().unwrap_or(1);
        let moved = |to: &dyn Fn(u128) -> u128| {
            let moved = orders.iter().map(|order| changed(order, |order| order.price = Price(to(order.price.0))));
            book(seed, moved.collect())
        };
        let plain = clear(&moved(&|price| price), Seed::new(&moved(&|price| price).market, seed, None));
        for to in [&(|price| price + (u128::MAX - highest)) as &dyn Fn(u128) -> u128, &|price| price << 100] {
            let book = moved(to);
            let clearing = sound(&book);
            let expected = plain.pairs.iter().map(|pair| matcher::Pair { price: Price(to(pair.price.0)), ..*pair });
            if clearing.pairs != expected.collect::<Vec<_>>() {
                return Err(format!("{:?} became {:?}", plain.pairs, clearing.pairs));
            }
        }
        Ok(plain.pairs.len() as u64)
    });
    assert!(pairs > books || books < 2);
}

#[test]
fn owners_who_name_everyone_are_kept_apart_and_all_others_trade_as_the_oracle_says() {
    let books = count(60).max(2);
    let pairs = over(books, |seed| {
        let mut random = Random(seed);
        // Owners 0..70 are on both sides; each shuns 64 of them, and sometimes has eyes for one alone.
        let orders = (0..140).map(|number| {
            let (owner, side) = (number % 70, if number < 70 { Side::Ask } else { Side::Bid });
            let mut order = plain(side, owner, u128::from(1 + random.below(30)));
            (order.slot, order.lots) = (number as u16, 1 + random.below(3) as u32);
            let mut others: Vec<u64> = (0..70).filter(|&other| other != owner).collect();
            random.shuffle(&mut others);
            let (shunned, rest) = others.split_at(if random.chance(80) { 64 } else { 20 });
            order.excluded = shunned.iter().map(|&other| address(other)).collect();
            order.excluded.sort_unstable();
            if random.chance(10) {
                order.counterparty = address(random.pick(rest));
            }
            sealed(order, random.next())
        });
        judge(&book(seed, orders.collect())).map(|clearing| clearing.pairs.len() as u64)
    });
    assert!(pairs > 5 * books, "{pairs} pairs");
}

#[test]
fn everyone_naming_everyone_trades_nothing() {
    let owners = 0..65;
    let orders = owners.clone().flat_map(|owner| [(owner, Side::Ask, 1), (owner, Side::Bid, 9)]);
    let shunning = orders.zip(0..).map(|((owner, side, price), number)| {
        let mut order = plain(side, owner, price);
        order.excluded = owners.clone().filter(|other| *other != owner).map(address).collect();
        order.excluded.sort_unstable();
        sealed(order, number)
    });
    let book = book(EPOCH, shunning.collect());
    assert_eq!(book.edges(), 0);
    assert_eq!(sound(&book).pairs, []);
}

#[test]
fn nobody_trades_with_itself_however_good_the_price() {
    let own = |owner: u64, ask: u128, bid: u128| {
        let number = owner * 2;
        [sealed(plain(Side::Ask, owner, ask), number), sealed(plain(Side::Bid, owner, bid), number + 1)]
    };
    let alone = book(EPOCH, (0..20).flat_map(|_| own(1, 1, 100)).collect());
    assert_eq!((alone.len(), sound(&alone).pairs.len()), (2, 0), "copies of an id are one order");
    let two = book(EPOCH, [own(1, 1, 100), own(2, 90, 95)].concat());
    let clearing = judge(&two).unwrap();
    // Each has the other's: 100 - 90 and 95 - 1.
    assert_eq!((clearing.pairs.len(), clearing.surplus), (2, Surplus { high: 0, low: 104 }));
    let many = book(EPOCH, (0..30).flat_map(|owner| own(owner, u128::from(owner), 30)).collect());
    assert!(judge(&many).unwrap().pairs.len() >= 29);
}

#[test]
fn a_side_without_orders_clears_to_nothing() {
    let side = |side, first| (first..first + 9).map(move |number| one(side, number, 100, |_| {})).collect::<Vec<_>>();
    let mut roots = Vec::new();
    for orders in [vec![], side(Side::Ask, 0), side(Side::Bid, 10)] {
        let book = book(EPOCH, orders);
        let clearing = judge(&book).unwrap();
        assert_eq!((clearing.pairs.len(), clearing.surplus), (0, Surplus::default()));
        roots.push(clearing.root);
    }
    roots.dedup();
    assert_eq!(roots.len(), 3, "the sealed root is in the root");
}

#[test]
fn metrics_outside_the_table_are_compared_like_others() {
    // Scores as they travel: how many, then metric and value of each; below 251 a number is one byte.
    let capacity = |scores: &[(u8, u8)]| {
        let bytes: Vec<u8> =
            [scores.len() as u8].into_iter().chain(scores.iter().flat_map(|score| [score.0, score.1])).collect();
        wire::decode::<Capacity>(&bytes, 100).unwrap()
    };
    assert_eq!(capacity(&[(4, 10)]), Capacity::new([(Metric::CpuHash, 10)]));
    let ask = |number, scores: &[(u8, u8)]| one(Side::Ask, number, 10, |order| order.capacity = capacity(scores));
    let bid =
        |number, price, scores: &[(u8, u8)]| one(Side::Bid, number, price, |order| order.capacity = capacity(scores));
    let asks = [ask(1, &[(4, 10)]), ask(2, &[(4, 10), (200, 5)]), ask(3, &[(200, 9)])];
    let bids = [
        bid(11, 50, &[(200, 6)]),
        bid(12, 40, &[(4, 10), (200, 5)]),
        bid(13, 30, &[(4, 10), (200, 6)]),
        bid(14, 20, &[(201, 1)]),
        bid(15, 15, &[(4, 3)]),
    ];
    let book = book(EPOCH, asks.into_iter().chain(bids).collect());
    let clearing = judge(&book).unwrap();
    let owner = |order: &SealedOrder| (0..20).find(|&number| address(number) == order.order().owner).unwrap();
    let mut met: Vec<(u64, u64)> = clearing
        .pairs
        .iter()
        .map(|pair| (owner(&book.asks[pair.ask as usize]), owner(&book.bids[pair.bid as usize])))
        .collect();
    met.sort_unstable();
    assert_eq!(met, [(1, 15), (2, 12), (3, 11)]);
}
