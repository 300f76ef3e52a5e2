//! Who may serve whom, class by class, price aside: a row of bits a bid class. Each requirement is a threshold, so asks
//! sorted by what they have are met as a growing set, and a row is the intersection of a few of these: words, not pairs.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use protocol::{Address, Capacity, Metric};

use super::grid::{self, Grid};
use super::{Class, SealedOrder};

/// Orders of a side and their classes.
type Side<'a> = (&'a [SealedOrder], &'a [Class]);

/// The grid of bid classes by ask classes.
pub(super) fn grid(asks: Side, bids: Side) -> Grid {
    let mut grid = Grid::full(bids.1.len(), asks.1.len());
    for metric in Metric::ALL {
        let value = |sealed: &SealedOrder| sealed.order().capacity.value(*metric as u16);
        narrow(&mut grid, (asks, value), (bids, value));
    }
    unknown_metrics(&mut grid, asks, bids);
    let less = |value: u32| u64::from(u32::MAX - value);
    narrow(&mut grid, (asks, |a| a.order().duration_max_s.into()), (bids, |b| b.order().duration_min_s.into()));
    narrow(&mut grid, (asks, |a| less(a.order().duration_min_s)), (bids, |b| less(b.order().duration_max_s)));
    narrow(&mut grid, (asks, |a| less(a.order().billed_min_s)), (bids, |b| less(b.order().billed_min_s)));
    for bit in 0..u32::BITS {
        let flag = move |sealed: &SealedOrder| u64::from(sealed.order().flags.0 >> bit & 1);
        narrow(&mut grid, (asks, flag), (bids, flag));
    }
    narrow(&mut grid, (asks, |a| a.identity as u64), (bids, |b| b.order().identity_min as u64));
    narrow(&mut grid, (asks, |a| less(a.order().identity_min as u32)), (bids, |b| less(b.identity as u32)));
    part(&mut grid, asks, bids);
    grid
}

/// Keeps a bit only where what the ask has reaches what the bid needs.
fn narrow(
    grid: &mut Grid,
    ((asks, ask_classes), have): (Side, impl Fn(&SealedOrder) -> u64),
    ((bids, bid_classes), need): (Side, impl Fn(&SealedOrder) -> u64),
) {
    let mut offers: Vec<(u64, u32)> =
        ask_classes.iter().zip(0..).map(|(class, at)| (have(&asks[class.first as usize]), at)).collect();
    let least = offers.iter().map(|offer| offer.0).min().unwrap_or(0);
    let needs = bid_classes.iter().zip(0..).map(|(class, at)| (need(&bids[class.first as usize]), at));
    let mut needs: Vec<(u64, u32)> = needs.filter(|(needed, _)| *needed > least).collect();
    if needs.is_empty() {
        return;
    }
    offers.sort_unstable_by(|a, b| b.cmp(a));
    needs.sort_unstable_by(|a, b| b.cmp(a));
    let mut enough = grid::none(ask_classes.len());
    let mut offers = offers.into_iter().peekable();
    for (needed, bid) in needs {
        while let Some((_, ask)) = offers.next_if(|(value, _)| *value >= needed) {
            grid::add(&mut enough, ask as usize);
        }
        grid.row_mut(bid as usize).iter_mut().zip(&enough).for_each(|(word, mask)| *word &= mask);
    }
}

/// Metrics outside the table are refused with their orders; whoever clears such a book all the same gets the same answer.
fn unknown_metrics(grid: &mut Grid, asks: Side, bids: Side) {
    let is_unknown =
        |capacity: &Capacity| capacity.scores().iter().any(|score| Metric::from_id(score.metric).is_none());
    for (row, class) in bids.1.iter().enumerate() {
        let wanted = &bids.0[class.first as usize].order().capacity;
        if !is_unknown(wanted) {
            continue;
        }
        for (column, class) in asks.1.iter().enumerate() {
            if !asks.0[class.first as usize].order().capacity.dominates(wanted) {
                grid::drop(grid.row_mut(row), column);
            }
        }
    }
}

/// Takes out the pairs whose owners do not trade with each other.
fn part(grid: &mut Grid, (asks, ask_classes): Side, (bids, bid_classes): Side) {
    let ask_owners = by_owner(ask_classes);
    let bid_owners = by_owner(bid_classes);
    let of = |owners: &BTreeMap<Address, Vec<u32>>, owner: &Address| owners.get(owner).cloned().unwrap_or_default();
    for (row, class) in bid_classes.iter().enumerate() {
        let bid = bids[class.first as usize].order();
        let bits = grid.row_mut(row);
        if !bid.counterparty.is_zero() {
            let named = of(&ask_owners, &bid.counterparty);
            let mut only = grid::none(ask_classes.len());
            named.iter().for_each(|&column| grid::add(&mut only, column as usize));
            bits.iter_mut().zip(&only).for_each(|(word, mask)| *word &= mask);
        }
        for shunned in bid.excluded.iter().chain(&class.owner) {
            of(&ask_owners, shunned).iter().for_each(|&column| grid::drop(bits, column as usize));
        }
    }
    for (column, class) in ask_classes.iter().enumerate() {
        let ask = asks[class.first as usize].order();
        if !ask.counterparty.is_zero() {
            let others = bid_classes.iter().enumerate().filter(|(_, bid)| bid.owner != Some(ask.counterparty));
            others.for_each(|(row, _)| grid::drop(grid.row_mut(row), column));
        }
        for shunned in &ask.excluded {
            of(&bid_owners, shunned).iter().for_each(|&row| grid::drop(grid.row_mut(row as usize), column));
        }
    }
}

/// The classes of every owner that is told apart.
fn by_owner(classes: &[Class]) -> BTreeMap<Address, Vec<u32>> {
    let mut owners: BTreeMap<Address, Vec<u32>> = BTreeMap::new();
    for (class, number) in classes.iter().zip(0..) {
        if let Some(owner) = class.owner {
            owners.entry(owner).or_default().push(number);
        }
    }
    owners
}
