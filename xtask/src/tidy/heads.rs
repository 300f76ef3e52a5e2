//! Rule: every Rust file opens with one to three lines of `//!` that say something, and perhaps a drawing; a `lib.rs` is
//! a map and has thirty.

use super::Violation;
use super::house::House;
use super::source::Source;

const RULE: &str = "heads";
const LINES_MAX: usize = 3;
const MAP_LINES_MAX: usize = 30;
const WORDS_MIN: usize = 4;
const EMPTY_PHRASES: [&str; 5] = ["This module", "This file", "This crate", "Module for", "Contains"];

pub(super) fn check(house: &House) -> Vec<Violation> {
    let broken = house.sources.iter().filter_map(|source| Some((source, complaint(source)?)));
    broken.map(|(source, (line, cure))| Violation::new(&source.path, line, RULE, cure)).collect()
}

fn complaint(source: &Source) -> Option<(usize, String)> {
    let head: Vec<&str> = source.text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
    let lines_max = if source.file_name() == "lib.rs" { MAP_LINES_MAX } else { LINES_MAX };
    if head.is_empty() {
        return Some((
            1,
            "open with one to three lines of `//!`: what the file is for and what it must not know".into(),
        ));
    }
    if text_lines(&head) > lines_max {
        return Some((head.len(), format!("a head has at most {lines_max} lines: move the rest to where it applies")));
    }
    let is_phrase = EMPTY_PHRASES.iter().any(|phrase| head[0].starts_with(phrase));
    if is_phrase || head.join(" ").split_whitespace().count() < WORDS_MIN {
        return Some((1, "the head says nothing: name what the file is for and what it must not know".into()));
    }
    None
}

/// Lines of prose: neither blank nor part of a drawing between fences.
fn text_lines(head: &[&str]) -> usize {
    let mut is_drawing = false;
    let is_text = |line: &&&str| {
        let is_fence = line.starts_with("```");
        is_drawing ^= is_fence;
        !is_drawing && !is_fence && !line.is_empty()
    };
    head.iter().filter(is_text).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken_line(path: &str, text: &str) -> Option<usize> {
        check(&House::of(&[(path, text)])).first().map(|violation| violation.line)
    }

    #[test]
    fn a_head_that_says_what_the_file_is_for_is_kept() {
        let line = "//! The book of one market.\n";
        assert_eq!(broken_line("a/src/b.rs", line), None);
        assert_eq!(broken_line("a/src/b.rs", &line.repeat(3)), None);
        assert_eq!(broken_line("a/src/b.rs", &format!("{line}//!\n{line}{line}")), None);
        assert_eq!(broken_line("a/src/lib.rs", &line.repeat(30)), None);
        let drawing = format!("{line}//! ```text\n{}//! ```\n{line}", "//! a -> b\n".repeat(9));
        assert_eq!(broken_line("a/src/b.rs", &drawing), None);
        assert!(broken_line("a/src/b.rs", &format!("{drawing}{}", line.repeat(2))).is_some());
    }

    #[test]
    fn a_head_that_is_missing_empty_or_too_long_is_caught() {
        let line = "//! The book of one market.\n";
        for (path, text, at) in [
            ("a/src/b.rs", "", 1),
            ("a/src/b.rs", "use b;\n//! The book of one market.\n", 1),
            ("a/src/b.rs", "//!\n//!\n", 1),
            ("a/src/b.rs", "//! Book.\n", 1),
            ("a/tests/b.rs", "//! This module contains the book of one market.\n", 1),
            ("a/src/b.rs", &line.repeat(4), 4),
            ("a/src/lib.rs", &line.repeat(31), 31),
        ] {
            assert_eq!(broken_line(path, text), Some(at), "{text}");
        }
    }
}
