//! What is said of an order that did not trade, against clearings of the changed book.

use protocol::order::DURATION_MAX_S;

use super::*;
use crate::clearing::Clearing;
use crate::clearing::explain::{Change, Explanation, Why, explain};

mod cases;

fn book_of(orders: &[SealedOrder]) -> (SealedBook, Clearing) {
    let book = SealedBook::new(market().id(), EPOCH, orders.to_vec());
    let clearing = clear(&book, book.seed());
    (book, clearing)
}

fn explained(orders: &[SealedOrder], at: usize) -> Explanation {
    let (book, clearing) = book_of(orders);
    explain(&book, &clearing, &orders[at].head.id).unwrap()
}

/// The same order with something else in it.
fn changed(sealed_order: &SealedOrder, change: impl FnOnce(&mut Order)) -> SealedOrder {
    let mut order = sealed_order.order().clone();
    change(&mut order);
    let (owner, slot) = (order.owner.0[0], order.slot);
    SealedOrder { identity: sealed_order.identity, ..sealed(order, owner, slot, sealed_order.open.to_vec()) }
}

/// How many lots of an order trade once it is changed.
fn traded_with(orders: &[SealedOrder], at: usize, change: impl FnOnce(&mut Order)) -> u32 {
    let mut orders = orders.to_vec();
    orders[at] = changed(&orders[at], change);
    let (book, clearing) = book_of(&orders);
    let (side, place) = book.find(&orders[at].head.id).unwrap();
    let is_own = |pair: &&crate::Pair| if side == Side::Ask { pair.ask } else { pair.bid } as usize == place;
    clearing.pairs.iter().filter(is_own).map(|pair| pair.lots).sum()
}

/// The highest price that an order of so many lots may name.
fn most(order: &Order) -> u128 {
    u128::MAX / u128::from(order.lots) / u128::from(DURATION_MAX_S)
}

fn identity(level: u8) -> Identity {
    [Identity::Anonymous, Identity::Registered, Identity::Identified, Identity::Professional][usize::from(level)]
}

/// A number of an order that more of, or less, lets it fit more: its value, whether more is better, and how to set it.
struct Dial {
    value: u64,
    is_up: bool,
    end: u64,
    set: fn(&mut Order, Option<Metric>, u64),
    metric: Option<Metric>,
}

fn dials(order: &Order) -> Vec<Dial> {
    let is_ask = order.side == Side::Ask;
    let dial =
        |value: u32, is_up, end: u32, set| Dial { value: value.into(), is_up, end: end.into(), set, metric: None };
    let mut dials = vec![
        dial(order.duration_min_s, false, 1, |order, _, value| order.duration_min_s = value as u32),
        dial(order.duration_max_s, true, DURATION_MAX_S, |order, _, value| order.duration_max_s = value as u32),
        dial(order.billed_min_s, !is_ask, if is_ask { 0 } else { u32::MAX }, |order, _, value| {
            order.billed_min_s = value as u32;
        }),
    ];
    let only = order.capacity.scores().len() == 1;
    for &metric in Metric::ALL {
        let value = order.capacity.value(metric as u16);
        let end = if is_ask { u64::MAX / u64::from(order.lots) } else { only.into() };
        let set = |order: &mut Order, metric: Option<Metric>, value| {
            Change::Capacity { metric: metric.unwrap() as u16, value }.apply(order);
        };
        if is_ask || value > 0 {
            dials.push(Dial { value, is_up: is_ask, end, set, metric: Some(metric) });
        }
    }
    dials
}

impl Dial {
    fn turn(&self, to: u64) -> impl FnOnce(&mut Order) {
        let (set, metric) = (self.set, self.metric);
        move |order| set(order, metric, to)
    }

    /// The largest change that is a smaller part than `lacking / of`.
    fn just_under(&self, (lacking, of): (u64, u64)) -> u64 {
        let (value, lacking, of) = (u128::from(self.value), u128::from(lacking), u128::from(of));
        let to = match (self.is_up, of - lacking) {
            (false, rest) => value * rest / of + 1,
            (true, 0) if value > 0 => u128::from(self.end),
            (true, 0) => 0,
            (true, rest) => (value * of).div_ceil(rest).saturating_sub(1),
        };
        let to = u64::try_from(to).unwrap_or(u64::MAX);
        if self.is_up { to.clamp(self.value, self.end) } else { to.clamp(self.end, self.value.max(self.end)) }
    }
}

