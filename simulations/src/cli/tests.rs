//! The commands end to end, on runs that are made up: exit codes, files, and what depends on what.

use super::*;
use crate::fake;
use crate::runner::{Options, Progress};
use crate::{Outcome, Scenario, ScenarioError};
use clap::CommandFactory;
use std::path::Path;

fn breaks(scenario: &Scenario, options: &Options, tell: &mut dyn FnMut(Progress)) -> Result<Outcome, ScenarioError> {
    let mut outcome = fake::run(scenario, options, tell)?;
    if scenario.nodes >= 3 {
        outcome.broken.push(fake::broken("roots"));
    }
    Ok(outcome)
}

fn ended(runner: &Runner, arguments: &[&str]) -> bool {
    let arguments = std::iter::once("souk-sim").chain(arguments.iter().copied()).map(OsString::from);
    format!("{:?}", run(arguments.collect(), runner)) == format!("{:?}", ExitCode::SUCCESS)
}

fn scenario_in(folder: &Path) -> String {
    let path = folder.join("small.toml");
    std::fs::write(&path, fake::scenario().text()).unwrap();
    path.display().to_string()
}

#[test]
fn the_command_tree_is_sound_and_every_command_says_what_it_does() {
    Root::command().debug_assert();
    assert!(Root::command().get_subcommands().all(|command| command.get_about().is_some()));
}

#[test]
fn a_run_writes_what_was_asked_for_and_fails_if_something_broke() {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, out) = (scenario_in(folder.path()), folder.path().join("out"));
    let (out, page) = (out.to_str().unwrap(), folder.path().join("a.html"));
    assert!(ended(&fake::run, &["run", &scenario, "--seed", "5", "--out", out, "--report", page.to_str().unwrap()]));
    let json = std::fs::read_to_string(folder.path().join("out/small-12-5.json")).unwrap();
    assert!(json.contains("\"trace_hash\"") && std::fs::read_to_string(page).unwrap().starts_with("<!doctype html>"));
    assert!(ended(&fake::run, &["run", &scenario, "--out", out, "--format", "csv", "--json"]));
    assert!(folder.path().join("out/small-12-1.csv").exists());
    assert!(!ended(&breaks, &["run", &scenario]));
    assert!(!ended(&fake::run, &["run", "no-such"]));
}

#[test]
fn what_is_shrunk_is_a_seed_that_can_be_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, to) = (scenario_in(folder.path()), folder.path().join("found.toml"));
    let to = to.to_str().unwrap();
    assert!(!ended(&fake::run, &["shrink", "7", "--scenario", &scenario, "--to", to]));
    assert!(ended(&breaks, &["shrink", "7", "--scenario", &scenario, "--to", to, "--runs", "500"]));
    let seed = crate::seeds::Seed::load(Path::new(to)).unwrap();
    assert_eq!((seed.seed, seed.scenario(Path::new(to)).unwrap().nodes), (7, 3));
    assert!(!ended(&breaks, &["replay", to]), "it breaks still");
    assert!(ended(&fake::run, &["replay", to]), "it is mended");
}

#[test]
fn a_replay_tells_whether_the_trace_is_the_recorded_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.toml");
    let mut seed = crate::seeds::Seed::of(&fake::scenario(), 7, "nothing".into());
    for (hash, is_good) in [(fake::outcome(&fake::scenario(), 7).trace_hash, true), (protocol::Hash([1; 32]), false)] {
        seed.trace_hash = Some(hash);
        std::fs::write(&path, seed.text()).unwrap();
        assert_eq!(ended(&fake::run, &["replay", path.to_str().unwrap()]), is_good);
    }
}

#[test]
fn sweeps_are_written_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = scenario_in(folder.path());
    let out = |name: &str| folder.path().join(name).display().to_string();
    let sweep = |name: &str| {
        let (set, page) = ("links.loss_percent=1,5", out(&format!("{name}.html")));
        ended(
            &fake::run,
            &["sweep", &scenario, "--set", set, "--seeds", "1..3", "--out", &out(name), "--report", &page],
        )
    };
    assert!(sweep("a") && sweep("b"));
    let (a, b) = (out("a/small-sweep.json"), out("b/small-sweep.json"));
    assert!(ended(&fake::run, &["compare", &a, &b]) && ended(&fake::run, &["compare", &a, &b, "--json"]));
    assert!(!ended(&fake::run, &["compare", &a, &out("no.json")]));
    assert!(!ended(&fake::run, &["sweep", &scenario, "--set", "links.lost=1"]));
    assert!(!ended(&fake::run, &["sweep", &scenario, "--set", "nodes=5,6", "--seeds", "1..9999"]));
}
