//! The same job gives the same bytes and the same gas, whatever the machine's clock, chance and file system say.

use std::time::Instant;

use protocol::{Hash, Outcome};
use sandbox::Finished;

use crate::rig::{Rig, start};

/// Prints what could differ: clocks, randomness, a file's state, a folder's listing.
const CURIOUS: &str = r#"
  (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 4096)))
  (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 4104)))
  (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 4112)))
  (call $print (i32.const 4096) (i32.const 24))
  (drop (call $random_get (i32.const 4096) (i32.const 32)))
  (call $print (i32.const 4096) (i32.const 32))
  (drop (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 1) (i32.const 4096)))
  (call $print (i32.const 4096) (i32.const 64))
  (drop (call $fd_filestat_get (call $create (i32.const 1025) (i32.const 3)) (i32.const 4096)))
  (call $print (i32.const 4096) (i32.const 64))
  (drop (call $fd_filestat_get (i32.const 3) (i32.const 4096)))
  (call $print (i32.const 4096) (i32.const 64))
  (drop (call $fd_readdir (i32.const 3) (i32.const 4096) (i32.const 4096) (i64.const 0) (i32.const 32)))
  (call $print (i32.const 4096) (i32.load (i32.const 32)))"#;

fn curious(inputs: &[&str]) -> Rig {
    inputs.iter().fold(Rig::new(&start("bout", CURIOUS)).output("out"), |rig, path| rig.input(path, path.as_bytes()))
}

fn same(one: &Finished, other: &Finished) -> bool {
    let facts = |end: &Finished| (end.outcome, end.code, end.gas, end.stdout.clone(), end.outputs.clone());
    facts(one) == facts(other)
}

#[tokio::test]
async fn the_same_job_twice_gives_the_same_bytes_and_gas() {
    let one = curious(&["a", "b", "zz", "k"]).run().await;
    assert_eq!((one.outcome, one.code), (Outcome::Exited, 0), "{}", one.detail);
    assert_eq!(one.stdout.len(), 24 + 32 + 3 * 64 + 7 * 24 + 1 + 2 + 1 + 1 + 1 + 3 + 2);
    // The other order of placing gives other inode numbers, and on some file systems another order of listing.
    let other = curious(&["k", "zz", "b", "a"]).run().await;
    assert!(same(&one, &other), "{:?}\n{:?}", one.stdout, other.stdout);
}

#[tokio::test]
async fn another_seed_changes_randomness_and_nothing_else() {
    let one = curious(&["b"]).run().await;
    let mut rig = curious(&["b"]);
    rig.job.seed = Hash([8; 32]);
    let other = rig.run().await;
    assert_ne!(one.stdout[24..56], other.stdout[24..56]);
    assert_eq!(one.stdout[..24], other.stdout[..24]);
    assert_eq!(one.stdout[56..], other.stdout[56..]);
    assert_eq!(one.gas, other.gas);
}

#[tokio::test]
async fn time_moves_by_one_step_a_reading_from_a_fixed_date() {
    let finished = curious(&["b"]).run().await;
    let time = |at: usize| u64::from_le_bytes(finished.stdout[at..at + 8].try_into().unwrap());
    assert_eq!(time(0), 1_577_836_800_001_000_000);
    assert_eq!((time(8), time(16)), (2_000_000, 3_000_000));
}

#[tokio::test]
async fn sleeping_an_hour_takes_no_time_and_moves_the_clock() {
    let code = r#"
      (i32.store8 (i32.const 2056) (i32.const 0))
      (i32.store (i32.const 2064) (i32.const 1))
      (i64.store (i32.const 2072) (i64.const 3600000000000))
      (drop (call $poll_oneoff (i32.const 2048) (i32.const 3072) (i32.const 1) (i32.const 32)))
      (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 4096)))
      (call $print (i32.const 4096) (i32.const 8))
      (call $exit (i32.load (i32.const 32)))"#;
    let begun = Instant::now();
    let finished = Rig::new(&start("", code)).run().await;
    assert_eq!((finished.outcome, finished.code), (Outcome::Exited, 1), "{}", finished.detail);
    assert_eq!(finished.stdout, 3_600_001_000_000u64.to_le_bytes());
    assert!(begun.elapsed().as_secs() < 60);
}

#[tokio::test]
async fn a_program_sees_its_declared_arguments_and_environment_and_no_more() {
    let code = r#"
      (drop (call $args_get (i32.const 2048) (i32.const 4096)))
      (call $print (i32.const 4096) (i32.const 21))
      (drop (call $environ_get (i32.const 2048) (i32.const 8192)))
      (call $print (i32.const 8192) (i32.const 20))"#;
    let mut rig = Rig::new(&start("", code));
    rig.job.arguments = vec!["--fast".into(), "ünï".into()];
    rig.job.environment = vec![("HOME".into(), "/nowhere".into())];
    let finished = rig.run().await;
    assert_eq!(String::from_utf8(finished.stdout).unwrap(), "program\0--fast\0ünï\0HOME=/nowhere\0\0\0\0\0\0\0");
}

/// NaNs of arithmetic carry the machine's bits unless the engine makes them canonical.
#[tokio::test]
async fn a_computed_nan_has_the_canonical_bits() {
    let code = "(f32.store (i32.const 4096) (f32.div (f32.load (i32.const 4096)) (f32.load (i32.const 4100))))
      (call $print (i32.const 4096) (i32.const 4))";
    let finished = Rig::new(&start("", code)).run().await;
    assert_eq!(finished.stdout, 0x7fc0_0000u32.to_le_bytes());
}
