//! The child as a process: what it has given up, and that it ends whenever it must.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use protocol::Outcome;
use rustix::process::{Pid, Signal, kill_process};
use sandbox::{Event, Finished};
use tokio::sync::{mpsc, watch};

use crate::rig::{Rig, endless, find_process, wait_until_gone};

fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
}

/// A job that never ends by itself.
fn forever() -> Rig {
    Rig::new(&endless()).limit(|limits| (limits.gas, limits.wall_ms) = (u64::MAX, 3_600_000))
}

/// Runs `rig` until it has started, then does `then`, and gives the end of both.
async fn once_started(rig: &Rig, then: impl AsyncFnOnce(watch::Sender<bool>)) -> Finished {
    let (sender, mut events) = mpsc::channel(8);
    let (stop, stopped) = watch::channel(false);
    let acting = async {
        while events.recv().await.unwrap() != Event::Started {}
        then(stop).await;
    };
    let (finished, ()) = tokio::join!(rig.start(sender, stopped), acting);
    finished.unwrap()
}

#[tokio::test]
async fn a_job_stops_in_the_middle_when_asked_and_leaves_no_process() {
    let rig = forever();
    let mut child = 0;
    let finished = once_started(&rig, async |stop| {
        child = rig.child().await;
        stop.send_replace(true);
    });
    let finished = finished.await;
    assert_eq!((finished.outcome, finished.code), (Outcome::Stopped, 0));
    assert!(!PathBuf::from(format!("/proc/{child}")).exists());
}

#[tokio::test]
async fn a_job_that_was_stopped_before_it_began_does_not_run() {
    let finished = forever().start(mpsc::channel(8).0, watch::channel(true).1).await.unwrap();
    assert_eq!((finished.outcome, finished.wall_ms), (Outcome::Stopped, 0));
}

#[tokio::test]
async fn a_child_that_is_killed_from_outside_is_the_sandboxs_failure_and_leaves_no_zombie() {
    let rig = forever();
    let mut child = 0;
    let finished = once_started(&rig, async |_stop| {
        child = rig.child().await;
        kill(child);
    });
    let finished = finished.await;
    assert_eq!(finished.outcome, Outcome::SandboxFailed);
    assert!(finished.detail.contains("signal: 9"), "{}", finished.detail);
    assert!(!PathBuf::from(format!("/proc/{child}")).exists());
}

#[tokio::test]
async fn dropping_the_future_kills_the_child_and_leaves_no_zombie() {
    let rig = forever();
    let child = tokio::select! {
        finished = rig.start(mpsc::channel(8).0, watch::channel(false).1) => panic!("{finished:?}"),
        child = rig.child() => child,
    };
    wait_until_gone(child).await;
}

/// A node of its own for the next test, which kills it.
#[tokio::test]
#[ignore = "run by the test below"]
async fn a_node_that_only_waits() {
    let mut rig = forever();
    rig.launcher.arguments.push(std::env::var_os("SOUK_TEST_TOKEN").unwrap());
    rig.run().await;
}

#[tokio::test]
async fn a_child_dies_with_its_node() {
    let token = format!("token-{}", std::process::id());
    let mut node = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::a_node_that_only_waits", "--ignored"])
        .env("SOUK_TEST_TOKEN", &token)
        .spawn()
        .unwrap();
    let child = find_process(&token).await;
    node.kill().unwrap();
    node.wait().unwrap();
    wait_until_gone(child).await;
}

