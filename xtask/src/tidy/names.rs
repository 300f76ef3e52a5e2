//! Rule: a file or folder is named after what it holds, and a module is `x.rs` beside `x/`.

use super::Violation;
use super::house::House;

const RULE: &str = "names";
const EMPTY_NAMES: [&str; 7] = ["utils", "util", "common", "helpers", "helper", "misc", "mod"];

pub(super) fn check(house: &House) -> Vec<Violation> {
    let broken = house.sources.iter().filter_map(|source| Some((source, complaint(&source.path)?)));
    broken.map(|(source, cure)| Violation::new(&source.path, 1, RULE, cure)).collect()
}

fn complaint(path: &str) -> Option<&'static str> {
    match path.trim_end_matches(".rs").split('/').find(|part| EMPTY_NAMES.contains(part))? {
        "mod" => Some("make it x.rs beside x/"),
        _ => Some("name it after what it holds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_says_nothing_is_caught() {
        for path in ["a/src/utils.rs", "a/src/common/b.rs", "a/tests/helpers.rs", "a/src/misc.rs", "a/tests/b/mod.rs"] {
            assert_eq!(check(&House::of(&[(path, "")])).len(), 1, "{path}");
        }
    }

    #[test]
    fn a_name_that_only_contains_such_a_word_is_kept() {
        for path in ["a/src/commonwealth.rs", "a/src/modes.rs", "a/tests/scene.rs"] {
            assert_eq!(check(&House::of(&[(path, "")])), [], "{path}");
        }
    }
}
