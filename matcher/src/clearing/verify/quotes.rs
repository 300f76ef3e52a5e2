//! Whether prices and who trades prove each other, and no prices are lower.

use super::*;
use crate::clearing::pairing::Given;

/// The place of an order among all, as [`prices::key`] gives it; `None` is below all.
type Key = Option<(u128, u128)>;

/// The levels of the classes of one side, ready to compare.
struct Levels<'a> {
    book: &'a SealedBook,
    seed: &'a Seed,
    quotes: &'a [Quote],
    keys: Vec<Key>,
}

pub(super) fn check(
    book: &SealedBook,
    seed: &Seed,
    traded: Traded,
    (quotes, given): (&Quotes, &Given),
) -> Result<(), Violation> {
    let asks = Levels::of(book, seed, (Side::Ask, &quotes.asks))?;
    let bids = Levels::of(book, seed, (Side::Bid, &quotes.bids))?;
    no_envy(book, &asks.keys, &bids.keys)?;
    asks.fits_trade((Side::Ask, traded.asks))?;
    bids.fits_trade((Side::Bid, traded.bids))?;
    support(book, traded, (quotes, given))
}

impl<'a> Levels<'a> {
    fn of(book: &'a SealedBook, seed: &'a Seed, (side, quotes): (Side, &'a [Quote])) -> Result<Self, Violation> {
        let key = |(quote, class): (&Quote, u32)| {
            let wrong = Violation::Level { side, class };
            let Some(level) = quote.level else {
                return if quote.price == Price(0) { Ok(None) } else { Err(wrong) };
            };
            ensure((level.place as usize) < book.side(level.side).len(), wrong)?;
            let key = prices::key(book, seed, level);
            ensure(key.0 == quote.price.0, wrong)?;
            Ok(Some(key))
        };
        let keys = quotes.iter().zip(0..).map(key).collect::<Result<_, _>>()?;
        Ok(Levels { book, seed, quotes, keys })
    }

    /// Whether what is better than its class's level trades whole, and what is worse does not trade.
    fn fits_trade(&self, (side, traded): (Side, &[u32])) -> Result<(), Violation> {
        let columns = self.book.columns(side);
        for (place, (&price, &class)) in columns.price.iter().zip(&columns.class).enumerate() {
            let order = place as u32;
            if class == LEFT_OUT {
                continue;
            }
            let level = self.keys[class as usize];
            let is_above = match level {
                Some((at, _)) if at == price => {
                    let own = OrderAt { side, place: order };
                    if self.quotes[class as usize].level == Some(own) {
                        continue;
                    }
                    Some(prices::key(self.book, self.seed, own)) > level
                }
                Some((at, _)) => price > at,
                None => true,
            };
            match is_above == (side == Side::Bid) {
                true => ensure(traded[place] == columns.lots[place], Violation::Unserved { side, order })?,
                false => ensure(traded[place] == 0, Violation::Overserved { side, order })?,
            }
        }
        Ok(())
    }
}

/// Whether no class of bids has a higher level than asks that may serve it.
fn no_envy(book: &SealedBook, asks: &[Key], bids: &[Key]) -> Result<(), Violation> {
    let ascending = |keys: &[Key]| {
        let mut order: Vec<u32> = (0..keys.len() as u32).collect();
        order.sort_unstable_by_key(|&class| keys[class as usize]);
        order
    };
    let mut cheaper = grid::none(asks.len());
    let mut rest = ascending(asks).into_iter().peekable();
    for bid in ascending(bids) {
        while let Some(ask) = rest.next_if(|&ask| asks[ask as usize] < bids[bid as usize]) {
            grid::add(&mut cheaper, ask as usize);
        }
        if let Some(ask) = grid::first_common(book.classes.fits.row(bid as usize), &cheaper, 0) {
            return Err(Violation::Envy { bids: bid, asks: ask as u32 });
        }
    }
    Ok(())
}

/// Whether each level is held up by an order of the class, or by a class of the same level that is held up itself.
fn support(book: &SealedBook, traded: Traded, (quotes, given): (&Quotes, &Given)) -> Result<(), Violation> {
    let mut held = (vec![false; quotes.asks.len()], vec![false; quotes.bids.len()]);
    let starts = (0..quotes.asks.len() as u32).map(|class| (Side::Ask, class));
    let starts = starts.chain((0..quotes.bids.len() as u32).map(|class| (Side::Bid, class)));
    let mut chain: Vec<(Side, u32)> = Vec::new();
    for start in starts {
        let (mut side, mut class) = start;
        chain.clear();
        while !is_held(&mut held, side, class) {
            let unsupported = Violation::Unsupported { side, class };
            // A chain longer than all classes together runs in a circle.
            ensure(chain.len() <= quotes.asks.len() + quotes.bids.len(), unsupported)?;
            chain.push((side, class));
            let quote = quote_of(quotes, side, class);
            match quote.because {
                Because::Nothing => {
                    ensure(quote.level.is_none(), unsupported)?;
                    break;
                }
                Because::Own => {
                    let own = quote.level.filter(|level| {
                        let is_here = book.columns(level.side).class[level.place as usize] == class;
                        level.side == side && is_here && traded.is_floor(book, *level)
                    });
                    ensure(own.is_some(), unsupported)?;
                    break;
                }
                Because::Class(other) => {
                    let (bid, ask) = if side == Side::Bid { (class, other) } else { (other, class) };
                    let is_known = (ask as usize) < quotes.asks.len() && (bid as usize) < quotes.bids.len();
                    let is_step = is_known
                        && match side {
                            Side::Ask => book.classes.fits.has(bid as usize, ask as usize),
                            Side::Bid => given[ask as usize].contains_key(&bid),
                        };
                    ensure(is_step, unsupported)?;
                    side = other_side(side);
                    class = other;
                    ensure(quote_of(quotes, side, class).level == quote.level, unsupported)?;
                }
            }
        }
        chain.drain(..).for_each(|(side, class)| *slot(&mut held, side, class) = true);
    }
    Ok(())
}

fn other_side(side: Side) -> Side {
    match side {
        Side::Ask => Side::Bid,
        Side::Bid => Side::Ask,
    }
}

fn quote_of(quotes: &Quotes, side: Side, class: u32) -> &Quote {
    match side {
        Side::Ask => &quotes.asks[class as usize],
        Side::Bid => &quotes.bids[class as usize],
    }
}

fn slot(held: &mut (Vec<bool>, Vec<bool>), side: Side, class: u32) -> &mut bool {
    match side {
        Side::Ask => &mut held.0[class as usize],
        Side::Bid => &mut held.1[class as usize],
    }
}

fn is_held(held: &mut (Vec<bool>, Vec<bool>), side: Side, class: u32) -> bool {
    *slot(held, side, class)
}
