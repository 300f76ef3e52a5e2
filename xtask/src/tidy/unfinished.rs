//! Rule: nothing unfinished is committed, neither as a macro that panics nor as a note to oneself.

use super::Violation;
use super::house::House;
use super::source::lines_with;

const RULE: &str = "unfinished";
const MACROS: [&str; 2] = ["todo!", "unimplemented!"];
const NOTES: [&str; 4] = ["TODO", "FIXME", "XXX", "HACK"];

pub(super) fn check(house: &House) -> Vec<Violation> {
    let mut broken = Vec::new();
    for source in &house.sources {
        let macros = MACROS.iter().flat_map(|word| lines_with(&source.code, word));
        let notes = NOTES.iter().flat_map(|word| lines_with(&source.comments, word));
        for line in macros.chain(notes) {
            broken.push(Violation::new(
                &source.path,
                line,
                RULE,
                "finish it, or return an error that says what is missing",
            ));
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_code_and_notes_are_caught() {
        for word in MACROS {
            assert_eq!(check(&House::of(&[("a/src/b.rs", &format!("fn f() {{ {word}() }}"))])).len(), 1);
        }
        for word in NOTES {
            assert_eq!(check(&House::of(&[("a/tests/b.rs", &format!("//! Head.\n/* {word}: mend */"))]))[0].line, 2);
        }
    }

    #[test]
    fn a_text_that_only_names_them_is_kept() {
        assert_eq!(check(&House::of(&[("a/src/b.rs", "let todo = [\"todo!\", \"TODO\"]; // the todo list")])), []);
    }
}
