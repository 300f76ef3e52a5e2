//! Rule: a Rust file has at most 500 lines with its tests, a `main.rs` at most 40.

use super::Violation;
use super::house::House;

const RULE: &str = "sizes";
const LINES_MAX: usize = 500;
const MAIN_LINES_MAX: usize = 40;

pub(super) fn check(house: &House) -> Vec<Violation> {
    let mut broken = Vec::new();
    for source in &house.sources {
        let is_main = source.file_name() == "main.rs";
        let lines_max = if is_main { MAIN_LINES_MAX } else { LINES_MAX };
        let lines = source.text.lines().count();
        if lines > lines_max {
            let cure = format!("{lines} lines, at most {lines_max}: nest a machine in a file of its own");
            broken.push(Violation::new(&source.path, lines_max + 1, RULE, cure));
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken_line(path: &str, lines: usize) -> Option<usize> {
        check(&House::of(&[(path, &"x\n".repeat(lines))])).first().map(|violation| violation.line)
    }

    #[test]
    fn a_file_past_its_length_is_caught() {
        for path in ["a/src/b.rs", "a/tests/b.rs", "a/benches/b.rs"] {
            assert_eq!(broken_line(path, 500), None);
            assert_eq!(broken_line(path, 501), Some(501));
        }
        assert_eq!(broken_line("a/src/main.rs", 40), None);
        assert_eq!(broken_line("a/src/main.rs", 41), Some(41));
    }
}
