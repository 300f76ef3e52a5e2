//! The vector files: how they are made, and the tests that hold them and the code together.

use std::path::PathBuf;
use std::sync::Once;

use protocol::typed::{DOMAIN_NAME, DOMAIN_VERSION, types};
use protocol::{Parameters, keccak256};
use serde_json::{Value, json};

use crate::case::{ACCEPTED, Case, sorted};
use crate::{accepted, body, eip712, keys, message, reconcile, refused, words};

fn markets() -> Vec<Parameters> {
    vec![words::settled("vectors"), words::chainless()]
}

fn market_json(market: &Parameters) -> Value {
    let domain = market.domain();
    json!({
        "parameters": market,
        "message": message::market(market),
        "marketId": market.id(),
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": market.chain_id,
            "verifyingContract": market.contract,
            "salt": market.id(),
        },
        "separator": domain.separator(),
    })
}

fn market_file() -> String {
    let named = [("EIP712Domain", types::DOMAIN), ("Market", types::MARKET)];
    let inner = [
        ("Score", types::SCORE),
        ("OrderRef", types::ORDER_REF),
        ("File", types::FILE),
        ("Limits", types::LIMITS),
        ("Metering", types::METERING),
        ("Variable", types::VARIABLE),
    ];
    let all = named.iter().chain(body::Body::TYPES).chain(&inner);
    let types: Vec<Value> =
        all.map(|(name, text)| json!({ "name": name, "type": text, "hash": keccak256(&[text.as_bytes()]) })).collect();
    let keys: Vec<Value> = keys::KEYS
        .iter()
        .map(|key| {
            let phrase = format!("souk test key {}", key.number);
            json!({ "phrase": phrase, "role": key.role, "secret": key.secret(), "address": key.address() })
        })
        .collect();
    let whole = json!({
        "markets": markets().iter().map(market_json).collect::<Vec<_>>(),
        "types": types,
        "keys": keys,
    });
    let mut text = serde_json::to_string_pretty(&sorted(whole)).unwrap();
    text.push('\n');
    text
}

/// One case a line, so that a change of one is a change of one line.
fn cases_file(cases: &[Case]) -> String {
    let lines: Vec<String> = cases.iter().map(|case| serde_json::to_string(case).unwrap()).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "vectors", name].iter().collect()
}

/// Name and text of every file, as the code makes it.
fn made() -> [(&'static str, String); 4] {
    let market = &markets()[0];
    [
        ("market.json", market_file()),
        ("accepted.json", cases_file(&accepted::all(market))),
        ("refused.json", cases_file(&refused::all(market))),
        ("reconcile.json", reconcile::file()),
    ]
}

/// Reads a file, after all of them were written if that was asked for.
fn read(name: &str) -> String {
    static BLESS: Once = Once::new();
    BLESS.call_once(|| {
        if std::env::var_os("SOUK_BLESS").is_some() {
            made().iter().for_each(|(name, text)| std::fs::write(path(name), text).unwrap());
        }
    });
    std::fs::read_to_string(path(name)).unwrap()
}

fn kept(name: &str) -> Vec<Case> {
    serde_json::from_str(&read(name)).unwrap()
}

#[test]
fn the_files_are_what_the_code_makes() {
    for (name, made) in made() {
        let kept = read(name);
        let line = kept.lines().zip(made.lines()).position(|(kept, made)| kept != made);
        assert!(kept == made, "vectors/{name} is not what the code makes, from line {line:?} (counted from 0) on");
    }
}

#[test]
fn every_case_of_the_files_is_judged_as_it_says() {
    let (accepted, refused) = (kept("accepted.json"), kept("refused.json"));
    let judged = accepted.iter().chain(&refused).map(|case| case.judge(&markets()));
    assert_eq!(judged.filter_map(Result::err).collect::<Vec<_>>(), Vec::<String>::new());
    assert!(accepted.len() >= 30 && accepted.iter().all(|case| case.expect == ACCEPTED && case.signer.is_some()));
    assert!(refused.len() >= 30 && refused.iter().all(|case| case.expect != ACCEPTED));
}

#[test]
fn the_examples_of_reconciliation_are_what_they_say() {
    reconcile::judge(&read("reconcile.json"));
}

#[test]
fn no_two_cases_have_the_same_name_or_the_same_bytes() {
    let cases = [kept("accepted.json"), kept("refused.json")].concat();
    let count = cases.len();
    let distinct = |key: &dyn Fn(&Case) -> String| {
        let mut keys: Vec<String> = cases.iter().map(key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.len()
    };
    assert_eq!(distinct(&|case| case.name.clone()), count);
    assert_eq!(distinct(&|case| format!("{} {} {} {}", case.primary_type, case.market, case.owner, case.wire)), count);
}

#[test]
fn every_market_of_the_file_has_the_id_and_separator_it_says() {
    let file: Value = serde_json::from_str(&read("market.json")).unwrap();
    for market in file["markets"].as_array().unwrap() {
        let parameters: Parameters = serde_json::from_value(market["parameters"].clone()).unwrap();
        assert_eq!(parameters.check(), Ok(()));
        let hash = |type_string, message| eip712::Types::parse(type_string).struct_hash(message).to_string();
        assert_eq!(market["marketId"], hash(types::MARKET, &market["message"]));
        assert_eq!(market["marketId"], parameters.id().to_string());
        assert_eq!(market["separator"], hash(types::DOMAIN, &market["domain"]));
        assert_eq!(market["separator"], parameters.domain().separator().to_string());
    }
}

#[test]
fn a_case_with_any_field_changed_is_noticed() {
    let case = &kept("accepted.json")[0];
    let good = serde_json::to_value(case).unwrap();
    for (key, other) in [
        ("expect", json!("bad_lots")),
        ("market", json!("vectors, no chain")),
        ("owner", json!(keys::CONSUMER.address())),
        ("signer", json!(keys::CONSUMER.address())),
        ("structHash", json!(case.id)),
        ("id", json!(case.struct_hash)),
        ("signedType", json!("Order()")),
        ("signedDigest", json!(case.struct_hash)),
        ("wire", json!("0x00")),
    ] {
        let mut changed = good.clone();
        changed[key] = other;
        let changed: Case = serde_json::from_value(changed).unwrap();
        assert!(changed.judge(&markets()).is_err(), "{key}");
    }
    for part in ["message", "body"] {
        let mut changed = good.clone();
        changed[part]["slot"] = json!(1);
        let changed: Case = serde_json::from_value(changed).unwrap();
        assert!(changed.judge(&markets()).is_err(), "{part}");
    }
}
