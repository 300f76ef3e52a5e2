//! Another way to the same figures, slow and plain: the greatest surplus as a minimum-cost flow order by order, prices as
//! what each winning lot costs the others.

use super::*;
use crate::clearing::{Clearing, Surplus};

/// The greatest surplus of any matching of open lots, by successive shortest paths (Bellman and Ford) over orders. `asks`
/// and `bids` are prices and lots.
pub struct Oracle {
    pub asks: Vec<(i128, u32)>,
    pub bids: Vec<(i128, u32)>,
    /// A row a bid.
    pub fits: Vec<Vec<bool>>,
}

impl Oracle {
    pub fn of(book: &SealedBook) -> Oracle {
        let side = |orders: &[SealedOrder]| {
            let row = |order: &SealedOrder| (order.order().price.0 as i128, order.open_lots());
            orders.iter().map(row).collect::<Vec<_>>()
        };
        let fits = |bid: &SealedOrder| book.asks.iter().map(|ask| ask.may_serve(bid)).collect();
        Oracle { asks: side(&book.asks), bids: side(&book.bids), fits: book.bids.iter().map(fits).collect() }
    }

    pub fn surplus(&self) -> i128 {
        let (asks, bids) = (self.asks.len(), self.bids.len());
        let mut flow = vec![vec![0u32; asks]; bids];
        let mut need: Vec<u32> = self.bids.iter().map(|bid| bid.1).collect();
        let mut room: Vec<u32> = self.asks.iter().map(|ask| ask.1).collect();
        let mut total = 0;
        while let Some((gain, path)) = self.best_path(&flow, &need, &room) {
            // The path runs bid, ask, bid, ask ...; odd steps give lots back.
            let back = path.windows(2).skip(1).step_by(2).map(|step| flow[step[1]][step[0]]);
            let ends = [need[path[0]], room[path[path.len() - 1]]];
            let lots = back.chain(ends).min().unwrap();
            for (at, step) in path.windows(2).enumerate() {
                match at % 2 {
                    0 => flow[step[0]][step[1]] += lots,
                    _ => flow[step[1]][step[0]] -= lots,
                }
            }
            need[path[0]] -= lots;
            room[path[path.len() - 1]] -= lots;
            total += gain * i128::from(lots);
        }
        total
    }

    /// The augmenting path of greatest gain above zero.
    fn best_path(&self, flow: &[Vec<u32>], need: &[u32], room: &[u32]) -> Option<(i128, Vec<usize>)> {
        let (asks, bids) = (self.asks.len(), self.bids.len());
        let mut at_bid: Vec<Option<(i128, Vec<usize>)>> =
            (0..bids).map(|bid| (need[bid] > 0).then(|| (self.bids[bid].0, vec![bid]))).collect();
        let mut at_ask: Vec<Option<(i128, Vec<usize>)>> = vec![None; asks];
        for _ in 0..asks + bids {
            for bid in 0..bids {
                let Some((gain, path)) = at_bid[bid].clone() else { continue };
                for ask in (0..asks).filter(|&ask| self.fits[bid][ask]) {
                    if at_ask[ask].as_ref().is_none_or(|(best, _)| *best < gain) {
                        at_ask[ask] = Some((gain, [&path[..], &[ask]].concat()));
                    }
                }
            }
            for ask in 0..asks {
                let Some((gain, path)) = at_ask[ask].clone() else { continue };
                for bid in (0..bids).filter(|&bid| flow[bid][ask] > 0) {
                    if at_bid[bid].as_ref().is_none_or(|(best, _)| *best < gain) {
                        at_bid[bid] = Some((gain, [&path[..], &[bid]].concat()));
                    }
                }
            }
        }
        let ends = (0..asks).filter(|&ask| room[ask] > 0).filter_map(|ask| {
            let (gain, path) = at_ask[ask].clone()?;
            Some((gain - self.asks[ask].0, path))
        });
        ends.max_by_key(|(gain, _)| *gain).filter(|(gain, _)| *gain > 0)
    }

    /// What one lot of `bid` costs the others: its lowest competitive price.
    pub fn price(&mut self, bid: usize, surplus: i128) -> i128 {
        self.bids[bid].1 -= 1;
        let without = self.surplus();
        self.bids[bid].1 += 1;
        without - (surplus - self.bids[bid].0)
    }
}

/// Compares a clearing with the oracle.
pub fn judge(book: &SealedBook, clearing: &Clearing) -> Result<(), alloc::string::String> {
    let mut oracle = Oracle::of(book);
    let surplus = oracle.surplus();
    let expected = Surplus { high: 0, low: surplus as u128 };
    if clearing.surplus != expected {
        return Err(alloc::format!("surplus {} instead of {expected}", clearing.surplus));
    }
    let mut priced: BTreeMap<u32, i128> = BTreeMap::new();
    for pair in &clearing.pairs {
        let lowest = *priced.entry(pair.bid).or_insert_with(|| oracle.price(pair.bid as usize, surplus));
        if pair.price.0 as i128 != lowest {
            return Err(alloc::format!("bid {} pays {} instead of {lowest}", pair.bid, pair.price.0));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]
    #[test]
    fn surplus_and_prices_are_those_of_the_oracle(orders in any_orders()) {
        let book = SealedBook::new(market().id(), EPOCH, orders);
        let clearing = clear(&book, book.seed());
        prop_assert_eq!(judge(&book, &clearing), Ok(()));
        prop_assert_eq!(crate::clearing::verify(&book, &clearing), Ok(()));
    }
}
