//! What a market file holds comes back, and what is wrong with one is said with its line.

use super::*;
use crate::keys::Key;
use std::fs;

const PATH: &str = "a/souk-market.toml";

fn dialable() -> String {
    let peer = Key::from_hex(&"11".repeat(32)).unwrap().host_key().public().to_peer_id();
    format!("/ip4/127.0.0.1/udp/4001/quic-v1/p2p/{peer}")
}

fn example() -> MarketFile {
    let chain = Chain { id: 1, contract: Address([0xab; 20]) };
    MarketFile::init("bazaar", Some(chain), vec![dialable()]).unwrap()
}

fn refusal(text: &str) -> MarketFileError {
    MarketFile::parse(Path::new(PATH), text).unwrap_err()
}

fn with(from: &str, to: &str) -> String {
    let text = example().to_text();
    assert!(text.contains(from), "{from} is not in\n{text}");
    text.replacen(from, to, 1)
}

#[test]
fn a_market_file_comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    let written = example();
    written.write(&path).unwrap();
    let read = MarketFile::read(&path).unwrap();
    assert_eq!(read, written);
    assert_eq!(read.market.chain_id, 1);
    assert_eq!(read.network.bootstrap, [dialable()]);
}

#[test]
fn the_file_reads_as_a_person_expects() {
    let mut file = example();
    // What differs from build to build, or from market to market.
    file.versions.souk = "0.1.0".into();
    (file.market.capacity_table, file.market.salt) = (Hash::ZERO, Hash::ZERO);
    file.id = file.market.id();
    expect_test::expect_file!["tests/example.toml"].assert_eq(&file.to_text());
}

#[test]
fn two_markets_of_one_name_differ() {
    let new = || MarketFile::init("bazaar", None, Vec::new()).unwrap();
    assert_ne!(new().id, new().id);
    assert_eq!(new().market.chain_id, 0);
    assert_eq!(MarketFile::init("", None, Vec::new()).unwrap_err().code(), "market_parameters");
}

#[test]
fn a_market_file_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    fs::write(&path, "mine").unwrap();
    assert_eq!(example().write(&path).unwrap_err().code(), "market_file_exists");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn a_missing_or_unreadable_file_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let code = |name: &str| MarketFile::read(&folder.path().join(name)).unwrap_err().code();
    assert_eq!(code("gone"), "market_file_not_found");
    assert_eq!(code(""), "market_file_io");
    fs::write(folder.path().join("long"), vec![b'#'; 100_000]).unwrap();
    assert_eq!(code("long"), "market_file_io");
}

#[test]
fn an_id_that_is_not_the_parameters_names_both() {
    let file = example();
    let text = file.to_text().replacen("epoch_ms = 2000", "epoch_ms = 4000", 1);
    let error = refusal(&text);
    assert_eq!(error.code(), "market_id_mismatch");
    let mut changed = file.market.clone();
    changed.epoch_ms = 4000;
    assert!(error.to_string().contains(&file.id.to_string()));
    assert!(error.to_string().contains(&changed.id().to_string()));
}

#[test]
fn a_syntax_error_names_its_line() {
    let line_of = |text: &str, part: &str| text.lines().position(|line| line.contains(part)).unwrap() + 1;
    for (from, to) in [
        ("epoch_ms = 2000", "epoch_ms = two seconds"),
        ("epoch_ms = 2000", "epoch_ms = \"2000\""),
        ("guard_ms = 600", "guard_ms = 600\nfavourite_colour = 3"),
        ("heads_max = 100000", "heads_max = -1"),
        ("stake_per_slot = \"1000000000000000000\"", "stake_per_slot = \"a lot\""),
        ("bootstrap = [", "bootstrap = 7 #["),
    ] {
        let text = with(from, to);
        let MarketFileError::Syntax { line, reason, .. } = refusal(&text) else { panic!("{to} was accepted") };
        assert_eq!(line, line_of(&text, to.lines().last().unwrap()), "{to}: {reason}");
        assert!(!reason.contains('\n'));
    }
    assert_eq!(refusal("").code(), "market_file_syntax");
}

#[test]
fn parameters_that_make_no_market_are_refused() {
    let mut file = example();
    file.market.guard_ms = file.market.epoch_ms;
    file.id = file.market.id();
    let error = refusal(&file.to_text());
    assert_eq!(error.code(), "market_parameters");
    assert!(error.to_string().contains("guard_ms"));
}

#[test]
fn a_file_of_another_protocol_is_refused_for_that_and_not_for_its_shape() {
    let text = with("protocol = 1", "protocol = 2").replace("guard_ms", "watch_ms");
    let error = refusal(&text);
    assert_eq!(error.code(), "market_parameters");
    assert!(error.to_string().contains("version 2"));
    assert!(error.to_string().contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_bootstrap_address_that_cannot_be_a_peer_is_refused() {
    for address in [
        "",
        "127.0.0.1:4001",
        "/ip4/127.0.0.1/udp/4001/quic-v1",
        "/ip4/127.0.0.1/tcp/4001/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
    ] {
        let error = MarketFile::init("bazaar", None, vec![dialable(), address.into()]).unwrap_err();
        assert_eq!(error.code(), "market_bootstrap", "{address}");
    }
    assert!(MarketFile::init("bazaar", None, vec![dialable(); BOOTSTRAP_MAX]).is_ok());
    let too_many = MarketFile::init("bazaar", None, vec![dialable(); BOOTSTRAP_MAX + 1]);
    assert_eq!(too_many.unwrap_err().code(), "market_bootstrap");
}
