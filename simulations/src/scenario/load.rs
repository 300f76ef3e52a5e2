//! Scenarios from TOML files, changed by dotted paths, and written back with what differs from the defaults.

use std::io::Read;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{Latency, Scenario, ScenarioError};

/// Bytes of a scenario file that are read; a larger one is refused.
const FILE_MAX: u64 = 256 * 1024;

/// Why a file holds no scenario that can be run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such file.
    #[error("there is no file {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is too large to be one.
    #[error("{} is larger than {} KiB", path.display(), FILE_MAX / 1024)]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// It is no TOML.
    #[error("{}:{line}: {why}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        why: String,
    },
    /// A field is unknown, missing or of another kind.
    #[error("{}:{line}: {why}", path.display())]
    Field {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// The file is called otherwise than its scenario.
    #[error("{} holds the scenario `{name}`", path.display())]
    Name {
        /// Which file.
        path: PathBuf,
        /// What it calls itself.
        name: String,
    },
    /// A dotted path leads nowhere, or to something of another kind.
    #[error("`{field}` cannot be set: {why}")]
    Set {
        /// The path.
        field: String,
        /// What is wrong.
        why: String,
    },
    /// It can be read but not run.
    #[error("{}: {source}", path.display())]
    Check {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: ScenarioError,
    },
}

impl LoadError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            LoadError::Missing { .. } => "scenario_missing",
            LoadError::Unreadable { .. } => "scenario_unreadable",
            LoadError::TooLarge { .. } => "scenario_too_large",
            LoadError::Syntax { .. } => "scenario_syntax",
            LoadError::Field { .. } => "scenario_field",
            LoadError::Name { .. } => "scenario_name",
            LoadError::Set { .. } => "scenario_set",
            LoadError::Check { source, .. } => source.code(),
        }
    }

    /// The next step to try.
    pub fn next(&self) -> &'static str {
        match self {
            LoadError::Missing { .. } => "souk-sim list",
            LoadError::Unreadable { .. } => "check the path and its permissions",
            LoadError::TooLarge { .. } => "check that it is the file that you mean",
            LoadError::Syntax { .. } => "correct that line; the files in simulations/scenarios show the form",
            LoadError::Field { .. } | LoadError::Set { .. } => "docs/simulation.md has all fields and their defaults",
            LoadError::Name { .. } => "give the file and its `name` the same name",
            LoadError::Check { source, .. } => source.next(),
        }
    }
}

/// Reads and checks the scenario in a file, which must bear its name; a file that it names lies beside it.
///
/// # Errors
/// [`LoadError`] says what is wrong and where.
pub fn load(path: &Path) -> Result<Scenario, LoadError> {
    let mut scenario: Scenario = parse(&read(path)?, path)?;
    if let Latency::Plan { file } = &mut scenario.links.latency {
        *file = path.with_file_name(&*file).display().to_string();
    }
    if path.file_stem().and_then(|stem| stem.to_str()) != Some(&scenario.name) {
        return Err(LoadError::Name { path: path.into(), name: scenario.name });
    }
    scenario.check().map_err(|source| LoadError::Check { path: path.into(), source })?;
    Ok(scenario)
}

/// The text of a small file.
pub(crate) fn read(path: &Path) -> Result<String, LoadError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => LoadError::Missing { path: path.into() },
        _ => LoadError::Unreadable { path: path.into(), source },
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(FILE_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    match text.len() as u64 > FILE_MAX {
        true => Err(LoadError::TooLarge { path: path.into() }),
        false => Ok(text),
    }
}

/// What a TOML text holds, with the line of what is wrong; `path` is for the message.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(text: &str, path: &Path) -> Result<T, LoadError> {
    let place = |error: &toml::de::Error| {
        let before = error.span().map_or("", |span| text.get(..span.start).unwrap_or(text));
        (before.matches('\n').count() + 1, error.message().replace('\n', ", "))
    };
    if let Err(error) = toml::from_str::<Table>(text) {
        let (line, why) = place(&error);
        return Err(LoadError::Syntax { path: path.into(), line, why });
    }
    toml::from_str(text).map_err(|error| {
        let (line, why) = place(&error);
        LoadError::Field { path: path.into(), line, why }
    })
}

impl Scenario {
    /// The same with the field at a dotted path (`links.loss_percent`, `faults.0.for_s`) set to a TOML value, or to a
    /// text where it is none.
    ///
    /// # Errors
    /// [`LoadError::Set`] if there is no such field or it cannot be that.
    pub fn with(&self, field: &str, value: &str) -> Result<Scenario, LoadError> {
        let wrong = |why: String| LoadError::Set { field: field.into(), why };
        let mut table = table(self);
        let word = value.to_string();
        let value = toml::from_str::<Table>(&format!("value = {value}"));
        let value = value.ok().and_then(|mut table| table.remove("value")).unwrap_or(Value::String(word));
        let (above, last) = field.rsplit_once('.').unwrap_or(("", field));
        let mut place = Value::Table(std::mem::take(&mut table));
        let mut at = &mut place;
        for part in above.split('.').filter(|part| !part.is_empty()) {
            at = step(at, part).ok_or_else(|| wrong(format!("there is no `{part}`")))?;
        }
        match at {
            Value::Table(table) => {
                table.insert(last.into(), value);
            }
            Value::Array(array) => {
                let slot = last.parse::<usize>().ok().and_then(|last| array.get_mut(last));
                *slot.ok_or_else(|| wrong(format!("there is no `{last}`")))? = value;
            }
            _ => return Err(wrong(format!("`{above}` has no parts"))),
        }
        place.try_into().map_err(|error: toml::de::Error| wrong(error.message().replace('\n', ", ")))
    }

