//! WASI preview 1 as a job sees it: wasmtime's own for files, and in front of it what would differ from machine to
//! machine or has no bound: clocks, randomness, sleeping, standard output, file identity and the disk. No network.

mod clock;
mod console;
mod disk;
mod listing;
mod memory;

use std::io;

use protocol::Hash;
use wasmtime::{Caller, Engine, Linker};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

use crate::confine::disk_max;
use crate::engine::MemoryLimit;
use crate::frames::{Assignment, FramePipe};
use clock::Clock;
pub use console::Console;
use disk::Disk;
pub use memory::MemoryError;
use memory::{bytes_mut, split};

/// The name under which modules import WASI.
const MODULE: &str = "wasi_snapshot_preview1";
/// What a program finds as its own name: the same on every machine.
const PROGRAM_NAME: &str = "program";
/// Separates this use of the seed from any other.
const RANDOM_CONTEXT: &str = "souk sandbox 1: randomness of a program";

/// WASI's error numbers, as far as they are given here.
mod errno {
    pub const SUCCESS: i32 = 0;
    pub const BADF: i32 = 8;
    pub const INVAL: i32 = 28;
    pub const NOMEM: i32 = 48;
    pub const NOSPC: i32 = 51;
    pub const NOTSUP: i32 = 58;
}

/// Everything of one running program that is not its memory.
pub struct State {
    /// Bounds its memory.
    pub memory_limit: MemoryLimit,
    /// Where it prints.
    pub console: Console,
    wasi: WasiP1Ctx,
    clock: Clock,
    random: blake3::OutputReader,
    disk: Disk,
}

impl State {
    /// A program's surroundings, with the current folder as its only one.
    ///
    /// # Errors
    /// If the current folder cannot be opened.
    pub fn new(assignment: &Assignment, pipe: FramePipe) -> wasmtime::Result<State> {
        let mut builder = WasiCtxBuilder::new();
        builder.arg(PROGRAM_NAME).args(&assignment.arguments).envs(&assignment.environment);
        builder.allow_blocking_current_thread(true).preopened_dir(".", ".", FsPerms::ReadWrite)?;
        Ok(State {
            memory_limit: MemoryLimit::new(assignment.limits.memory),
            console: Console::new(pipe),
            wasi: builder.build_p1(),
            clock: Clock::default(),
            random: randomness(&assignment.seed),
            disk: Disk::new(disk_max(&assignment.limits)),
        })
    }
}

/// All that a program may import.
///
/// # Errors
/// Never, unless two definitions clash.
pub fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    p1::add_to_linker_sync(&mut linker, |state: &mut State| &mut state.wasi)?;
    linker.allow_shadowing(true);
    clock::define(&mut linker)?;
    console::define(&mut linker)?;
    disk::define(&mut linker)?;
    listing::define(&mut linker)?;
    linker.func_wrap(MODULE, "random_get", random_get)?;
    linker.func_wrap(MODULE, "proc_exit", proc_exit)?;
    linker.allow_shadowing(false);
    Ok(linker)
}

/// An endless stream of bytes that only the seed decides.
fn randomness(seed: &Hash) -> blake3::OutputReader {
    blake3::Hasher::new_derive_key(RANDOM_CONTEXT).update(&seed.0).finalize_xof()
}

fn random_get(mut caller: Caller<'_, State>, at: u32, length: u32) -> wasmtime::Result<i32> {
    let (memory, state) = split(&mut caller)?;
    state.random.fill(bytes_mut(memory, at, length)?);
    Ok(errno::SUCCESS)
}

/// Any status is passed on; wasmtime's own refuses those above 125.
fn proc_exit(_caller: Caller<'_, State>, status: u32) -> wasmtime::Result<()> {
    Err(I32Exit(status.cast_signed()).into())
}

/// The node has closed its end: there is nobody to run for.
#[derive(Debug, thiserror::Error)]
#[error("the pipe to the node is closed: {0}")]
pub struct PipeClosed(#[from] pub io::Error);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn randomness_depends_on_the_seed_alone() {
        let first = |seed: u8| {
            let mut bytes = [0; 16];
            randomness(&Hash([seed; 32])).fill(&mut bytes);
            bytes
        };
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
    }
}
