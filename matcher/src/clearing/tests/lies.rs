//! Whoever changes a clearing is found out: any one field, and lies that are told consistently, hashes included.

use alloc::format;
use alloc::string::{String, ToString};

use proptest::strategy::ValueTree;
use serde_json::Value;

use super::*;
use crate::clearing::{self, Because, Clearing, Violation, surplus, verify};

/// A clearing and its book that have something to lie about.
fn examples() -> impl Iterator<Item = (SealedBook, Clearing)> {
    (0..40u32).filter_map(|number| {
        let config =
            ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(number.into()), ..Default::default() };
        let mut runner = proptest::test_runner::TestRunner::new(config);
        let orders = any_orders().new_tree(&mut runner).unwrap().current();
        let book = SealedBook::new(market().id(), EPOCH, orders);
        let clearing = clear(&book, book.seed());
        (clearing.pairs.len() > 2).then_some((book, clearing))
    })
}

/// Every value that one small change makes of `value`, with the path to what was changed.
fn changed(value: &Value, path: &str) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                for (path, other) in changed(field, &format!("{path}.{name}")) {
                    let mut fields = fields.clone();
                    fields.insert(name.clone(), other);
                    all.push((path, Value::Object(fields)));
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                for (path, other) in changed(item, &format!("{path}[]")) {
                    let mut items = items.clone();
                    items[at] = other;
                    all.push((path, Value::Array(items)));
                }
            }
            if let Some(last) = items.last() {
                all.push((format!("{path}[-]"), Value::Array(items[..items.len() - 1].to_vec())));
                all.push((format!("{path}[+]"), Value::Array([&items[..], core::slice::from_ref(last)].concat())));
                let mut turned = items.clone();
                turned.rotate_left(1);
                all.push((format!("{path}[~]"), Value::Array(turned)));
            }
        }
        Value::Number(number) => {
            let number = number.as_u64().unwrap();
            let others = [number.checked_add(1), number.checked_sub(1)];
            all.extend(others.into_iter().flatten().map(|other| (path.to_string(), Value::from(other))));
        }
        Value::String(text) => {
            let mut others: Vec<String> = ["ask", "bid", "nothing", "own"].map(String::from).into();
            if let Some(digits) = text.strip_prefix("0x") {
                let first = if digits.starts_with('0') { '1' } else { '0' };
                others = vec![format!("0x{first}{}", &digits[1..])];
            } else if let Ok(number) = text.parse::<u128>() {
                others = vec![(number + 1).to_string(), number.saturating_sub(1).to_string()];
            }
            all.extend(others.into_iter().map(|other| (path.to_string(), Value::from(other))));
        }
        Value::Null => all.push((path.to_string(), serde_json::json!({ "side": "bid", "place": 0 }))),
        Value::Bool(_) => unreachable!("a clearing holds no flags"),
    }
    all
}

#[test]
fn whatever_one_field_is_changed_to_is_refused() {
    let mut refused = 0;
    for (book, clearing) in examples() {
        assert_eq!(verify(&book, &clearing), Ok(()));
        let whole = serde_json::to_value(&clearing).unwrap();
        for (path, other) in changed(&whole, "") {
            let Ok(lie) = serde_json::from_value::<Clearing>(other) else { continue };
            if lie == clearing {
                continue;
            }
            let violation = verify(&book, &lie).expect_err(&path);
            // What is not itself a hash is found where it is, not only by the hash over it.
            let is_hash = matches!(violation, Violation::Root | Violation::Digest);
            let is_named =
                path == ".root" || path == ".certificate.digest" || path == ".seed" || path.contains(".because");
            assert!(!is_hash || is_named, "{path}: {violation}");
            refused += 1;
        }
    }
    assert!(refused > 3_000, "{refused}");
}

/// The lie with its hashes and its sum made to fit.
fn dressed(book: &SealedBook, mut lie: Clearing) -> Clearing {
    let (mut asks, mut bids) = (vec![0; book.asks.len()], vec![0; book.bids.len()]);
    for pair in &lie.pairs {
        asks[pair.ask as usize] += pair.lots;
        bids[pair.bid as usize] += pair.lots;
    }
    lie.surplus = surplus::of(book, clearing::Traded { asks: &asks, bids: &bids });
    lie.certificate.digest = lie.certificate.quotes.digest();
    lie.root = clearing::root(book, &lie.seed, &lie.pairs);
    lie
}

