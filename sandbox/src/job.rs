//! What is run, what is heard of it meanwhile, and how it ended. Knows nothing of processes or engines.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use protocol::{Hash, Limits, Outcome, TaskFile};

/// One execution of a WASI preview 1 command module.
#[derive(Debug, Clone)]
pub struct Job {
    /// File with the module.
    pub program: PathBuf,
    /// Arguments, without the program's name, which is always `program`.
    pub arguments: Vec<String>,
    /// The whole environment: name and value.
    pub environment: Vec<(String, String)>,
    /// Plain path inside the task's folder, and the file that holds its content. The content is copied.
    pub inputs: Vec<(String, PathBuf)>,
    /// Plain paths of the files it is expected to leave; their folders are made for it.
    pub outputs: Vec<String>,
    /// What it may use.
    pub limits: Limits,
    /// Seed of its randomness.
    pub seed: Hash,
}

/// What is heard of a running job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The program was compiled, which took so many milliseconds and counts against no limit of the job.
    Compiled {
        /// Milliseconds.
        ms: u64,
    },
    /// The wall clock and gas of the job count from here.
    Started,
    /// The next bytes of standard output.
    Stdout(Vec<u8>),
    /// The next bytes of standard error.
    Stderr(Vec<u8>),
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// Exit status, or [`TrapKind::code`](crate::TrapKind::code) of a trap; 0 otherwise.
    pub code: u32,
    /// Gas used. After a trap it is what the engine had written back last, which can be too little; after the wall
    /// limit, a stop or a failure it is not known and 0.
    pub gas: u64,
    /// Wall clock from [`Event::Started`] to the end, in milliseconds.
    pub wall_ms: u64,
    /// What happened, as a sentence for people; part of it can be the program's own text.
    pub detail: String,
    /// The first [`STREAM_MAX`](protocol::task::STREAM_MAX) bytes of standard output.
    pub stdout: Vec<u8>,
    /// The first [`STREAM_MAX`](protocol::task::STREAM_MAX) bytes of standard error.
    pub stderr: Vec<u8>,
    /// Those of the declared outputs that it left, unless they are too large.
    pub outputs: Vec<TaskFile>,
}

impl Finished {
    /// The end of a job that never started.
    pub(crate) fn refused(detail: String) -> Finished {
        Finished {
            outcome: Outcome::Refused,
            code: 0,
            gas: 0,
            wall_ms: 0,
            detail,
            stdout: Vec::new(),
            stderr: Vec::new(),
            outputs: Vec::new(),
        }
    }
}

/// How the child is started: a program whose `main` returns [`child_main`](crate::child_main)'s value.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// The executable.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

impl Launcher {
    /// The running executable under the hidden subcommand `sandbox-child`.
    ///
    /// # Errors
    /// If the running executable cannot be named.
    pub fn this_executable() -> io::Result<Launcher> {
        Ok(Launcher { program: std::env::current_exe()?, arguments: vec![OsString::from("sandbox-child")] })
    }
}

/// The world failed: nothing that a program did.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The task's folder cannot be read or written.
    #[error("the task's folder {}: {source}", path.display())]
    Folder {
        /// What was touched.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The task's folder already holds something.
    #[error("the task's folder {} is not empty", path.display())]
    FolderNotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The program or the content of an input cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The child cannot be started or waited for.
    #[error("the child process {}: {source}", program.display())]
    Child {
        /// The launcher's program.
        program: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// The first bytes are not those of a module that could run here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// Not WebAssembly's binary format.
    #[error("the program is not WebAssembly")]
    NotWebAssembly,
    /// A component, which is not run yet.
    #[error("the program is a WebAssembly component; only WASI preview 1 command modules run here")]
    Component,
    /// WebAssembly of an unknown version.
    #[error("the program is WebAssembly of version {0}; only version 1 runs here")]
    Version(u32),
}

/// Whether the first eight bytes of a program are a module's. All that may be looked at in the node's process.
///
/// # Errors
/// What it is instead.
pub fn check_magic(head: &[u8]) -> Result<(), ProgramError> {
    let Some(([0, b'a', b's', b'm'], version)) = head.split_first_chunk() else {
        return Err(ProgramError::NotWebAssembly);
    };
    match version.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)) {
        Some(1) => Ok(()),
        Some(version) if version >> 16 == 1 => Err(ProgramError::Component),
        Some(version) => Err(ProgramError::Version(version)),
        None => Err(ProgramError::NotWebAssembly),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_module_of_version_1_has_the_magic_of_one() {
        assert_eq!(check_magic(b"\0asm\x01\0\0\0rest"), Ok(()));
        assert_eq!(check_magic(b"\0asm\x0d\0\x01\0"), Err(ProgramError::Component));
        assert_eq!(check_magic(b"\0asm\x02\0\0\0"), Err(ProgramError::Version(2)));
        for wrong in [&b""[..], b"\0asm", b"\0asm\x01\0\0", b"#!/bin/sh\n", b"(module)"] {
            assert_eq!(check_magic(wrong), Err(ProgramError::NotWebAssembly));
        }
    }
}
