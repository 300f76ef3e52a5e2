//! Runs a stranger's program in a process of its own, with limits, and survives it. Knows no peer, order or deal.
//!
//! ```text
//!   node                              |  child: the same binary, `sandbox-child`
//!                                     |
//!   Job -- place inputs --> folder    |  harden: no privileges, no core, few files, dies with its parent
//!    |                        ^ |     |     |
//!    +-- stdin: Assignment, program --|->  compile, within COMPILE_MS_MAX         --> Compiled
//!    |                        | |     |     |
//!    |                        | +-----|->  WebAssembly, WASI preview 1 on the folder --> Started
//!    |                        |       |     |  gas, memory and stack limits; virtual clock; seeded randomness
//!   Event <-- stdout: Frames -|-------|--- what it prints, at most STREAM_MAX each --> Stdout, Stderr
//!    |                        |       |     |
//!    |   SIGKILL at the wall limit, --|->   x
//!    |   on stop, or when dropped     |     |
//!   Finished <-- collect outputs <----|---  Report: outcome, code, gas
//! ```
//!
//! The node never compiles or runs a program: it copies files, passes bytes on and believes nothing but the folder.
//! `Assignment` and `Report` are words of this crate alone; both ends are always the same binary.

mod child;
mod confine;
mod engine;
mod folder;
mod frames;
mod guest;
mod job;
mod supervise;
mod trap;
mod wasi;

pub use child::child_main;
pub use engine::metering;
pub use job::{Event, Finished, Job, Launcher, ProgramError, SandboxError, check_magic};
pub use supervise::{COMPILE_MS_MAX, run};
pub use trap::TrapKind;
