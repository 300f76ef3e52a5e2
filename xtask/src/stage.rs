//! Runs stages one after another up to the first that fails, under headings, and sums them up.
//! Knows how to run a stage, not which there are.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// One step of a chore.
pub struct Stage {
    /// A word or two, for headings.
    pub name: &'static str,
    /// What it does.
    pub work: Work,
}

/// What a stage does.
pub enum Work {
    /// A program with its arguments, run at the root without input.
    Program(Vec<String>),
    /// A function of this process.
    Chore(fn(&Path) -> Result<(), String>),
}

/// How a stage ended.
#[derive(Debug, Clone, PartialEq)]
enum Ending {
    Passed(f64),
    Failed(f64, String),
    NotRun,
}

impl Stage {
    /// A stage that runs a command line without quotes or spaces in its words.
    pub fn program(name: &'static str, line: &str) -> Stage {
        Stage { name, work: Work::Program(line.split_whitespace().map(String::from).collect()) }
    }

    /// A stage that runs a function.
    pub fn chore(name: &'static str, chore: fn(&Path) -> Result<(), String>) -> Stage {
        Stage { name, work: Work::Chore(chore) }
    }

    fn run(&self, root: &Path) -> Result<(), String> {
        match &self.work {
            Work::Program(words) => run_program(root, words),
            Work::Chore(chore) => chore(root),
        }
    }
}

/// Runs all stages at `root`; what comes after the first failure is not run. The error is for the last line.
pub fn run_all(root: &Path, stages: &[Stage]) -> Result<(), String> {
    let mut endings = vec![Ending::NotRun; stages.len()];
    for (index, stage) in stages.iter().enumerate() {
        println!("\n== {}/{} {}: {}", index + 1, stages.len(), stage.name, stage.work);
        let start = Instant::now();
        let done = stage.run(root);
        let seconds = start.elapsed().as_secs_f64();
        println!("== {}: {} in {seconds:.1} s", stage.name, if done.is_ok() { "passed" } else { "FAILED" });
        endings[index] = match done {
            Ok(()) => Ending::Passed(seconds),
            Err(reason) => Ending::Failed(seconds, reason),
        };
        if endings[index] != Ending::Passed(seconds) {
            break;
        }
    }
    println!("\n{}", summary(stages, &endings));
    let failed = stages.iter().zip(endings).find_map(|(stage, ending)| match ending {
        Ending::Failed(_, reason) => Some(format!("{} failed: {reason}", stage.name)),
        Ending::Passed(_) | Ending::NotRun => None,
    });
    failed.map_or(Ok(()), Err)
}

/// Runs one program at `root`, without input; the error names the command.
pub fn run_program(root: &Path, words: &[String]) -> Result<(), String> {
    let line = words.join(" ");
    match command(root, words)?.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` ended with {status}")),
        Err(error) => Err(format!("`{line}` did not start: {error}")),
    }
}

/// As [`run_program`], for one that talks too much: gives what it said, and prints it only where it failed.
pub fn run_quietly(root: &Path, words: &[String]) -> Result<String, String> {
    let line = words.join(" ");
    let output = command(root, words)?.output().map_err(|error| format!("`{line}` did not start: {error}"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    println!("{said}");
    Err(format!("`{line}` ended with {}", output.status))
}

fn command(root: &Path, words: &[String]) -> Result<Command, String> {
    let (program, arguments) = words.split_first().ok_or("nothing to run")?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root).stdin(Stdio::null());
    // Cargo tells this process about xtask; a build must not see that, or it differs from one started by hand.
    for (name, _) in std::env::vars_os() {
        let about_xtask =
            ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.to_string_lossy().starts_with(start));
        if about_xtask {
            command.env_remove(name);
        }
    }
    Ok(command)
}

fn summary(stages: &[Stage], endings: &[Ending]) -> String {
    let width = stages.iter().map(|stage| stage.name.len()).max().unwrap_or_default();
    let line = |(stage, ending): (&Stage, &Ending)| {
        let name = format!("{:width$}", stage.name);
        match ending {
            Ending::Passed(seconds) => format!("passed   {name} {seconds:8.1} s"),
            Ending::Failed(seconds, reason) => format!("FAILED   {name} {seconds:8.1} s  {reason}"),
            Ending::NotRun => format!("not run  {name}"),
        }
    };
    stages.iter().zip(endings).map(line).collect::<Vec<_>>().join("\n")
}

impl std::fmt::Display for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Work::Program(words) => f.write_str(&words.join(" ")),
            Work::Chore(_) => f.write_str("part of cargo xtask"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_ends_the_run_and_names_its_command() {
        let unreached = |_: &Path| -> Result<(), String> { unreachable!("a stage after a failure is not run") };
        let stages = [
            Stage::program("good", "true"),
            Stage::program("bad", "grep x no-such-file"),
            Stage::chore("unreached", unreached),
        ];
        let failure = run_all(Path::new("."), &stages).unwrap_err();
        assert_eq!(failure, "bad failed: `grep x no-such-file` ended with exit status: 2");
        assert_eq!(run_all(Path::new("."), &stages[..1]), Ok(()));
    }

    #[test]
    fn a_program_that_is_not_there_is_a_failure_that_says_so() {
        let failure = run_program(Path::new("."), &["no-such-program".into()]).unwrap_err();
        assert!(failure.starts_with("`no-such-program` did not start"), "{failure}");
    }

    #[test]
    fn what_a_quiet_program_says_is_given_and_its_failure_names_the_command() {
        let words = |text: &str| ["sh", "-c", text].map(String::from);
        assert_eq!(run_quietly(Path::new("."), &words("echo a; echo b >&2")), Ok("a\nb\n".into()));
        let failure = run_quietly(Path::new("."), &words("exit 3")).unwrap_err();
        assert!(failure.contains("exit 3") && failure.contains("exit status: 3"), "{failure}");
    }

    #[test]
    fn a_program_reads_no_input() {
        let words = ["sh", "-c", "! read line"].map(String::from);
        assert_eq!(run_program(Path::new("."), &words), Ok(()));
    }

    #[test]
    fn the_summary_has_a_line_for_every_stage() {
        let stages = ["a", "long", "b"].map(|name| Stage::program(name, "true"));
        let endings = [Ending::Passed(0.04), Ending::Failed(12.3, "`x` ended".into()), Ending::NotRun];
        let expected = "passed   a         0.0 s\nFAILED   long     12.3 s  `x` ended\nnot run  b   ";
        assert_eq!(summary(&stages, &endings), expected);
    }
}
