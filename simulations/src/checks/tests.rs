//! Checks see what they are there for.

use protocol::{Address, OrderRef};

use super::*;
use crate::engine::SECOND;

fn lots(first_lot: u32, lots: u32) -> OrderRef {
    OrderRef { id: Hash([1; 32]), owner: Address([2; 20]), slot: 0, version: 1, first_lot, lots }
}

#[test]
fn a_lot_in_two_deals_is_seen_and_the_same_deal_told_twice_is_not() {
    let mut all = Lots::default();
    let [a, b, c] = [1, 2, 3].map(|n| Hash([n; 32]));
    assert_eq!(all.take(a, &lots(0, 2), 5), None);
    assert_eq!(all.take(a, &lots(0, 2), 5), None);
    assert_eq!(all.take(b, &lots(2, 2), 5), None);
    assert_eq!(all.take(c, &lots(3, 1), 5), Some(b));
    all.forget(500);
    assert_eq!(all.take(c, &lots(3, 1), 500), None);
}

#[test]
fn whoever_does_not_agree_again_in_time_is_named() {
    let run = |agreed_at: Option<u64>| {
        let mut recovery = Recovery::new(10 * SECOND, 10 * SECOND, false);
        (1..30).for_each(|second| {
            let others = if agreed_at.is_some_and(|at| second >= at) { vec![] } else { vec![7] };
            recovery.epoch(second * SECOND, 9, others);
        });
        let mut checks = Checks::default();
        recovery.judge(60 * SECOND, &mut checks);
        checks.broken()
    };
    assert!(run(Some(12)).is_empty());
    for late in [None, Some(25)] {
        let broken = run(late);
        assert_eq!((broken.len(), broken[0].check.as_str(), &broken[0].peers[..]), (1, "agrees_again", &[7][..]));
    }
}
