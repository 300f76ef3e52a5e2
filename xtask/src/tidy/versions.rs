//! Rule: all versions stand in the workspace table, each with its reason; a member takes versions and lints from there.

use super::Violation;
use super::house::House;
use super::manifest::Manifest;

const RULE: &str = "versions";

pub(super) fn check(house: &House) -> Vec<Violation> {
    let mut broken = reasons(&house.workspace);
    broken.extend(house.members.iter().flat_map(member));
    broken
}

fn reasons(workspace: &Manifest) -> Vec<Violation> {
    let lines: Vec<&str> = workspace.text.lines().collect();
    let external = workspace.shared().into_iter().filter(|entry| entry.value.get("path").is_none());
    let bare = external.filter(|entry| !has_reason(lines.get(entry.line - 1).copied().unwrap_or_default()));
    let cure = |name: &str| format!("say on the same line, after `#`, why {name} is here");
    bare.map(|entry| Violation::new(&workspace.path, entry.line, RULE, cure(entry.name))).collect()
}

/// Whether the line ends in a comment with words in it; a `#` inside a string is none.
fn has_reason(line: &str) -> bool {
    let mut is_quoted = false;
    for (index, c) in line.char_indices() {
        match c {
            '"' | '\'' => is_quoted = !is_quoted,
            '#' if !is_quoted => return line[index + 1..].chars().any(char::is_alphabetic),
            _ => {}
        }
    }
    false
}

fn member(manifest: &Manifest) -> Vec<Violation> {
    let is_shared = |value: &toml::Value| {
        let is_workspace = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
        is_workspace && ["version", "path", "git"].iter().all(|key| value.get(key).is_none())
    };
    let own = manifest.dependencies().into_iter().filter(|dependency| !is_shared(dependency.value));
    let cure = |name: &str| format!("put the version into the workspace table and write `{name}.workspace = true`");
    let mut broken: Vec<Violation> =
        own.map(|one| Violation::new(&manifest.path, one.line, RULE, cure(one.name))).collect();
    let lints = manifest.table.get("lints").and_then(|lints| lints.get("workspace"));
    if lints.and_then(toml::Value::as_bool) != Some(true) {
        broken.push(Violation::new(&manifest.path, 1, RULE, "take the house's lints: `[lints]`, `workspace = true`"));
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace_lines(entry: &str) -> Vec<usize> {
        let text = format!("[workspace]\nmembers = []\n[workspace.dependencies]\n{entry}\n");
        check(&House::of(&[("Cargo.toml", &text)])).into_iter().map(|violation| violation.line).collect()
    }

    fn member_lines(entry: &str) -> Vec<usize> {
        let text = format!("[lints]\nworkspace = true\n[dependencies]\n{entry}\n");
        let files = [("Cargo.toml", "[workspace]\nmembers = [\"a\"]\n"), ("a/Cargo.toml", text.as_str())];
        check(&House::of(&files)).into_iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn a_dependency_without_a_reason_is_caught() {
        assert_eq!(workspace_lines("serde = \"1\" # what wire bytes derive from"), []);
        assert_eq!(workspace_lines("protocol = { path = \"protocol\" }"), []);
        for entry in ["serde = \"1\"", "serde = \"1\" #", "serde = { version = \"1\", features = [\"# a\"] }"] {
            assert_eq!(workspace_lines(entry), [4], "{entry}");
        }
        assert_eq!(workspace_lines("[workspace.dependencies.serde]\nversion = \"1\""), [4]);
    }

    #[test]
    fn a_member_with_a_version_of_its_own_is_caught() {
        assert_eq!(member_lines("serde.workspace = true\nrand = { workspace = true, features = [\"std\"] }"), []);
        for value in ["\"1\"", "{ version = \"1\" }", "{ workspace = true, version = \"1\" }", "{ git = \"a\" }"] {
            let entry = format!("serde = {value}");
            assert_eq!(member_lines(&entry), [4], "{entry}");
        }
    }

    #[test]
    fn a_member_without_the_lints_of_the_house_is_caught() {
        let files = [("Cargo.toml", "[workspace]\nmembers = [\"a\"]\n"), ("a/Cargo.toml", "[package]\n")];
        assert_eq!(check(&House::of(&files)).len(), 1);
    }
}
