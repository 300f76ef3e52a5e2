//! What a job cannot fill: the node's memory, the disk, a number that is not its own.

use std::fs;

use protocol::Outcome;
use protocol::task::{PROGRAM_MAX, STREAM_MAX};
use sandbox::Event;
use tokio::sync::{mpsc, watch};

use crate::rig::{Rig, guest, start};

/// Prints 64 KiB as often as `count` says, on `descriptor`.
fn flood(descriptor: u32, count: u32) -> Vec<u8> {
    let code = format!(
        "(local $left i32) (local.set $left (i32.const {count}))
         (loop $again
           (drop (call $put (i32.const {descriptor}) (i32.const 65536) (i32.const 65536)))
           (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))"
    );
    start("", &code)
}

#[tokio::test]
async fn a_flood_of_output_is_kept_up_to_the_limit_and_does_not_stop_the_program() {
    for descriptor in [1, 2] {
        let (finished, events) = Rig::new(&flood(descriptor, 1600)).run_with_events().await;
        assert_eq!((finished.outcome, finished.code), (Outcome::Exited, 0), "{}", finished.detail);
        let kept = if descriptor == 1 { &finished.stdout } else { &finished.stderr };
        assert_eq!(kept.len() as u64, STREAM_MAX);
        let dropped = 1600 * 65536 - STREAM_MAX;
        assert!(finished.detail.contains(&dropped.to_string()), "{}", finished.detail);
        let sent = events.iter().map(|event| match event {
            Event::Stdout(text) | Event::Stderr(text) => text.len() as u64,
            _ => 0,
        });
        assert_eq!(sent.sum::<u64>(), STREAM_MAX);
    }
}

#[tokio::test]
async fn a_program_above_64_mebibytes_is_refused_before_it_is_read() {
    for (size, is_too_large) in [(PROGRAM_MAX, false), (PROGRAM_MAX + 1, true)] {
        let rig = Rig::new(&start("", ""));
        fs::OpenOptions::new().write(true).open(&rig.job.program).unwrap().set_len(size).unwrap();
        let finished = rig.run().await;
        assert_eq!(finished.outcome, Outcome::Refused, "{}", finished.detail);
        let says_so = finished.detail.contains(&format!("the program has {size} bytes; {PROGRAM_MAX} are allowed"));
        assert_eq!(says_so, is_too_large, "{}", finished.detail);
    }
}

#[tokio::test]
async fn output_byte_by_byte_arrives_in_order() {
    let code = r#"
      (local $count i32)
      (loop $again
        (i32.store8 (i32.const 64) (i32.rem_u (local.get $count) (i32.const 251)))
        (call $print (i32.const 64) (i32.const 1))
        (br_if $again (i32.lt_u (local.tee $count (i32.add (local.get $count) (i32.const 1))) (i32.const 100000))))"#;
    let finished = Rig::new(&start("", code)).run().await;
    assert_eq!(finished.outcome, Outcome::Exited, "{}", finished.detail);
    assert!(finished.stdout.iter().copied().eq((0..100_000).map(|count| (count % 251) as u8)));
}

#[tokio::test]
async fn a_receiver_that_is_gone_does_not_stop_a_job() {
    let rig = Rig::new(&flood(1, 10));
    let (sender, receiver) = mpsc::channel(1);
    drop(receiver);
    let finished = rig.start(sender, watch::channel(false).1).await.unwrap();
    assert_eq!((finished.outcome, finished.stdout.len()), (Outcome::Exited, 10 * 65536));
}

#[tokio::test]
async fn a_receiver_that_does_not_listen_is_waited_for_until_the_wall_limit() {
    let rig = Rig::new(&flood(1, 16)).limit(|limits| limits.wall_ms = 300);
    let (sender, _receiver) = mpsc::channel(1);
    let finished = rig.start(sender, watch::channel(false).1).await.unwrap();
    assert_eq!(finished.outcome, Outcome::OutOfTime);
}

