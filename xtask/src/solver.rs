//! The solver that clearing's tests compare large books with: a Python package of a pinned version in an environment of its
//! own beside what is built. Knows where it stands, not what is solved.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::fuzz::target_folder;
use crate::stage::run_program;

/// Names the packages and their versions.
const REQUIREMENTS: &str = "matcher/tests/clearing/requirements.txt";
/// Imports what the tests import.
const PROBE: &str = "import numpy, ortools.graph.python.min_cost_flow";

/// Makes the environment if it is not there, or is of other versions.
pub fn provide(root: &Path) -> Result<(), String> {
    let folder = target_folder(root).join("solver");
    let python = folder.join("bin/python").to_string_lossy().into_owned();
    let wanted =
        std::fs::read_to_string(root.join(REQUIREMENTS)).map_err(|error| format!("{REQUIREMENTS}: {error}"))?;
    if has(&python, &wanted) {
        println!("nothing to install");
        return Ok(());
    }
    println!("installs: {} in {}", wanted.trim().replace('\n', ", "), folder.display());
    let folder = folder.to_string_lossy().into_owned();
    run_program(root, &["python3", "-m", "venv", "--clear", &folder].map(String::from))?;
    // What else the packages name is for parts of them that the tests do not use.
    let install = [&python, "-m", "pip", "install", "--quiet", "--no-deps", "-r", REQUIREMENTS].map(String::from);
    run_program(root, &install)?;
    match has(&python, &wanted) {
        true => Ok(()),
        false => Err(format!("{folder} holds no working solver: remove it and try again")),
    }
}

/// Whether this Python has exactly the `wanted` packages, and they work.
fn has(python: &str, wanted: &str) -> bool {
    let quiet = |arguments: &[&str]| Command::new(python).args(arguments).stdin(Stdio::null()).output().ok();
    let Some(frozen) = quiet(&["-m", "pip", "freeze"]) else { return false };
    let installed = String::from_utf8_lossy(&frozen.stdout).into_owned();
    is_same(&installed, wanted) && quiet(&["-c", PROBE]).is_some_and(|output| output.status.success())
}

fn is_same(installed: &str, wanted: &str) -> bool {
    let lines = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(|line| line.trim().to_lowercase()).collect();
        lines.retain(|line| !line.is_empty());
        lines.sort_unstable();
        lines
    };
    lines(installed) == lines(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_of_another_version_is_not_taken_for_the_right_one() {
        assert!(is_same("b==2\nA==1\n", "a==1\nb==2\n\n"));
        for installed in ["", "a==1\n", "a==1\nb==3\n", "a==1\nb==2\nc==3\n"] {
            assert!(!is_same(installed, "a==1\nb==2\n"), "{installed}");
        }
        assert!(!has("/nowhere/python", ""));
    }
}