#[tokio::test]
async fn a_running_child_has_no_privileges_no_core_dump_and_few_files() {
    let rig = forever();
    let finished = once_started(&rig, async |stop| {
        let child = rig.child().await;
        let status = fs::read_to_string(format!("/proc/{child}/status")).unwrap();
        for line in ["NoNewPrivs:\t1", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000"] {
            assert!(status.contains(line), "{line}: {status}");
        }
        assert_eq!(fs::read_to_string(format!("/proc/{child}/oom_score_adj")).unwrap().trim(), "1000");
        let limits = fs::read_to_string(format!("/proc/{child}/limits")).unwrap();
        let words = |name: &str| {
            let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
            line[name.len()..].split_whitespace().take(2).map(str::to_string).collect::<Vec<_>>()
        };
        assert_eq!(words("Max core file size"), ["0", "0"]);
        assert_eq!(words("Max open files"), ["128", "128"]);
        let disk = ((2 << 20) + (64 << 20)).to_string();
        assert_eq!(words("Max file size"), [disk.clone(), disk]);
        let data = ((2u64 << 30) + (64 << 20)).to_string();
        assert_eq!(words("Max data size"), [data.clone(), data]);
        assert!(words("Max cpu time")[0].parse::<u64>().unwrap() < 3700);
        let group = fs::read_to_string(format!("/proc/{child}/stat")).unwrap();
        assert_eq!(group.rsplit(") ").next().unwrap().split(' ').nth(2).unwrap(), child.to_string());
        stop.send_replace(true);
    });
    assert_eq!(finished.await.outcome, Outcome::Stopped);
}

#[tokio::test]
async fn what_is_no_sandbox_child_is_the_sandboxs_failure() {
    for (program, argument, detail) in [
        ("/bin/true", "", "without a report"),
        ("/bin/echo", "hello there", "no frame"),
        ("/bin/sleep", "0.1", "without a report"),
    ] {
        let mut rig = forever();
        rig.launcher = sandbox::Launcher { program: program.into(), arguments: vec![argument.into()] };
        let finished = tokio::time::timeout(Duration::from_secs(30), rig.run()).await.unwrap();
        assert_eq!(finished.outcome, Outcome::SandboxFailed, "{program}");
        assert!(finished.detail.contains(detail), "{program}: {}", finished.detail);
    }
}

/// One frame as the child writes it: four bytes of length, the variant, the rest.
fn frame(variant: u8, rest: &[u8]) -> Vec<u8> {
    let body = [&[variant], rest].concat();
    [&(body.len() as u32).to_le_bytes()[..], &body].concat()
}

/// The end of a job whose child writes `frames` and nothing else.
async fn end_after(frames: &[Vec<u8>]) -> (Finished, Vec<Event>) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), frames.concat()).unwrap();
    let mut rig = forever().limit(|limits| limits.gas = 1000);
    rig.launcher = sandbox::Launcher { program: "/bin/cat".into(), arguments: vec![file.path().into()] };
    rig.run_with_events().await
}

#[tokio::test]
async fn a_child_that_was_taken_over_cannot_exceed_what_a_job_may_say() {
    let (compiled, started) = (frame(0, &[5]), frame(1, &[]));
    let text = [&[251, 0x60, 0xea][..], &[b'x'; 60_000]].concat();
    let detail = [&[6][..], b"a\x1b[0mb"].concat();
    let report = frame(4, &[&[0, 3, 252, 255, 255, 255, 255][..], &detail].concat());
    let mut frames = vec![compiled.clone(), started.clone()];
    frames.extend(vec![frame(2, &text); 20]);
    frames.push(report);
    let (finished, events) = end_after(&frames).await;
    assert_eq!((finished.outcome, finished.code, finished.gas), (Outcome::Exited, 3, 1000), "{}", finished.detail);
    assert_eq!((finished.stdout.len(), finished.detail.as_str()), (1 << 20, "a [0mb"));
    assert_eq!(events.len(), 2 + 18);
    for lie in [
        vec![compiled.clone(), compiled.clone()],
        vec![started.clone()],
        vec![compiled.clone(), started.clone(), started.clone()],
        vec![compiled.clone(), frame(2, &[1, b'x'])],
        vec![frame(9, &[])],
        vec![vec![0xff; 100]],
    ] {
        let (finished, _) = end_after(&lie).await;
        assert_eq!(finished.outcome, Outcome::SandboxFailed, "{lie:?}");
        assert!(finished.detail.contains("no frame"), "{lie:?}: {}", finished.detail);
    }
}
