//! What must hold of every clearing, whoever computes it. Compares with the oracle; knows nothing of how clearing works.

use matcher::{Clearing, Pair, SealedBook, SealedOrder, Surplus, clear, verify};
use protocol::{Hash, keccak256};

use crate::oracle::Oracle;

/// Clears a book and judges all of it.
pub fn judge(book: &SealedBook) -> Result<Clearing, String> {
    let clearing = clear(book, book.seed());
    verify(book, &clearing).map_err(|violation| format!("verify: {violation}"))?;
    allowed(book, &clearing)?;
    stable(book, &clearing)?;
    optimal(book, &clearing)?;
    Ok(clearing)
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

/// Whether it is of this book, every match is allowed within both limits, no lot is in two, and both sides of the ledger
/// are equal.
pub fn allowed(book: &SealedBook, clearing: &Clearing) -> Result<(), String> {
    let head = (clearing.epoch, clearing.sealed_root, clearing.orders as usize, clearing.root);
    ensure(head == (book.epoch, book.root, book.len(), root(clearing)), || format!("a wrong head: {head:?}"))?;
    ensure(clearing.pairs.is_sorted(), || "pairs are not in order".into())?;
    let (mut taken, mut surplus) = (Vec::with_capacity(2 * clearing.pairs.len()), Surplus::default());
    let (mut paid, mut got) = (Surplus::default(), Surplus::default());
    for (pair, found) in clearing.pairs.iter().zip(clearing.matches(book)) {
        let (ask, bid) = (&book.asks[pair.ask as usize], &book.bids[pair.bid as usize]);
        ensure(ask.may_serve(bid), || format!("{pair:?} may not meet"))?;
        let limits = ask.order().price..=bid.order().price;
        ensure(limits.contains(&pair.price), || format!("{pair:?} is outside {limits:?}"))?;
        let longest = ask.order().duration_max_s.min(bid.order().duration_max_s);
        let said = (found.duration_s, found.billed_min_s, found.price);
        ensure(said == (longest, ask.order().billed_min_s, pair.price), || format!("{found:?} of {pair:?}"))?;
        for (is_ask, order, first, part) in
            [(true, ask, pair.ask_lot, &found.ask), (false, bid, pair.bid_lot, &found.bid)]
        {
            let end = first + pair.lots;
            let is_open = order.open.iter().any(|range| range.0 <= first && end <= range.1);
            let is_named = (part.id, part.first_lot, part.lots) == (order.head.id, first, pair.lots);
            ensure(pair.lots > 0 && is_open && is_named, || format!("{pair:?} of lots that are not open"))?;
            taken.push((is_ask, order.head.id, first, end));
        }
        surplus.add(bid.order().price.0, pair.lots);
        surplus.take(ask.order().price.0, pair.lots);
        paid.add(found.price.0, found.bid.lots);
        got.add(found.price.0, found.ask.lots);
    }
    taken.sort_unstable();
    let is_twice = taken.windows(2).any(|two| (two[0].0, two[0].1) == (two[1].0, two[1].1) && two[0].3 > two[1].2);
    ensure(!is_twice, || "a lot is in two matches".into())?;
    ensure(paid == got, || format!("{paid} is paid and {got} received"))?;
    ensure(surplus == clearing.surplus, || format!("{surplus} is traded, not {}", clearing.surplus))
}

/// Whether no ask and bid that may meet would both rather have each other: at these prices everyone has what it prefers.
pub fn stable(book: &SealedBook, clearing: &Clearing) -> Result<(), String> {
    let (asks, bids) = (terms(&book.asks, clearing, |pair| pair.ask), terms(&book.bids, clearing, |pair| pair.bid));
    for (at, ask) in asks.iter().enumerate() {
        // What an ask would at least want for a lot: its lowest price where all of it trades, else its limit.
        let wants = if ask.left > 0 { ask.limit } else { ask.low };
        for (to, bid) in bids.iter().enumerate() {
            let offers = if bid.left > 0 { bid.limit } else { bid.high };
            if offers > wants && book.asks[at].may_serve(&book.bids[to]) {
                return Err(format!("ask {at} takes {wants} and bid {to} gives {offers}, but they do not meet"));
            }
        }
    }
    let is_one_price = |terms: &Terms| terms.low == terms.high || terms.low == u128::MAX;
    ensure(asks.iter().chain(&bids).all(is_one_price), || "equal lots at different prices".into())
}

/// What became of one order.
struct Terms {
    limit: u128,
    /// Lots that do not trade.
    left: u32,
    /// The lowest and the highest price of those that do.
    low: u128,
    high: u128,
}

fn terms(orders: &[SealedOrder], clearing: &Clearing, place: impl Fn(&Pair) -> u32) -> Vec<Terms> {
    let fresh =
        |order: &SealedOrder| Terms { limit: order.order().price.0, left: order.open_lots(), low: u128::MAX, high: 0 };
    let mut all: Vec<Terms> = orders.iter().map(fresh).collect();
    for pair in &clearing.pairs {
        let terms = &mut all[place(pair) as usize];
        terms.left -= pair.lots;
        (terms.low, terms.high) = (terms.low.min(pair.price.0), terms.high.max(pair.price.0));
    }
    all
}

/// Whether surplus and prices are those of the oracle.
fn optimal(book: &SealedBook, clearing: &Clearing) -> Result<(), String> {
    let mut oracle = Oracle::of(book);
    let surplus = oracle.surplus();
    let expected = Surplus { high: 0, low: surplus as u128 };
    ensure(clearing.surplus == expected, || format!("surplus {} instead of {expected}", clearing.surplus))?;
    let mut priced = vec![None; book.bids.len()];
    for pair in &clearing.pairs {
        let bid = pair.bid as usize;
        let lowest = *priced[bid].get_or_insert_with(|| oracle.price(bid, surplus));
        ensure(pair.price.0 as i128 == lowest, || format!("bid {bid} pays {} instead of {lowest}", pair.price.0))?;
    }
    Ok(())
}

/// The root as the documents define it.
pub fn root(clearing: &Clearing) -> Hash {
    let mut bytes = [clearing.seed.0.0, clearing.sealed_root.0].concat();
    for pair in &clearing.pairs {
        for number in [pair.ask, pair.bid, pair.ask_lot, pair.bid_lot, pair.lots] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(pair.price.0.to_be_bytes());
    }
    keccak256(&[&bytes])
}