    /// TOML that gives this scenario again, without what is as the defaults have it.
    pub fn text(&self) -> String {
        toml::to_string(&self.settings()).expect("a table of plain values is TOML")
    }

    /// What differs from the defaults, as a table.
    pub fn settings(&self) -> Table {
        let bare = Scenario {
            warmup_s: super::defaults::warmup_s(),
            mode: Default::default(),
            market: Default::default(),
            links: Default::default(),
            mesh: Default::default(),
            clocks: Default::default(),
            machines: Default::default(),
            traders: Default::default(),
            faults: Vec::new(),
            cheats: Vec::new(),
            checks: Default::default(),
            expect: Default::default(),
            ..self.clone()
        };
        let needed = ["name", "question", "nodes", "seconds"];
        let mut settings = table(self);
        let defaults = table(&bare);
        settings.retain(|name, value| {
            let default = defaults.get(name);
            if let (Value::Table(value), Some(Value::Table(default))) = (&mut *value, default) {
                value.retain(|name, value| default.get(name) != Some(value));
                return !value.is_empty();
            }
            let is_empty = value.as_array().is_some_and(Vec::is_empty);
            needed.contains(&name) || (default != Some(value) && !is_empty)
        });
        settings
    }
}

fn table(scenario: &Scenario) -> Table {
    Table::try_from(scenario).expect("a scenario is a table of plain values")
}

fn step<'a>(value: &'a mut Value, part: &str) -> Option<&'a mut Value> {
    match value {
        Value::Table(table) => table.get_mut(part),
        Value::Array(array) => array.get_mut(part.parse::<usize>().ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Every, FaultKind};

    const TEXT: &str = "name = \"a\"\nquestion = \"b\"\nnodes = 3\nseconds = 4\n[links]\nloss_percent = 5\n\
        [[faults]]\nat_s = 1\nkind = { crash = { keeps_disk = true } }\n[expect]\nagreed_ppm = { min = 1 }\n";

    fn scenario() -> Scenario {
        parse(TEXT, Path::new("a.toml")).unwrap()
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let said = |text: &str| parse::<Scenario>(text, Path::new("x.toml")).unwrap_err();
        assert_eq!(said(&TEXT.replace("[links]", "[links")).code(), "scenario_syntax");
        let error = said(&TEXT.replace("loss_percent", "lost_percent"));
        assert_eq!(error.code(), "scenario_field");
        assert!(error.to_string().starts_with("x.toml:6: unknown field `lost_percent`"), "{error}");
        assert!(said("nodes = 3\n").to_string().contains("missing field"));
    }

    #[test]
    fn a_file_must_exist_and_bear_its_name_and_make_sense() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        assert_eq!(load(&path).unwrap_err().code(), "scenario_missing");
        std::fs::write(&path, TEXT).unwrap();
        assert_eq!(load(&path).unwrap(), scenario());
        std::fs::write(&path, TEXT.replace("\"a\"", "\"c\"")).unwrap();
        assert_eq!(load(&path).unwrap_err().code(), "scenario_name");
        std::fs::write(&path, TEXT.replace("loss_percent = 5", "loss_percent = 500")).unwrap();
        assert_eq!(load(&path).unwrap_err().code(), "scenario_range");
        std::fs::write(&path, TEXT.replace("agreed_ppm", "agreed_pmm")).unwrap();
        assert_eq!(load(&path).unwrap_err().code(), "scenario_figure");
        std::fs::write(&path, "#".repeat(FILE_MAX as usize + 1)).unwrap();
        assert_eq!(load(&path).unwrap_err().code(), "scenario_too_large");
    }

    #[test]
    fn a_scenario_is_written_without_its_defaults_and_read_again() {
        let mut scenario = scenario();
        scenario.links.latency = Latency::Uniform { min_ms: 1.0, max_ms: 2.5 };
        scenario.checks.every = Every::Step;
        let text = scenario.text();
        assert_eq!(parse::<Scenario>(&text, Path::new("a.toml")).unwrap(), scenario);
        assert!(!text.contains("traders") && !text.contains("jitter"), "{text}");
    }

    #[test]
    fn a_field_is_set_by_its_dotted_path() {
        let scenario = scenario();
        assert_eq!(scenario.with("links.loss_percent", "7").unwrap().links.loss_percent, 7.0);
        assert_eq!(scenario.with("nodes", "70").unwrap().nodes, 70);
        assert_eq!(scenario.with("checks.every", "step").unwrap().checks.every, Every::Step);
        assert_eq!(scenario.with("faults.0.for_s", "2.5").unwrap().faults[0].for_s, 2.5);
        let kind = scenario.with("faults.0.kind.crash.keeps_disk", "false").unwrap().faults[0].kind.clone();
        assert_eq!(kind, FaultKind::Crash { keeps_disk: false });
        assert_eq!(scenario.with("market.epoch_ms", "1000").unwrap().market["epoch_ms"], 1000);
        for (field, value) in
            [("links.lost", "1"), ("faults.1.for_s", "1"), ("nodes", "many"), ("link.loss_percent", "1")]
        {
            assert_eq!(scenario.with(field, value).unwrap_err().code(), "scenario_set", "{field}");
        }
    }
}
