//! Which winners meet.

use alloc::vec;
use alloc::vec::Vec;

use super::numbering::Met;
use super::winners::Winners;
use crate::sealed::SealedBook;
use crate::seed::Seed;

pub(super) fn pair(book: &SealedBook, _seed: &Seed, winners: &Winners) -> Vec<Met> {
    let mut by_class: Vec<Vec<(u32, u32)>> = vec![Vec::new(); book.classes.bids.len()];
    for (bid, &lots) in winners.bid_lots.iter().enumerate() {
        if lots > 0 {
            by_class[book.bid.class[bid] as usize].push((bid as u32, lots));
        }
    }
    let mut given: Vec<Vec<(u32, u64)>> = winners.flow.given.clone();
    let mut met = Vec::new();
    for (ask, &lots) in winners.ask_lots.iter().enumerate() {
        let mut left = lots;
        while left > 0 {
            let class = book.ask.class[ask] as usize;
            let (bid_class, quota) = given[class].last_mut().unwrap();
            let (bid, open) = by_class[*bid_class as usize].last_mut().unwrap();
            let lots = u64::from(left.min(*open)).min(*quota) as u32;
            met.push(Met { ask: ask as u32, bid: *bid, lots });
            left -= lots;
            *open -= lots;
            *quota -= u64::from(lots);
            if *open == 0 {
                by_class[*bid_class as usize].pop();
            }
            if *quota == 0 {
                given[class].pop();
            }
        }
    }
    met.sort_unstable();
    met
}

/// The bid classes that each ask class serves.
pub(super) fn served(book: &SealedBook, met: &[Met]) -> Vec<Vec<u32>> {
    let mut served = vec![Vec::new(); book.classes.asks.len()];
    for met in met {
        let bids: &mut Vec<u32> = &mut served[book.ask.class[met.ask as usize] as usize];
        let bid = book.bid.class[met.bid as usize];
        if let Err(at) = bids.binary_search(&bid) {
            bids.insert(at, bid);
        }
    }
    served
}
