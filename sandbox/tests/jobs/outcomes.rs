//! How a job can end.

use protocol::Outcome;
use sandbox::{Event, TrapKind};

use crate::rig::{Rig, endless, guest, start};

#[tokio::test]
async fn a_program_that_prints_and_returns_exits_with_0() {
    let rig = Rig::new(&start("hello, souk\\n", "(call $print (i32.const 1024) (i32.const 12))"));
    let (finished, events) = rig.run_with_events().await;
    assert_eq!((finished.outcome, finished.code), (Outcome::Exited, 0), "{}", finished.detail);
    assert_eq!(finished.stdout, b"hello, souk\n");
    assert!(finished.stderr.is_empty() && finished.outputs.is_empty());
    assert!((1..1000).contains(&finished.gas), "{}", finished.gas);
    let [Event::Compiled { .. }, Event::Started, Event::Stdout(text)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(text, b"hello, souk\n");
}

#[tokio::test]
async fn an_exit_status_is_passed_on() {
    for status in [0, 42, 200, u32::MAX] {
        let finished = Rig::new(&start("", &format!("(call $exit (i32.const {}))", status as i32))).run().await;
        assert_eq!((finished.outcome, finished.code), (Outcome::Exited, status), "{}", finished.detail);
    }
}

#[tokio::test]
async fn a_trap_has_a_number_that_stays() {
    for (code, kind, number, sentence) in [
        ("unreachable", TrapKind::Unreachable, 1, "unreachable"),
        ("(drop (i32.load (i32.const -1)))", TrapKind::MemoryBounds, 2, "out of bounds memory access"),
        ("(drop (i32.div_u (i32.const 1) (i32.const 0)))", TrapKind::DivisionByZero, 7, "divide by zero"),
        ("(drop (i32.trunc_f32_u (f32.const nan)))", TrapKind::Conversion, 8, "invalid conversion"),
        ("(call $print (i32.const -1) (i32.const 9))", TrapKind::HostCall, 9, "outside the program's memory"),
        ("(drop (call $fd_filestat_get (i32.const 3) (i32.const -1)))", TrapKind::HostCall, 9, "outside"),
    ] {
        let finished = Rig::new(&start("", code)).run().await;
        assert_eq!((finished.outcome, finished.code), (Outcome::Trapped, number), "{code}: {}", finished.detail);
        assert_eq!(kind.code(), number);
        assert!(finished.detail.contains(sentence), "{code}: {}", finished.detail);
    }
}

#[tokio::test]
async fn an_endless_loop_ends_at_the_gas_limit() {
    let finished = Rig::new(&endless()).limit(|limits| limits.gas = 10_000_000).run().await;
    assert_eq!((finished.outcome, finished.gas), (Outcome::OutOfGas, 10_000_000));
}

#[tokio::test]
async fn an_endless_loop_with_all_gas_ends_at_the_wall_limit() {
    let rig = Rig::new(&endless()).limit(|limits| (limits.gas, limits.wall_ms) = (u64::MAX, 300));
    let finished = rig.run().await;
    assert_eq!(finished.outcome, Outcome::OutOfTime);
    assert!((300..5000).contains(&finished.wall_ms), "{}", finished.wall_ms);
}

#[tokio::test]
async fn a_start_section_is_metered_too() {
    let program = guest(r#"(func $begin (loop $again (br $again))) (start $begin) (func (export "_start"))"#);
    assert_eq!(Rig::new(&program).run().await.outcome, Outcome::OutOfGas);
}

const HOG: &str = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))";

#[tokio::test]
async fn memory_beyond_the_limit_is_refused_and_a_trap_after_it_is_out_of_memory() {
    let rig = Rig::new(&start("", &format!("{HOG} unreachable")));
    let finished = rig.run().await;
    assert_eq!(finished.outcome, Outcome::OutOfMemory, "{}", finished.detail);
}

#[tokio::test]
async fn a_program_that_copes_with_refused_memory_goes_on_within_its_limit() {
    let finished = Rig::new(&start("", &format!("{HOG} (call $exit (memory.size))"))).run().await;
    assert_eq!((finished.outcome, finished.code), (Outcome::Exited, 1024 - 12), "{}", finished.detail);
}

#[tokio::test]
async fn a_program_that_begins_with_too_much_memory_is_out_of_memory() {
    let program = wat::parse_str(r#"(module (memory (export "memory") 2000) (func (export "_start")))"#).unwrap();
    let finished = Rig::new(&program).run().await;
    assert_eq!((finished.outcome, finished.gas), (Outcome::OutOfMemory, 0), "{}", finished.detail);
}

#[tokio::test]
async fn recursion_without_end_overflows_the_stack() {
    let program = guest(
        r#"(func $deep (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0))))
           (func (export "_start") (drop (call $deep (i32.const 0))))"#,
    );
    assert_eq!(Rig::new(&program).run().await.outcome, Outcome::StackOverflow);
}

#[tokio::test]
async fn a_program_that_cannot_run_here_is_refused_with_the_reason() {
    let text = |text: &str| wat::parse_str(text).unwrap();
    let large = r#"(module (table 2000000 funcref) (func (export "_start")))"#;
    for (program, reason) in [
        (b"#!/bin/sh\necho hello\n".to_vec(), "not WebAssembly"),
        (Vec::new(), "not WebAssembly"),
        (b"\0asm\x0d\0\x01\0".to_vec(), "component"),
        (b"\0asm\x01\0\0\0garbage".to_vec(), "does not compile"),
        (text(r#"(module (import "env" "launch" (func)) (func (export "_start")))"#), "`env::launch`"),
        (
            text(r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func)) (func (export "_start")))"#),
            "incompatible import type",
        ),
        (text(r#"(module (import "wasi" "thread-spawn" (func)) (func (export "_start")))"#), "`wasi::thread-spawn`"),
        (text("(module (func))"), "exports no `_start`"),
        (text(r#"(module (func (export "_start") (param i32)))"#), "without parameters"),
        (text(r#"(module (memory 1 1 shared) (func (export "_start")))"#), "threads"),
        (text(large), "table"),
    ] {
        let (finished, events) = Rig::new(&program).run_with_events().await;
        assert_eq!(finished.outcome, Outcome::Refused, "{reason}: {}", finished.detail);
        assert!(finished.detail.contains(reason), "{reason}: {}", finished.detail);
        let has_started = events.contains(&Event::Started);
        assert!(!has_started || reason == "table");
    }
}

#[tokio::test]
async fn text_of_the_program_cannot_carry_control_characters_into_a_sentence() {
    let program = wat::parse_str(r#"(module (import "env" "\1b[31mred\0a" (func)) (func (export "_start")))"#).unwrap();
    let finished = Rig::new(&program).run().await;
    assert!(finished.detail.contains("[31mred"), "{}", finished.detail);
    assert!(!finished.detail.chars().any(char::is_control), "{:?}", finished.detail);
}
