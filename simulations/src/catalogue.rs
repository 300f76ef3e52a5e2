//! Which scenarios and seeds there are, and the file that a name means.

use std::path::{Path, PathBuf};

use crate::mixed;
use crate::scenario::{LoadError, Scenario, load};

/// The folder of scenarios or of seeds: below the folder that we work in or one above it, else where this was built.
pub fn folder(kind: &str) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let found = here.ancestors().map(|above| above.join("simulations").join(kind)).find(|folder| folder.is_dir());
    found.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(kind))
}

/// All TOML files in a folder, by name.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "toml")).collect();
    files.sort();
    files
}

/// The file that is meant: a path that ends in `.toml`, or a name in the folder of that kind.
pub fn path_of(kind: &str, name: &str) -> PathBuf {
    match name.ends_with(".toml") {
        true => name.into(),
        false => folder(kind).join(format!("{name}.toml")),
    }
}

/// The scenario that a name or a path means; `mixed` is another one for each seed.
///
/// # Errors
/// As [`load`].
pub fn scenario(name: &str, seed: u64) -> Result<Scenario, LoadError> {
    match name == mixed::NAME {
        true => Ok(mixed::scenario(seed)),
        false => load(&path_of("scenarios", name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_a_file_of_the_house_and_a_path_means_itself() {
        assert!(path_of("scenarios", "calm").ends_with("simulations/scenarios/calm.toml"));
        assert_eq!(path_of("scenarios", "./mine.toml"), Path::new("./mine.toml"));
        assert_eq!(scenario("no-such", 1).unwrap_err().code(), "scenario_missing");
        assert_ne!(scenario("mixed", 1).unwrap(), scenario("mixed", 2).unwrap());
    }
}
