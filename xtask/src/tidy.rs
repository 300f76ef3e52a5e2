//! The shape of the house, kept by rules: each is a pure function from a tree of files to what breaks it.
//! Knows the list of rules; what a rule means stands in the rule's own file.

use std::fmt;
use std::path::Path;

use house::House;

mod arrows;
mod bounds;
mod heads;
mod house;
mod knowers;
mod manifest;
mod names;
mod purity;
mod sizes;
mod source;
mod unfinished;
mod versions;

/// One place that breaks a rule, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    path: String,
    line: usize,
    rule: &'static str,
    cure: String,
}

impl Violation {
    fn new(path: &str, line: usize, rule: &'static str, cure: impl Into<String>) -> Violation {
        Violation { path: path.into(), line, rule, cure: cure.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.cure)
    }
}

const RULES: [fn(&House) -> Vec<Violation>; 9] = [
    arrows::check,
    bounds::check,
    heads::check,
    knowers::check,
    names::check,
    purity::check,
    sizes::check,
    unfinished::check,
    versions::check,
];

/// Checks the repository at `root` and prints every violation, one a line.
pub fn run(root: &Path) -> Result<(), String> {
    let house = House::read(root)?;
    let broken = check(&house);
    for violation in &broken {
        println!("{violation}");
    }
    match broken.len() {
        0 => println!("tidy: {} crates, {} source files, every rule kept", house.members.len(), house.sources.len()),
        count => return Err(format!("tidy: {count} to mend")),
    }
    Ok(())
}

fn check(house: &House) -> Vec<Violation> {
    let mut broken: Vec<Violation> = RULES.iter().flat_map(|rule| rule(house)).collect();
    broken.sort_by(|a, b| (&a.path, a.line, a.rule).cmp(&(&b.path, b.line, b.rule)));
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_keeps_every_rule() {
        let house = House::read(&crate::chores::root()).unwrap();
        assert!(house.members.len() >= 6 && house.sources.iter().any(|source| source.path == "xtask/src/tidy.rs"));
        assert!(house.sources.iter().any(|source| source.path == "fuzz/src/lib.rs"));
        let broken: Vec<String> = check(&house).iter().map(Violation::to_string).collect();
        assert!(broken.is_empty(), "\n{}", broken.join("\n"));
    }

    #[test]
    fn a_violation_reads_as_path_line_rule_and_cure() {
        let violation = Violation::new("node/src/a.rs", 3, "names", "rename it");
        assert_eq!(violation.to_string(), "node/src/a.rs:3: names: rename it");
    }

    #[test]
    fn every_rule_is_asked_and_the_answers_are_sorted() {
        let house = House::of(&[
            ("Cargo.toml", "[workspace]\nmembers = [\"matcher\"]\n[workspace.dependencies]\nserde = \"1\"\n"),
            ("matcher/Cargo.toml", "[package]\n[lints]\nworkspace = true\n[dependencies]\nsandbox.workspace = true\n"),
            ("matcher/src/lib.rs", "fn f() { todo!().unwrap(); libp2p::g() }\n"),
            ("matcher/src/utils.rs", &"//! A head with enough words in it.\n".repeat(501)),
        ]);
        let broken = check(&house);
        let mut rules: Vec<&str> = broken.iter().map(|violation| violation.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        let all = ["arrows", "bounds", "heads", "knowers", "names", "purity", "sizes", "unfinished", "versions"];
        assert_eq!(rules, all);
        assert!(broken.is_sorted_by_key(|violation| (violation.path.clone(), violation.line)));
    }
}
