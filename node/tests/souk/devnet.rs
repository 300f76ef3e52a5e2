//! The first command of the README, whole: five nodes, one market, one deal, one verified picture.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::nodes::SOUK;

fn devnet(arguments: &[&str]) -> (i32, Value, String) {
    let output = Command::new(SOUK).args(["devnet", "--once", "--json"]).args(arguments).stdin(Stdio::null()).output();
    let output = output.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let document = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap_or(-1), document, stderr)
}

/// Processes of this binary that still run on `folder`.
fn left_behind(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        if command.contains(folder) && command.contains("node run") {
            found.push(command);
        }
    }
    found
}

#[test]
fn a_whole_market_runs_from_one_command_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("devnet");
    let (code, document, stderr) = devnet(&["--data", data.to_str().unwrap()]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(document["nodes"].as_array().unwrap().len(), 5);
    let roots = document["epoch"]["roots"].as_array().unwrap();
    assert_eq!(roots.len(), 5, "{document:#}");
    let distinct: BTreeSet<&str> = roots.iter().map(|root| root["root"].as_str().unwrap()).collect();
    assert_eq!(distinct.len(), 1, "{roots:#?}");
    assert_eq!(document["epoch"]["are_equal"], true);
    let deal = &document["deals"][0];
    assert_eq!(deal["state"], "cancelled", "{deal:#}");
    assert!(deal["supplier_signature"].is_object() && deal["consumer_signature"].is_object());
    assert_eq!(deal["is_paid"], false);
    let receipt = &document["receipts"][0];
    assert_eq!(receipt["is_verified"], true, "{receipt:#}");
    assert_eq!(receipt["receipt"]["metering"]["name"], "wasmtime-fuel");
    assert!(receipt["receipt"]["gas"].as_u64().unwrap() > 1_000_000);
    let output = &document["output"];
    let picture = std::fs::read(output["path"].as_str().unwrap()).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
    let expected = include_bytes!("../../../examples/path_tracer/bazaar.png");
    assert_eq!(picture, expected, "the picture is the one in the repository, byte for byte");
    assert!(document["timeline"].as_array().unwrap().len() >= 6);
    assert_eq!(left_behind(folder.path().to_str().unwrap()), Vec::<String>::new());
}

/// Starts a devnet that stays up, and waits until it says so.
fn devnet_that_stays(data: &Path) -> Child {
    let mut command = Command::new(SOUK);
    command.args(["devnet", "--data"]).arg(data).stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("stays up until Ctrl-C")), "the devnet ended before that");
    // Whoever prints goes on printing: nobody reads it from here on.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

#[test]
fn ctrl_c_and_a_kill_of_the_devnet_end_every_child() {
    for (signal, code) in [(Signal::INT, Some(0)), (Signal::KILL, None)] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap();
        let mut child = devnet_that_stays(&folder.path().join("devnet"));
        assert_eq!(left_behind(root).len(), 5);
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), code);
        let deadline = Instant::now() + Duration::from_secs(10);
        while !left_behind(root).is_empty() {
            assert!(Instant::now() < deadline, "these go on: {:#?}", left_behind(root));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn a_program_that_is_not_webassembly_ends_the_devnet_with_a_code_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    std::fs::write(&program, "#!/bin/sh\necho no\n").unwrap();
    let data = folder.path().join("devnet");
    let (code, document, stderr) = devnet(&["--data", data.to_str().unwrap(), "--program", program.to_str().unwrap()]);
    assert_eq!(code, 1, "{document:#} {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(document["error"]["code"].is_string(), "{document:#}");
    assert_eq!(left_behind(folder.path().to_str().unwrap()), Vec::<String>::new());
}