/// The part of the larger value that a change of a number changes; `None` if it changes none.
fn part(change: &Change, order: &Order) -> Option<(u64, u64)> {
    let (old, new) = match *change {
        Change::DurationMin { seconds } => (order.duration_min_s.into(), seconds.into()),
        Change::DurationMax { seconds } => (order.duration_max_s.into(), seconds.into()),
        Change::BilledMin { seconds } => (order.billed_min_s.into(), seconds.into()),
        Change::Capacity { metric, value } => (order.capacity.value(metric), value),
        _ => return None,
    };
    Some((u64::abs_diff(old, new), old.max(new)))
}

/// Everything that is promised of one explanation.
fn judge(orders: &[SealedOrder], at: usize, said: &Explanation) -> Result<(), TestCaseError> {
    let order = orders[at].order();
    let with = |change: &dyn Fn(&mut Order)| traded_with(orders, at, change);
    prop_assert_eq!(said.traded, with(&|_| ()));
    prop_assert_eq!(said.traded, said.partners.iter().map(|partner| partner.lots.lots).sum::<u32>());
    prop_assert_eq!(said.why == Why::Whole, said.traded == said.lots);
    let (best, step) = if order.side == Side::Bid { (most(order).max(order.price.0), -1) } else { (1, 1) };
    match &said.change {
        Some(Change::Price { price }) => {
            prop_assert!(with(&|order| order.price = *price) > said.traded, "{said:?}");
            let short = Price(price.0.checked_add_signed(step).unwrap());
            if short.0 > 0 && short.0 <= most(order) {
                prop_assert_eq!(with(&|order| order.price = short), said.traded, "{:?}", said);
            }
            return Ok(());
        }
        Some(change) => {
            prop_assert!(with(&|order| change.apply(order)) > said.traded, "{said:?} {order:?}");
        }
        None if said.why == Why::Whole => return Ok(()),
        None => {}
    }
    prop_assert_eq!(with(&|order| order.price = Price(best)), said.traded, "the price would do");
    // Numbers come first, the least part of them before all.
    let least = said.change.as_ref().map(|change| part(change, order).unwrap_or((1, 1)));
    for dial in dials(order) {
        let to = least.map_or(dial.end, |part| dial.just_under(part));
        prop_assert_eq!(traded_with(orders, at, dial.turn(to)), said.traded, "{:?} {:?} {}", said, dial.metric, to);
    }
    if said.change.is_none() {
        let is_ask = order.side == Side::Ask;
        prop_assert_eq!(with(&|order| order.flags = Flags(if is_ask { 3 } else { 0 })), said.traded);
        prop_assert_eq!(with(&|order| order.identity_min = Identity::Anonymous), said.traded);
        prop_assert_eq!(with(&|order| order.counterparty = Address::ZERO), said.traded);
        for owner in &order.excluded {
            prop_assert_eq!(with(&|order| order.excluded.retain(|one| one != owner)), said.traded);
        }
    }
    Ok(())
}

/// Orders that differ in more than clearing alone is tried with: two metrics apart, identity levels, prices beyond what
/// the longest deal can pay.
fn many_orders() -> impl Strategy<Value = Vec<SealedOrder>> {
    let more = (1u64..4, 0u8..4, prop::option::weighted(0.2, 0u8..4), any::<bool>());
    let more = prop::collection::vec(more, 40);
    (any_orders(), more, prop_oneof![4 => Just(0), 1 => Just(100)]).prop_map(|(orders, more, scale)| {
        let richer = |(sealed_order, (size, level, wanted, is_apart)): (SealedOrder, (u64, u8, Option<u8>, bool))| {
            let mut richer = changed(&sealed_order, |order| {
                order.price.0 <<= scale;
                order.identity_min = identity(wanted.unwrap_or(0));
                if is_apart {
                    let hash = order.capacity.value(Metric::CpuHash as u16);
                    order.capacity = Capacity::new([(Metric::CpuHash, hash), (Metric::MemSize, size * 512)]);
                }
            });
            richer.identity = identity(level);
            richer
        };
        orders.into_iter().zip(more).map(richer).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn what_is_said_to_make_an_order_trade_does_and_nothing_smaller(orders in many_orders()) {
        let (book, clearing) = book_of(&orders);
        for at in 0..orders.len() {
            let said = explain(&book, &clearing, &orders[at].head.id).unwrap();
            judge(&orders, at, &said)?;
        }
    }
}