/// Writes 1 MiB as often as it can and exits with WASI's error number.
const FILL: &str = r#"
  (local $fd i32) (local $error i32)
  (drop (memory.grow (i32.const 32)))
  (local.set $fd (call $create (i32.const 1024) (i32.const 1)))
  (loop $again
    (br_if $again (i32.eqz (local.tee $error (call $put (local.get $fd) (i32.const 0) (i32.const 1048576))))))
  (call $exit (local.get $error))"#;
const NO_SPACE: u32 = 51;

#[tokio::test]
async fn a_program_cannot_fill_the_disk_with_one_file() {
    let rig = Rig::new(&start("x", FILL)).limit(|limits| (limits.gas, limits.output) = (u64::MAX, 1 << 20));
    let finished = rig.run().await;
    assert_eq!((finished.outcome, finished.code), (Outcome::Exited, NO_SPACE), "{}", finished.detail);
    let size = fs::metadata(rig.folder().join("x")).unwrap().len();
    assert!((60 << 20..=66 << 20).contains(&size), "{size}");
}

/// All but a hundred entries of the budget go to one hole, since creating files is slow on some disks.
#[tokio::test]
async fn a_program_cannot_fill_the_disk_with_empty_files_or_folders() {
    let hole = (64 << 20) - 4096 * 101;
    for make in [
        "(i32.shr_s (call $create (i32.const 1024) (i32.const 2)) (i32.const 31))",
        "(call $mkdir (i32.const 3) (i32.const 1024) (i32.const 2))",
        "(call $path_symlink (i32.const 1024) (i32.const 2) (i32.const 3) (i32.const 1024) (i32.const 2))",
    ] {
        let code = format!(
            r#"(data (i32.const 1024) "00hole")
               (func (export "_start") (local $count i32) (local $error i32)
                 (drop (call $set_size (call $create (i32.const 1026) (i32.const 4)) (i64.const {hole})))
                 (loop $again
                   (i32.store8 (i32.const 1024)
                     (i32.add (i32.const 65) (i32.rem_u (local.get $count) (i32.const 26))))
                   (i32.store8 (i32.const 1025)
                     (i32.add (i32.const 65) (i32.div_u (local.get $count) (i32.const 26))))
                   (local.set $error {make})
                   (drop (call $fd_close (i32.load (i32.const 16))))
                   (local.set $count (i32.add (local.get $count) (i32.const 1)))
                   (br_if $again (i32.eqz (local.get $error)))))"#
        );
        let rig = Rig::new(&guest(&code)).limit(|limits| limits.output = 0);
        let finished = rig.run().await;
        assert_eq!((finished.outcome, finished.code), (Outcome::Exited, 0), "{}", finished.detail);
        assert_eq!(fs::read_dir(rig.folder()).unwrap().count(), 101, "{make}");
    }
}

#[tokio::test]
async fn a_hole_in_a_file_counts_as_written() {
    let write = "(call $fd_pwrite (call $create (i32.const 1024) (i32.const 1)) (i32.const 64) (i32.const 1)
      (i64.const 1000000000000) (i32.const 32))";
    let resize = "(call $set_size (call $create (i32.const 1024) (i32.const 1)) (i64.const 1000000000000))";
    for call in [write, resize] {
        let code = format!("(i32.store (i32.const 68) (i32.const 1)) (call $exit {call})");
        let finished = Rig::new(&start("x", &code)).run().await;
        assert_eq!((finished.outcome, finished.code), (Outcome::Exited, NO_SPACE), "{}", finished.detail);
    }
}

/// A file that took a standard stream's number would be written past the budget.
#[tokio::test]
async fn no_file_takes_the_number_of_a_standard_stream() {
    let code = r#"
      (local $fd i32)
      (drop (call $fd_close (i32.const 1)))
      (local.set $fd (call $create (i32.const 1024) (i32.const 1)))
      (if (i32.eqz (call $fd_renumber (local.get $fd) (i32.const 1))) (then unreachable))
      (if (i32.ne (call $put (i32.const 1) (i32.const 1024) (i32.const 1)) (i32.const 8)) (then unreachable))
      (call $exit (local.get $fd))"#;
    let finished = Rig::new(&start("x", code)).run().await;
    assert_eq!((finished.outcome, finished.code), (Outcome::Exited, 4), "{}", finished.detail);
    assert!(finished.stdout.is_empty());
}
