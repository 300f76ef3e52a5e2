//! What people read of an explanation.

use expect_test::{Expect, expect};
use matcher::clearing::explain::{Change, Closest, Fitting, Miss, Obstacle, What};
use protocol::{Address, Flags, Hash, Identity, Metric, OrderRef};

use super::*;

const HASH: u16 = Metric::CpuHash as u16;

fn said(side: Side, why: Why, change: Option<Change>) -> Explanation {
    Explanation {
        epoch: 1234,
        order: Hash([1; 32]),
        side,
        price: Price(11_111_111_111_111),
        lots: 5,
        traded: 0,
        partners: vec![],
        fitting: Fitting { orders: 3, lots: 7 },
        why,
        obstacles: vec![],
        closest: None,
        change,
    }
}

fn rivalry(side: Side, price: u128) -> Rivalry {
    let marginal = Party { order: Hash([2; 32]), side, owner: Address([2; 20]), price: Price(price) };
    Rivalry { needed: None, holders: vec![marginal.clone()], marginal, holders_in_all: 10 }
}

#[track_caller]
fn check(said: &Explanation, expected: Expect) {
    expected.assert_eq(&text(said));
}

#[test]
fn a_bid_that_was_outbid_reads_by_whom_and_what_would_have_won() {
    let change = |price| Some(Change::Price { price: Price(price) });
    let why = Why::Price(rivalry(Side::Bid, 13_888_888_888_888));
    check(
        &said(Side::Bid, why, change(13_888_888_888_889)),
        expect![[r#"
            This bid did not trade in epoch 1234: 3 asks fit it, but the lots that it could pay for went to bids of 0.05SNM/h or more.
            It would have traded at 0.050000001SNM/h; it offered 0.04SNM/h.
              the bid 0x0202020202… of 0x0202020202020202020202020202020202020202 at 0.05SNM/h got lots that fit it
              and 9 more bids"#]],
    );
    let why = Why::Tie(rivalry(Side::Bid, 11_111_111_111_111));
    check(
        &Explanation { traded: 2, ..said(Side::Bid, why, change(11_111_111_111_112)) },
        expect![[r#"
            This bid traded 2 of 5 lots in epoch 1234: 3 asks fit it, but not all bids of 0.04SNM/h could trade; of equals the epoch's rank decides.
            It would have traded more at 0.040000001SNM/h; it offered 0.04SNM/h.
              the bid 0x0202020202… of 0x0202020202020202020202020202020202020202 at 0.04SNM/h got lots that fit it
              and 9 more bids"#]],
    );
}

#[test]
fn every_reason_reads_as_a_sentence() {
    let rivals = |side| Rivalry { holders: vec![], holders_in_all: 0, ..rivalry(side, 1000) };
    let lines: Vec<String> = [
        (Side::Bid, Why::Price(rivals(Side::Ask))),
        (Side::Ask, Why::Price(rivals(Side::Ask))),
        (Side::Ask, Why::Price(rivals(Side::Bid))),
        (Side::Ask, Why::Tie(rivals(Side::Ask))),
        (Side::Bid, Why::Scarce),
        (Side::Ask, Why::Unfit),
        (Side::Bid, Why::Alone),
        (Side::Bid, Why::LeftOut),
    ]
    .into_iter()
    .map(|(side, why)| text(&said(side, why, None)))
    .collect();
    expect![[r#"
        This bid did not trade in epoch 1234: 3 asks fit it, but the cheapest lots that are left for it cost 3600000wei/h.
        No change of one thing alone would have made it trade.

        This ask did not trade in epoch 1234: 3 bids fit it, but the lots that would pay its price went to asks of 3600000wei/h or less.
        No change of one thing alone would have made it trade.

        This ask did not trade in epoch 1234: 3 bids fit it, but the best that is left for it pays 3600000wei/h.
        No change of one thing alone would have made it trade.

        This ask did not trade in epoch 1234: 3 bids fit it, but not all asks of 3600000wei/h could trade; of equals the epoch's rank decides.
        No change of one thing alone would have made it trade.

        This bid did not trade in epoch 1234: it has every lot that fits it; 3 asks fit it, with 7 lots in all.
        No change of one thing alone would have made it trade.

        This ask did not trade in epoch 1234: no bid fits it.
        No change of one thing alone would have made it trade.

        This bid did not trade in epoch 1234: there was no ask.

        This bid did not trade in epoch 1234: there were more kinds of orders than one epoch clears, and its kind was left out. Which ones are changes from epoch to epoch."#]].assert_eq(&lines.join("\n\n"));
    let partner = OrderRef { id: Hash([3; 32]), owner: Address([3; 20]), slot: 0, version: 1, first_lot: 0, lots: 5 };
    let partners = vec![Partner { lots: partner, price: Price(1000) }];
    check(
        &Explanation { traded: 5, partners, ..said(Side::Ask, Why::Whole, None) },
        expect![[r#"
        This ask traded whole in epoch 1234: 5 lots.
          5 lots sold to 0x0303030303030303030303030303030303030303 at 3600000wei/h, order 0x0303030303…"#]],
    );
}

#[test]
fn every_change_reads_as_what_to_type() {
    let owner = Address([3; 20]);
    let changes = [
        Change::Price { price: Price(5) },
        Change::DurationMin { seconds: 90 },
        Change::DurationMax { seconds: 600 },
        Change::BilledMin { seconds: 60 },
        Change::Capacity { metric: HASH, value: 8_000_000 },
        Change::Capacity { metric: Metric::MemSize as u16, value: 1500 },
        Change::Capacity { metric: HASH, value: 0 },
        Change::Flags { flags: Flags::OUTBOUND },
        Change::IdentityMin { level: Identity::Registered },
        Change::Admit { owner },
        Change::Anyone,
    ];
    let mut lines = Vec::new();
    for change in changes {
        for side in [Side::Bid, Side::Ask] {
            lines.push(remedy::sentence(&said(side, Why::Unfit, Some(change.clone()))).unwrap());
        }
    }
    expect![[r#"
        It would have traded at 5wei/s; it offered 11111111111111wei/s.
        It would have traded at 5wei/s; it asked 11111111111111wei/s.
        It would have traded with --at-least 1m30s.
        It would have traded with --from 1m30s.
        It would have traded with --for 10m.
        It would have traded with --to 10m.
        It would have traded with --max-billed 1m.
        It would have traded with --min-billed 1m.
        It would have traded with --want cpu.hash=8Mhash/s.
        It would have traded with --offer cpu.hash=8Mhash/s.
        It would have traded with --want mem.size=1500MiB.
        It would have traded with --offer mem.size=1500MiB.
        It would have traded without --want cpu.hash.
        It would have traded without --offer cpu.hash.
        It would have traded if it needed outbound network.
        It would have traded if it allowed outbound network.
        It would have traded if registered owners did for it.
        It would have traded if registered owners did for it.
        It would have traded without --except 0x0303030303030303030303030303030303030303.
        It would have traded without --except 0x0303030303030303030303030303030303030303.
        It would have traded without --only.
        It would have traded without --only."#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn what_stands_in_the_way_is_counted_and_the_closest_named() {
    let obstacle = |what, orders, alone| Obstacle { what, orders, alone };
    let obstacles = vec![
        obstacle(What::Capacity, 4, 3),
        obstacle(What::Duration, 1, 0),
        obstacle(What::AskIdentity, 2, 2),
        obstacle(What::ExcludedByBid, 1, 1),
    ];
    let misses = vec![
        Miss::Capacity { metric: HASH, wanted: 10_000_000, offered: 8_000_000 },
        Miss::Capacity { metric: Metric::GpuMem as u16, wanted: 1024, offered: 0 },
        Miss::Duration { ask_s: (60, 3600), bid_s: (7200, 7200) },
        Miss::Billed { asked_s: 60, accepted_s: 30 },
        Miss::Flags { wanted: Flags(3), allowed: Flags::OUTBOUND },
        Miss::Identity { of: Side::Ask, required: Identity::Registered, level: Identity::Anonymous },
        Miss::Excluded { by: Side::Bid, owner: Address([3; 20]) },
        Miss::Counterparty { by: Side::Ask, only: Address([4; 20]) },
        Miss::SameOwner,
    ];
    let closest = Some(Closest { order: Hash([3; 32]), owner: Address([3; 20]), price: Price(1000), misses });
    check(
        &Explanation { obstacles, closest, ..said(Side::Bid, Why::Unfit, None) },
        expect![[r#"
        This bid did not trade in epoch 1234: no ask fits it.
        No change of one thing alone would have made it trade.
          4 asks offer too little, 3 of them for that alone
          1 ask runs for other times, among other things
          2 asks are of owners too little known
          1 ask is excluded by it
          the closest is the ask 0x0303030303… of 0x0303030303030303030303030303030303030303 at 3600000wei/h: the bid wants cpu.hash=10Mhash/s, the ask offers 8Mhash/s; the bid wants gpu.mem=1GiB, the ask has none; the ask runs for 1m to 1h, the bid for 2h; the ask bills 1m at least, the bid accepts 30s; the bid needs inbound and outbound network, the ask allows outbound network; the ask's owner is anonymous, not registered; the bid excludes 0x0303030303030303030303030303030303030303; the ask trades with 0x0404040404040404040404040404040404040404 alone; both have the same owner"#]],
    );
}

#[test]
fn a_price_to_type_is_read_as_no_worse_than_what_is_needed() {
    for wei in
        [1, 7, 999_999, 2_777_777_777, 13_888_888_888_888, 13_888_888_888_889, 1 << 80, u128::MAX / 3600, u128::MAX]
    {
        let from = Price(1);
        assert!(Price::parse_down(&typed(Price(wei), Side::Bid, from)).is_ok_and(|price| price.0 >= wei), "{wei}");
        assert!(Price::parse_up(&typed(Price(wei), Side::Ask, from)).is_ok_and(|price| price.0 <= wei), "{wei}");
    }
}
