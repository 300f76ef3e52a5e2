//! One `Cargo.toml`: its dependencies, each with the line it stands on. Knows TOML and Cargo's tables, no rule.

use toml::{Table, Value};

/// A parsed manifest with its text.
pub struct Manifest {
    /// The path from the repository's root.
    pub path: String,
    /// The file as written.
    pub text: String,
    /// The file as TOML.
    pub table: Table,
}

/// One line of a dependency table.
pub struct Dependency<'a> {
    /// `dependencies`, `dev-dependencies` or `build-dependencies`.
    pub kind: &'static str,
    /// The name on the left.
    pub name: &'a str,
    /// What stands on the right.
    pub value: &'a Value,
    /// Counted from 1.
    pub line: usize,
}

const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

impl Manifest {
    /// Parses `text`.
    pub fn new(path: &str, text: &str) -> Result<Manifest, String> {
        let table = text.parse().map_err(|error| format!("{path}: {error}"))?;
        Ok(Manifest { path: path.into(), text: text.into(), table })
    }

    /// The folder that the manifest lies in; empty for the workspace.
    pub fn folder(&self) -> &str {
        self.path.trim_end_matches("Cargo.toml").trim_end_matches('/')
    }

    /// The members of a workspace's manifest.
    pub fn members(&self) -> Vec<String> {
        self.folders("members")
    }

    /// The folders that a workspace's manifest leaves to workspaces of their own.
    pub fn excluded(&self) -> Vec<String> {
        self.folders("exclude")
    }

    fn folders(&self, key: &str) -> Vec<String> {
        let folders = self.table.get("workspace").and_then(|workspace| workspace.get(key));
        let names = folders.and_then(Value::as_array).into_iter().flatten();
        names.filter_map(Value::as_str).map(String::from).collect()
    }

    /// The versions table of a workspace's manifest.
    pub fn shared(&self) -> Vec<Dependency<'_>> {
        let workspace = self.table.get("workspace").and_then(Value::as_table);
        workspace.map(|table| self.listed(table, KINDS[0])).unwrap_or_default()
    }

    /// All dependencies of a member, those of single platforms too.
    pub fn dependencies(&self) -> Vec<Dependency<'_>> {
        let targets = self.table.get("target").and_then(Value::as_table);
        let platforms = targets.into_iter().flatten().filter_map(|(_, value)| value.as_table());
        let tables: Vec<&Table> = std::iter::once(&self.table).chain(platforms).collect();
        tables.iter().flat_map(|table| KINDS.into_iter().flat_map(|kind| self.listed(table, kind))).collect()
    }

    fn listed<'a>(&'a self, table: &'a Table, kind: &'static str) -> Vec<Dependency<'a>> {
        let entries = table.get(kind).and_then(Value::as_table).into_iter().flatten();
        entries.map(|(name, value)| Dependency { kind, name, value, line: self.line_of(kind, name) }).collect()
    }

    /// The line of `name` in a table that ends in `kind`; 1 if it is written in a way not foreseen here.
    fn line_of(&self, kind: &str, name: &str) -> usize {
        let mut is_inside = false;
        for (index, line) in self.text.lines().enumerate() {
            if let Some(header) = line.strip_prefix('[') {
                let header = header.split(']').next().unwrap_or_default();
                is_inside = header.rsplit('.').next() == Some(kind);
                if header
                    .strip_suffix(name)
                    .is_some_and(|rest| rest.strip_suffix('.').is_some_and(|h| h.ends_with(kind)))
                {
                    return index + 1;
                }
            }
            let rest = line.trim_start().strip_prefix(name).unwrap_or("-");
            if is_inside && rest.starts_with(['.', ' ', '=']) {
                return index + 1;
            }
        }
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_dependency_is_found_on_its_line() {
        let text = "[dependencies]\nserde.workspace = true\nserde_json = { workspace = true }\n\
                    [dev-dependencies]\nserde.workspace = true\n[target.'cfg(unix)'.dependencies]\nrustix = \"1\"\n\
                    [build-dependencies.cc]\nversion = \"1\"\n";
        let manifest = Manifest::new("a/Cargo.toml", text).unwrap();
        let found: Vec<_> = manifest.dependencies().iter().map(|one| (one.kind, one.name, one.line)).collect();
        let expected = [
            ("dependencies", "serde", 2),
            ("dependencies", "serde_json", 3),
            ("dev-dependencies", "serde", 5),
            ("build-dependencies", "cc", 8),
            ("dependencies", "rustix", 7),
        ];
        assert_eq!(found, expected);
        assert_eq!(manifest.folder(), "a");
    }
}
