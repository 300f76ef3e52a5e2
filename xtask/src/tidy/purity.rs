//! Rule: the pure crates are `no_std` and name no clock, no unordered map and nothing of `std`.

use super::Violation;
use super::house::House;
use super::source::{Source, lines_with};

const RULE: &str = "purity";
const PURE: [&str; 2] = ["protocol", "matcher"];
const OPENINGS: [&str; 2] = ["#![no_std]", "extern crate alloc;"];
const IMPURE: [(&str, &str); 5] = [
    ("std", "use core or alloc"),
    ("SystemTime", "take `now` as an argument"),
    ("Instant", "take `now` as an argument"),
    ("HashMap", "use BTreeMap: its order is the same on every machine"),
    ("HashSet", "use BTreeSet: its order is the same on every machine"),
];

pub(super) fn check(house: &House) -> Vec<Violation> {
    PURE.iter().flat_map(|name| house.sources.iter().flat_map(move |source| strays(source, name))).collect()
}

fn strays(source: &Source, name: &str) -> Vec<Violation> {
    let mut broken = Vec::new();
    if !source.is_in(&format!("{name}/src")) {
        return broken;
    }
    if source.path == format!("{name}/src/lib.rs") {
        let missing = OPENINGS.iter().filter(|opening| lines_with(&source.code, opening).is_empty());
        broken.extend(
            missing
                .map(|opening| Violation::new(&source.path, 1, RULE, format!("a pure crate opens with `{opening}`"))),
        );
    }
    for (word, cure) in IMPURE {
        let lines = lines_with(&source.shipped, word);
        broken.extend(
            lines.into_iter().map(|line| Violation::new(&source.path, line, RULE, format!("`{word}`: {cure}"))),
        );
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: &str = "//! Pure.\n#![no_std]\nextern crate alloc;\n";

    fn broken_lines(path: &str, text: &str) -> Vec<usize> {
        check(&House::of(&[(path, text)])).into_iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn a_pure_crate_that_does_not_say_so_is_caught() {
        for opening in OPENINGS {
            assert_eq!(broken_lines("matcher/src/lib.rs", &LIB.replace(opening, "")), [1]);
            assert_eq!(broken_lines("matcher/src/lib.rs", &LIB.replace(opening, &format!("// {opening}"))), [1]);
        }
        assert_eq!(broken_lines("matcher/src/lib.rs", LIB), []);
        assert_eq!(broken_lines("node/src/lib.rs", ""), []);
    }

    #[test]
    fn what_reaches_the_world_is_caught() {
        for text in [
            "use std::fs;",
            "extern crate std;",
            "fn f(now: Instant) {}",
            "fn f(now: SystemTime) {}",
            "type A = hashbrown::HashMap<u8, u8>;",
            "fn f(a: HashSet<u8>) {}",
        ] {
            assert_eq!(broken_lines("protocol/src/a.rs", text), [1], "{text}");
            assert_eq!(broken_lines("node/src/a.rs", text), [], "{text}");
            assert_eq!(broken_lines("protocol/tests/a.rs", text), [], "{text}");
        }
    }

    #[test]
    fn comments_and_tests_may_speak_of_the_world() {
        let text = "// no std here\n#[cfg(test)]\nmod tests {\n    use std::collections::HashMap;\n}\n";
        assert_eq!(broken_lines("protocol/src/a.rs", text), []);
    }
}