#[test]
fn a_price_raised_inside_the_competitive_interval_is_refused() {
    let mut raised = 0;
    for (book, clearing) in examples() {
        // Every class of that price, so that nobody envies anybody: prices stay competitive, but are not the lowest.
        for from in clearing.certificate.quotes.asks.iter().filter_map(|quote| quote.level) {
            let mut lie = clearing.clone();
            for quote in lie.certificate.quotes.asks.iter_mut().chain(&mut lie.certificate.quotes.bids) {
                if quote.level == Some(from) {
                    quote.price.0 += 1;
                }
            }
            let price = book.columns(from.side).price[from.place as usize];
            lie.pairs.iter_mut().filter(|pair| pair.price.0 == price).for_each(|pair| pair.price.0 += 1);
            assert!(verify(&book, &dressed(&book, lie)).is_err());
            raised += 1;
        }
    }
    assert!(raised > 20);
}

#[test]
fn a_level_that_another_order_is_said_to_set_is_refused() {
    let mut told = 0;
    for (book, clearing) in examples() {
        for side in [Side::Ask, Side::Bid] {
            for place in 0..book.side(side).len() as u32 {
                let level = clearing::OrderAt { side, place };
                let price = Price(book.columns(side).price[place as usize]);
                let Some(from) = clearing.certificate.quotes.asks.iter().find_map(|quote| quote.level) else {
                    continue;
                };
                if from == level {
                    continue;
                }
                let mut lie = clearing.clone();
                let quotes = &mut lie.certificate.quotes;
                let moved = quotes.asks.iter_mut().chain(&mut quotes.bids).filter(|quote| quote.level == Some(from));
                moved.for_each(|quote| (quote.level, quote.price) = (Some(level), price));
                for pair in &mut lie.pairs {
                    pair.price = lie.certificate.quotes.asks[book.ask.class[pair.ask as usize] as usize].price;
                }
                assert!(verify(&book, &dressed(&book, lie)).is_err(), "{from:?} {level:?}");
                told += 1;
            }
        }
    }
    assert!(told > 200);
}

#[test]
fn a_match_left_out_is_found_as_an_order_that_should_have_traded() {
    for (book, clearing) in examples() {
        for at in 0..clearing.pairs.len() {
            let mut lie = clearing.clone();
            lie.pairs.remove(at);
            let found = verify(&book, &dressed(&book, lie));
            assert!(!matches!(found, Ok(()) | Err(Violation::Root | Violation::Surplus)), "{found:?}");
        }
    }
}

#[test]
fn winners_that_trade_partners_are_found_by_the_pairing_rule() {
    let asks = (1..=12).map(|owner| whole(ask(10), owner, 0));
    let bids = (13..=24).map(|owner| whole(bid(20), owner, 0));
    let book = SealedBook::new(market().id(), EPOCH, asks.chain(bids).collect());
    let clearing = clear(&book, book.seed());
    assert_eq!((clearing.pairs.len(), verify(&book, &clearing)), (12, Ok(())));
    for (one, other) in (0..12).flat_map(|one| (0..one).map(move |other| (one, other))) {
        let mut lie = clearing.clone();
        (lie.pairs[one].bid, lie.pairs[other].bid) = (clearing.pairs[other].bid, clearing.pairs[one].bid);
        let found = verify(&book, &dressed(&book, lie));
        assert!(matches!(found, Err(Violation::Pairing { .. })), "{found:?}");
    }
}

#[test]
fn a_chain_that_holds_itself_up_is_refused() {
    let mut circles = 0;
    for (book, clearing) in examples() {
        for pair in &clearing.pairs {
            let (ask, bid) = (book.ask.class[pair.ask as usize], book.bid.class[pair.bid as usize]);
            let mut lie = clearing.clone();
            lie.certificate.quotes.asks[ask as usize].because = Because::Class(bid);
            lie.certificate.quotes.bids[bid as usize].because = Because::Class(ask);
            let found = verify(&book, &dressed(&book, lie));
            assert!(matches!(found, Err(Violation::Unsupported { .. })), "{found:?}");
            circles += 1;
        }
    }
    assert!(circles > 50);
}
