//! Rule: what the house must be able to replace has one knower: the network, the disk, JSON, wire bytes, the clock.

use super::Violation;
use super::house::House;
use super::source::{Source, lines_with};

const RULE: &str = "knowers";

/// A word that only some modules may say.
struct Knower {
    word: &'static str,
    /// Where the rule holds: a folder, or empty for the whole house.
    scope: &'static str,
    /// The modules that may, without `.rs`.
    modules: &'static [&'static str],
    is_free_in_tests: bool,
}

const JSON: &[&str] = &[
    "node/src/api",
    "node/src/cli",
    "node/src/keys/keystore",
    "node/src/keys/delegation",
    "simulations/src/cli",
    "simulations/src/report",
];
const CLOCK: &[&str] = &["node/src/clock", "node/src/cli"];
/// The mesh counts rates and deadlines of its own sockets; what time it is, it does not ask.
const STOPWATCH: &[&str] = &["node/src/clock", "node/src/cli", "node/src/net"];
const KNOWERS: [Knower; 7] = [
    Knower { word: "libp2p", scope: "", modules: &["node/src/net"], is_free_in_tests: false },
    Knower { word: "redb", scope: "", modules: &["node/src/store"], is_free_in_tests: false },
    Knower { word: "bincode", scope: "", modules: &["protocol/src/wire"], is_free_in_tests: false },
    Knower { word: "pnet_datalink", scope: "", modules: &["node/tests/partition/relay"], is_free_in_tests: false },
    Knower { word: "serde_json", scope: "", modules: JSON, is_free_in_tests: true },
    Knower { word: "SystemTime", scope: "node/", modules: CLOCK, is_free_in_tests: true },
    Knower { word: "Instant::now", scope: "node/", modules: STOPWATCH, is_free_in_tests: true },
];

pub(super) fn check(house: &House) -> Vec<Violation> {
    house.sources.iter().flat_map(|source| KNOWERS.iter().flat_map(|knower| strays(source, knower))).collect()
}

fn strays(source: &Source, knower: &Knower) -> Vec<Violation> {
    let is_knower = knower.modules.iter().any(|module| source.is_in(module));
    if is_knower || !source.path.starts_with(knower.scope) {
        return Vec::new();
    }
    let text = if knower.is_free_in_tests { &source.shipped } else { &source.code };
    let cure = format!("`{}` is known only to {}: ask there", knower.word, knower.modules.join(", "));
    lines_with(text, knower.word).into_iter().map(|line| Violation::new(&source.path, line, RULE, &*cure)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_kept(path: &str, text: &str) -> bool {
        check(&House::of(&[(path, text)])).is_empty()
    }

    #[test]
    fn a_word_is_caught_outside_its_knower() {
        for (path, text) in [
            ("node/src/roles.rs", "use libp2p::Swarm;"),
            ("node/src/network.rs", "use libp2p::Swarm;"),
            ("node/tests/mesh.rs", "use libp2p::Swarm;"),
            ("node/src/net.rs", "use redb::Database;"),
            ("node/src/keys.rs", "serde_json::to_string(&a)"),
            ("bench/src/lib.rs", "serde_json::to_string(&a)"),
            ("simulations/src/run.rs", "serde_json::to_string(&a)"),
            ("protocol/src/order.rs", "bincode::encode_to_vec(a)"),
            ("node/src/roles.rs", "let now = std::time::SystemTime::now();"),
            ("node/src/roles.rs", "let now = Instant::now();"),
        ] {
            assert!(!is_kept(path, text), "{path}: {text}");
        }
    }

    #[test]
    fn its_knower_and_where_it_does_not_matter_may_say_it() {
        for (path, text) in [
            ("node/src/net.rs", "use libp2p::Swarm;"),
            ("node/src/net/swarm.rs", "use libp2p::Swarm;"),
            ("node/src/roles.rs", "// libp2p is not known here"),
            ("node/src/store/tables.rs", "use redb::Database;"),
            ("node/src/keys/keystore.rs", "serde_json::to_string(&a)"),
            ("node/tests/api.rs", "serde_json::from_str(a)"),
            ("simulations/src/report/document.rs", "serde_json::to_value(a)"),
            ("protocol/src/wire.rs", "bincode::encode_to_vec(a)"),
            ("node/src/clock.rs", "SystemTime::now()"),
            ("node/src/cli/progress.rs", "Instant::now()"),
            ("bench/src/timer.rs", "Instant::now()"),
        ] {
            assert!(is_kept(path, text), "{path}: {text}");
        }
    }
}
