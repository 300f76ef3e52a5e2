//! Inputs, outputs, and what is not reached from the folder.

use std::fs;

use protocol::{Hash, Outcome, TaskFile};
use sandbox::SandboxError;
use tokio::sync::{mpsc, watch};

use crate::rig::{Rig, start};

/// Copies `in/data` to `out/copy`, at most 64 bytes.
const COPY: &str = r#"
  (local $fd i32) (local $length i32)
  (local.set $length (call $read (call $open (i32.const 1024) (i32.const 7) (i32.const 0) (i64.const 2))
    (i32.const 2048) (i32.const 64)))
  (local.set $fd (call $create (i32.const 1031) (i32.const 8)))
  (drop (call $put (local.get $fd) (i32.const 2048) (local.get $length)))"#;

fn copier() -> Rig {
    Rig::new(&start("in/dataout/copy", COPY)).input("in/data", b"some content").output("out/copy")
}

#[tokio::test]
async fn a_program_reads_its_inputs_and_leaves_its_outputs() {
    let rig = copier();
    let finished = rig.run().await;
    assert_eq!((finished.outcome, finished.code), (Outcome::Exited, 0), "{}", finished.detail);
    let content = Hash(*blake3::hash(b"some content").as_bytes());
    assert_eq!(finished.outputs, [TaskFile { path: "out/copy".into(), content, size: 12 }]);
    assert_eq!(fs::read(rig.folder().join("out/copy")).unwrap(), b"some content");
}

/// Also when the node runs as root, whom permission bits do not stop.
#[tokio::test]
async fn an_input_cannot_be_written_and_its_source_stays() {
    let code = "(call $exit (i32.sub (i32.const 0)
      (call $open (i32.const 1024) (i32.const 4) (i32.const 0) (i64.const 64))))";
    let rig = Rig::new(&start("data", code)).input("data", b"precious");
    let finished = rig.run().await;
    assert_eq!((finished.outcome, finished.code), (Outcome::Exited, 2), "{}", finished.detail);
    assert_eq!(fs::read(&rig.job.inputs[0].1).unwrap(), b"precious");
    assert_eq!(fs::read(rig.folder().join("data")).unwrap(), b"precious");
}

#[tokio::test]
async fn a_missing_output_after_a_clean_exit_is_said() {
    let finished = copier().output("out/other").run().await;
    assert_eq!(finished.outcome, Outcome::OutputMissing);
    assert!(finished.detail.contains("out/other"), "{}", finished.detail);
    assert_eq!(finished.outputs.len(), 1);
    let finished = Rig::new(&start("", "(call $exit (i32.const 3))")).output("x").run().await;
    assert_eq!((finished.outcome, finished.code), (Outcome::Exited, 3));
}

#[tokio::test]
async fn outputs_larger_than_allowed_together_are_said_and_not_taken() {
    let finished = copier().limit(|limits| limits.output = 11).run().await;
    assert_eq!(finished.outcome, Outcome::OutputTooLarge, "{}", finished.detail);
    assert!(finished.outputs.is_empty());
    assert_eq!(copier().limit(|limits| limits.output = 12).run().await.outcome, Outcome::Exited);
}

#[tokio::test]
async fn no_path_leads_out_of_the_folder() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    let secret = secret.to_str().unwrap();
    for path in ["../x", "a/../../x", "/etc/passwd", "/", "..", secret] {
        for (flags, rights) in [(0, 2), (9, 66), (2, 2)] {
            let code = format!(
                "(call $exit (i32.lt_s (call $open (i32.const 1024) (i32.const {}) (i32.const {flags})
                   (i64.const {rights})) (i32.const 0)))",
                path.len()
            );
            let finished = Rig::new(&start(path, &code)).run().await;
            assert_eq!((finished.outcome, finished.code), (Outcome::Exited, 1), "{path} {flags}");
        }
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

/// Exits with one bit for each of: a link was made, its name could be read, its name could be created.
/// An absolute link is not even made, so that its name is free for a file.
#[tokio::test]
async fn no_link_leads_out_of_the_folder() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    let absolute = secret.to_str().unwrap().to_string();
    let relative = format!("../../../../../../../..{absolute}");
    for (target, code_expected) in [(absolute, 4), (relative, 1)] {
        let code = format!(
            "(call $exit (i32.or (i32.or
               (i32.eqz (call $path_symlink (i32.const 1028) (i32.const {}) (i32.const 3) (i32.const 1024) (i32.const 4)))
               (i32.shl (i32.ge_s (call $open (i32.const 1024) (i32.const 4) (i32.const 0) (i64.const 2)) (i32.const 0))
                 (i32.const 1)))
               (i32.shl (i32.ge_s (call $create (i32.const 1024) (i32.const 4)) (i32.const 0)) (i32.const 2))))",
            target.len()
        );
        let finished = Rig::new(&start(&format!("link{target}"), &code)).output("link").run().await;
        assert_eq!((finished.code, finished.outputs.len()), (code_expected, code_expected as usize / 4), "{target}");
        assert_eq!(fs::read(&secret).unwrap(), b"secret");
    }
}

#[tokio::test]
async fn a_job_with_impossible_paths_or_texts_is_refused_before_a_child_starts() {
    let rig = || Rig::new(&start("", ""));
    let mut with_zero = rig();
    with_zero.job.arguments.push("a\0b".into());
    let mut with_name = rig();
    with_name.job.environment.push(("A=B".into(), "c".into()));
    let mut with_much = rig();
    with_much.job.arguments = vec!["x".repeat(4096); 256];
    let mut with_more = rig();
    with_more.job.arguments = vec![String::new(); 257];
    for (rig, reason) in [
        (rig().input("../up", b""), "plain path"),
        (rig().output("/etc/passwd"), "plain path"),
        (rig().input("a", b"").output("a"), "twice"),
        (rig().input("a", b"").input("a/b", b""), "lies inside"),
        (rig().output(&"x".repeat(300)).input(&"y".repeat(300), b""), "too long"),
        (with_zero, "zero byte"),
        (with_name, "variable's name"),
        (with_much, "too large together"),
        (with_more, "more than 256"),
    ] {
        let (finished, events) = rig.run_with_events().await;
        assert_eq!(finished.outcome, Outcome::Refused, "{reason}");
        assert!(finished.detail.contains(reason), "{reason}: {}", finished.detail);
        assert!(events.is_empty());
    }
}

#[tokio::test]
async fn a_folder_that_is_not_empty_and_a_missing_input_are_errors() {
    let run = async |rig: &Rig| rig.start(mpsc::channel(64).0, watch::channel(false).1).await;
    let rig = copier();
    fs::write(rig.folder().join("old"), "").unwrap();
    assert!(matches!(run(&rig).await, Err(SandboxError::FolderNotEmpty { .. })));
    let rig = copier();
    fs::remove_file(&rig.job.inputs[0].1).unwrap();
    assert!(matches!(run(&rig).await, Err(SandboxError::Content { path, .. }) if path == rig.job.inputs[0].1));
    let rig = copier();
    fs::remove_file(&rig.job.program).unwrap();
    assert!(matches!(run(&rig).await, Err(SandboxError::Content { path, .. }) if path == rig.job.program));
    let mut rig = copier();
    rig.launcher.program = "/nonexistent/souk".into();
    assert!(matches!(run(&rig).await, Err(SandboxError::Child { .. })));
}
