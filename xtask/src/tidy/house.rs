//! The tree of files that rules look at: every member's manifest and Rust files. The only part of tidy that reads
//! the disk; a rule's test makes its tree from text.

use std::fs;
use std::path::Path;

use super::manifest::Manifest;
use super::source::Source;

/// The workspace as its rules see it.
pub struct House {
    /// The workspace's own manifest.
    pub workspace: Manifest,
    /// The members' manifests, in the workspace's order.
    pub members: Vec<Manifest>,
    /// Every Rust file of every member and of the folders that have a workspace of their own.
    pub sources: Vec<Source>,
}

impl House {
    /// Reads the workspace at `root`.
    pub fn read(root: &Path) -> Result<House, String> {
        let workspace = text_of(&root.join("Cargo.toml"))?;
        let mut files = vec![("Cargo.toml".to_string(), workspace)];
        for member in Manifest::new("Cargo.toml", &files[0].1)?.members() {
            files.push((format!("{member}/Cargo.toml"), text_of(&root.join(&member).join("Cargo.toml"))?));
            walk(root, &member, &mut files)?;
        }
        for folder in Manifest::new("Cargo.toml", &files[0].1)?.excluded() {
            walk(root, &folder, &mut files)?;
        }
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        House::parse(&files)
    }

    /// Makes a house from paths and texts: manifests by their name, all else is Rust.
    pub fn parse(files: &[(&str, &str)]) -> Result<House, String> {
        let find = |path: &str| files.iter().find(|(name, _)| *name == path).map(|(_, text)| *text);
        let workspace = Manifest::new("Cargo.toml", find("Cargo.toml").unwrap_or_default())?;
        let mut members = Vec::new();
        for member in workspace.members() {
            let path = format!("{member}/Cargo.toml");
            members.push(Manifest::new(&path, find(&path).unwrap_or_default())?);
        }
        let has_begun = |text: &str| !text.starts_with("//! Stub.\n");
        let rust = files.iter().filter(|(path, text)| path.ends_with(".rs") && has_begun(text));
        let mut sources: Vec<Source> = rust.map(|(path, text)| Source::new(path, text)).collect();
        let for_tests: Vec<String> = sources.iter().flat_map(test_paths).collect();
        for source in &mut sources {
            if for_tests.iter().any(|path| source.is_in(path)) {
                source.mark_as_test();
            }
        }
        Ok(House { workspace, members, sources })
    }

    /// A house for a rule's test.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> House {
        House::parse(files).unwrap()
    }
}

/// Where the `#[cfg(test)] mod name;` of `source` lie, without `.rs`.
fn test_paths(source: &Source) -> Vec<String> {
    let is_root = matches!(source.file_name(), "lib.rs" | "main.rs");
    let end = if is_root { source.file_name() } else { ".rs" };
    let folder = source.path.strip_suffix(end).unwrap_or_default().trim_end_matches('/');
    source.test_modules.iter().map(|name| format!("{folder}/{name}")).collect()
}

fn walk(root: &Path, folder: &str, files: &mut Vec<(String, String)>) -> Result<(), String> {
    let unread = |error: std::io::Error| format!("{folder}: {error}");
    let mut entries: Vec<_> = fs::read_dir(root.join(folder)).map_err(unread)?.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        let kind = entry.file_type().map_err(unread)?;
        if kind.is_dir() && name != "target" && !name.starts_with('.') {
            walk(root, &path, files)?;
        } else if kind.is_file() && name.ends_with(".rs") {
            files.push((path, text_of(&entry.path())?));
        }
    }
    Ok(())
}

fn text_of(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_only_tests_declare_ships_nothing() {
        let house = House::of(&[
            ("a/src/lib.rs", "#[cfg(test)]\nmod fakes;\nmod b;"),
            ("a/src/fakes.rs", "x();"),
            ("a/src/fakes/deep.rs", "x();"),
            ("a/src/b.rs", "#[cfg(test)] mod pair;"),
            ("a/src/b/pair.rs", "x();"),
            ("a/src/b/sold.rs", "x();"),
        ]);
        let shipped = |path: &&Source| path.shipped.contains("x();");
        let paths: Vec<&str> = house.sources.iter().filter(shipped).map(|source| source.path.as_str()).collect();
        assert_eq!(paths, ["a/src/b/sold.rs"]);
    }
}
