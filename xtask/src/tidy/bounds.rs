//! Rule: no queue without a bound anywhere, and no `unwrap` in what ships.

use super::Violation;
use super::house::House;
use super::source::lines_with;

const RULE: &str = "bounds";
const UNBOUNDED: [&str; 4] = ["unbounded_channel", "mpsc::unbounded", "UnboundedSender", "UnboundedReceiver"];

pub(super) fn check(house: &House) -> Vec<Violation> {
    let mut broken = Vec::new();
    for source in &house.sources {
        let mut lines: Vec<usize> = UNBOUNDED.iter().flat_map(|word| lines_with(&source.code, word)).collect();
        lines.sort_unstable();
        lines.dedup();
        for line in lines {
            let cure =
                "give the queue a bound with a name ending in _MAX or _CAP, and say what happens when it is full";
            broken.push(Violation::new(&source.path, line, RULE, cure));
        }
        for line in lines_with(&source.shipped, ".unwrap()") {
            let cure = "return the error, or use `expect` with the invariant that makes it impossible";
            broken.push(Violation::new(&source.path, line, RULE, cure));
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unbounded_queue_is_caught_in_tests_too() {
        for path in ["node/src/a.rs", "node/tests/a.rs"] {
            for word in UNBOUNDED {
                let broken = check(&House::of(&[(path, &format!("// {word} is refused\nlet a = {word}();\n"))]));
                assert_eq!((broken.len(), broken[0].line), (1, 2), "{word}");
            }
        }
    }

    #[test]
    fn an_unwrap_is_caught_unless_a_test_says_it() {
        let text = "fn f() {\n    g().unwrap();\n}\n#[cfg(test)]\nmod tests {\n    fn h() { g().unwrap(); }\n}\n";
        let broken = check(&House::of(&[("node/src/a.rs", text), ("node/tests/a.rs", text)]));
        assert_eq!(broken.len(), 1);
        assert_eq!((broken[0].path.as_str(), broken[0].line), ("node/src/a.rs", 2));
    }
}
