//! Seeds that once failed, kept as small files so that they are run for ever. Knows their form and runs nothing.

use std::path::Path;

use protocol::Hash;
use serde::{Deserialize, Serialize};

use crate::catalogue;
use crate::scenario::{LoadError, Scenario, parse, read};

/// A seed that once failed: a file in `simulations/seeds`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    /// The scenario's name; with `shrunk`, the one that it was shrunk from.
    pub scenario: String,
    /// What chance is drawn from.
    pub seed: u64,
    /// Peers; else the scenario's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<u32>,
    /// What it showed, in a sentence.
    pub showed: String,
    /// The trace of a run that is right, if it may not change unnoticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_hash: Option<Hash>,
    /// The smallest scenario that showed it; else that of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<toml::Table>,
}

impl Seed {
    /// Reads a file of one seed.
    ///
    /// # Errors
    /// As for a scenario.
    pub fn load(path: &Path) -> Result<Seed, LoadError> {
        parse(&read(path)?, path)
    }

    /// The scenario that it runs; `path` is for messages.
    ///
    /// # Errors
    /// If there is none, or it cannot be run.
    pub fn scenario(&self, path: &Path) -> Result<Scenario, LoadError> {
        let Some(shrunk) = &self.shrunk else { return catalogue::scenario(&self.scenario, self.seed) };
        let scenario: Scenario = parse(&toml::to_string(shrunk).expect("a table is TOML"), path)?;
        scenario.check().map_err(|source| LoadError::Check { path: path.into(), source })?;
        Ok(scenario)
    }

    /// The file of a shrunk scenario.
    pub fn of(scenario: &Scenario, seed: u64, showed: String) -> Seed {
        let (name, shrunk) = (scenario.name.clone(), Some(scenario.settings()));
        Seed { scenario: name, seed, nodes: None, showed, trace_hash: None, shrunk }
    }

    /// Its text as a file.
    pub fn text(&self) -> String {
        toml::to_string(self).expect("a seed is a table of plain values")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shrunk_scenario_comes_back_from_its_file() {
        let scenario = crate::fake::scenario();
        let seed = Seed::of(&scenario, 77, "peers 3 and 4 sealed other books".into());
        let path = Path::new("seeds/small-77.toml");
        let back: Seed = parse(&seed.text(), path).unwrap();
        assert_eq!(back, seed);
        assert_eq!(back.scenario(path).unwrap(), scenario);
    }

    #[test]
    fn a_file_without_a_scenario_of_its_own_means_that_of_the_name() {
        let seed: Seed =
            parse("scenario = \"no-such\"\nseed = 7\nshowed = \"nothing\"\n", Path::new("x.toml")).unwrap();
        assert_eq!(seed.scenario(Path::new("x.toml")).unwrap_err().code(), "scenario_missing");
    }
}
