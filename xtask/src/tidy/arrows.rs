//! Rule: crates depend on each other only along the arrows of the house, at most three deep.

use super::Violation;
use super::house::House;
use super::manifest::{Dependency, Manifest};

const RULE: &str = "arrows";
const DEPTH_MAX: usize = 3;

/// Each crate and what it may depend on.
const ARROWS: [(&str, &[&str]); 8] = [
    ("protocol", &[]),
    ("matcher", &["protocol"]),
    ("contracts", &["protocol"]),
    ("sandbox", &["protocol"]),
    ("bench", &["protocol", "sandbox"]),
    ("simulations", &["protocol", "matcher"]),
    ("node", &["protocol", "matcher", "contracts", "sandbox", "bench"]),
    ("xtask", &[]),
];
/// Crates that not even a test of another crate may use.
const ENDS: [&str; 3] = ["node", "simulations", "xtask"];

pub(super) fn check(house: &House) -> Vec<Violation> {
    let mut broken = Vec::new();
    for member in &house.members {
        let Some((name, allowed)) = ARROWS.iter().find(|(name, _)| *name == member.folder()) else {
            let cure = "a crate without arrows: give it a row in xtask/src/tidy/arrows.rs and in ARCHITECTURE.md";
            broken.push(Violation::new(&member.path, 1, RULE, cure));
            continue;
        };
        for (other, dependency) in house_dependencies(house, member) {
            let is_dev = dependency.kind == "dev-dependencies";
            let is_allowed = if is_dev { !ENDS.contains(&other.as_str()) } else { allowed.contains(&other.as_str()) };
            if !is_allowed {
                let cure = format!("{name} may not depend on {other}: move what it needs to where both can see it");
                broken.push(Violation::new(&member.path, dependency.line, RULE, cure));
            }
        }
        if depth(house, member, 0) > DEPTH_MAX {
            let cure = format!("more than {DEPTH_MAX} arrows below it: let it depend on a lower crate");
            broken.push(Violation::new(&member.path, 1, RULE, cure));
        }
    }
    broken
}

/// The members that `member` names, by folder, whatever it calls them.
fn house_dependencies<'a>(house: &'a House, member: &'a Manifest) -> Vec<(String, Dependency<'a>)> {
    let shared = house.workspace.shared();
    let folder = |dependency: &Dependency<'_>| {
        let entry = shared.iter().find(|entry| entry.name == dependency.name);
        let path = [Some(dependency), entry].into_iter().flatten().find_map(path_of);
        path.or_else(|| ARROWS.iter().find(|(name, _)| *name == dependency.name).map(|(name, _)| name.to_string()))
    };
    member.dependencies().into_iter().filter_map(|dependency| Some((folder(&dependency)?, dependency))).collect()
}

fn path_of(dependency: &Dependency<'_>) -> Option<String> {
    Some(dependency.value.get("path")?.as_str()?.trim_start_matches("../").trim_end_matches('/').to_string())
}

fn depth(house: &House, member: &Manifest, above: usize) -> usize {
    if above > DEPTH_MAX {
        return above;
    }
    let below = house_dependencies(house, member).into_iter().filter(|(_, one)| one.kind != "dev-dependencies");
    let members = below.filter_map(|(folder, _)| house.members.iter().find(|other| other.folder() == folder));
    members.map(|other| depth(house, other, above + 1)).max().unwrap_or(above)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "[workspace]\nmembers = [\"protocol\", \"matcher\", \"sandbox\", \"bench\", \"node\"]\n\
        [workspace.dependencies]\nprotocol = { path = \"protocol\" }\nengine = { path = \"matcher\" }\n\
        sandbox = { path = \"sandbox\" }\nbench = { path = \"bench\" }\nnode = { path = \"node\" }\n";

    fn broken(manifests: &[(&str, &str)]) -> Vec<(String, usize)> {
        let files: Vec<_> = std::iter::once(&("Cargo.toml", ROOT)).chain(manifests).copied().collect();
        check(&House::of(&files)).into_iter().map(|violation| (violation.path, violation.line)).collect()
    }

    #[test]
    fn the_arrows_of_the_design_are_free_to_use() {
        let manifests = [
            ("matcher/Cargo.toml", "[dependencies]\nprotocol.workspace = true\nserde.workspace = true\n"),
            ("bench/Cargo.toml", "[dependencies]\nsandbox.workspace = true\n"),
            ("sandbox/Cargo.toml", "[dependencies]\nprotocol.workspace = true\n"),
            ("node/Cargo.toml", "[dependencies]\nbench.workspace = true\nengine.workspace = true\n"),
        ];
        assert_eq!(broken(&manifests), []);
    }

    #[test]
    fn an_arrow_that_is_not_drawn_is_caught_under_any_name_and_in_any_table() {
        for (path, text) in [
            ("protocol/Cargo.toml", "[dependencies]\nengine.workspace = true\n"),
            ("matcher/Cargo.toml", "[build-dependencies]\nsandbox = { workspace = true }\n"),
            ("sandbox/Cargo.toml", "[target.'cfg(unix)'.dependencies]\nbench.workspace = true\n"),
            ("sandbox/Cargo.toml", "[dependencies]\nother = { path = \"../matcher\" }\n"),
            ("matcher/Cargo.toml", "[dev-dependencies]\nnode.workspace = true\n"),
        ] {
            assert_eq!(broken(&[(path, text)]), [(path.to_string(), 2)], "{text}");
        }
    }

    #[test]
    fn a_chain_of_four_arrows_is_caught() {
        let manifests = [
            ("matcher/Cargo.toml", "[dependencies]\nprotocol.workspace = true\n"),
            ("sandbox/Cargo.toml", "[dependencies]\nengine.workspace = true\n"),
            ("bench/Cargo.toml", "[dependencies]\nsandbox.workspace = true\n"),
            ("node/Cargo.toml", "[dependencies]\nbench.workspace = true\n"),
        ];
        assert_eq!(broken(&manifests), [("sandbox/Cargo.toml".into(), 2), ("node/Cargo.toml".into(), 1)]);
    }

    #[test]
    fn a_crate_that_nobody_drew_is_caught() {
        let root = "[workspace]\nmembers = [\"tools\"]\n";
        assert_eq!(check(&House::of(&[("Cargo.toml", root)])).len(), 1);
    }
}
