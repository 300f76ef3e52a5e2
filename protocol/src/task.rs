//! A task, its limits and its receipt, as they are signed. Knows nothing of how programs run.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::hash::{Hash, keccak256};
use crate::rejected::Rejected;
use crate::typed::{Domain, StructHasher, Typed, array_hash, types};

/// Arguments, variables, inputs or outputs that a task may have, each.
pub const LIST_MAX: usize = 256;
/// Bytes of one argument, variable or path.
pub const TEXT_MAX: usize = 4096;
/// Bytes of a program.
pub const PROGRAM_MAX: u64 = 64 << 20;
/// Bytes of standard output, and of standard error, that are kept.
pub const STREAM_MAX: u64 = 1 << 20;

/// What a program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum ProgramKind {
    /// A WASI preview 1 command module.
    WasiCommand = 1,
    /// A WASI 0.2 component with `wasi:cli/command`.
    WasiComponent = 2,
    /// An OpenCL pipeline.
    OpenclPipeline = 3,
}

/// A named, content-addressed file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskFile {
    /// Relative path inside the task's folder, `/` between its parts.
    pub path: String,
    /// BLAKE3 of the bytes.
    pub content: Hash,
    /// Length in bytes.
    pub size: u64,
}

impl Typed for TaskFile {
    fn struct_hash(&self) -> Hash {
        StructHasher::new(types::FILE).string(&self.path).hash(&self.content).uint(self.size).finish()
    }
}

/// What a task may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Gas.
    pub gas: u64,
    /// Linear memory in bytes.
    pub memory: u64,
    /// Bytes of all declared outputs together.
    pub output: u64,
    /// Wall clock in milliseconds.
    pub wall_ms: u64,
}

impl Typed for Limits {
    fn struct_hash(&self) -> Hash {
        StructHasher::new(types::LIMITS).uint(self.gas).uint(self.memory).uint(self.output).uint(self.wall_ms).finish()
    }
}

/// How gas is counted: two receipts can be compared only if this is equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metering {
    /// The scheme's name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// Hash of its cost table.
    pub cost_table: Hash,
}

impl Metering {
    /// wasmtime's own fuel, as major version `engine` counts it; its cost table is the engine's default.
    pub fn wasmtime_fuel(engine: u32) -> Metering {
        Metering {
            name: String::from("wasmtime-fuel"),
            version: engine,
            cost_table: keccak256(&[alloc::format!("wasmtime {engine} default operator costs").as_bytes()]),
        }
    }
}

impl fmt::Display for Metering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

impl Typed for Metering {
    fn struct_hash(&self) -> Hash {
        StructHasher::new(types::METERING).string(&self.name).uint(self.version).hash(&self.cost_table).finish()
    }
}

/// One execution inside a deal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The deal that pays for it.
    pub deal: Hash,
    /// Counts the consumer's tasks of the deal, so that equal tasks have different ids.
    pub number: u64,
    /// What the program is.
    pub kind: ProgramKind,
    /// BLAKE3 of the program.
    pub program: Hash,
    /// Arguments, without the program's name.
    pub arguments: Vec<String>,
    /// The whole environment: name and value.
    pub environment: Vec<(String, String)>,
    /// Files the program finds in its folder, read-only.
    pub inputs: Vec<TaskFile>,
    /// Paths of files it is expected to leave.
    pub outputs: Vec<String>,
    /// What it may use.
    pub limits: Limits,
    /// How gas is counted.
    pub metering: Metering,
    /// Seed of the program's randomness.
    pub seed: Hash,
}

impl Task {
    /// The task's id.
    pub fn id(&self, domain: &Domain) -> Hash {
        domain.digest(&self.struct_hash())
    }

    /// Whether the lists are within bounds and every path stays inside the task's folder.
    ///
    /// # Errors
    /// [`Rejected::TooLarge`] for too many or too long, [`Rejected::Terms`] for a path that leaves the folder or is
    /// named twice.
    pub fn check(&self) -> Result<(), Rejected> {
        let lists = [self.arguments.len(), self.environment.len(), self.inputs.len(), self.outputs.len()];
        let texts = self.arguments.iter().chain(&self.outputs).chain(self.inputs.iter().map(|file| &file.path));
        let mut texts = texts.chain(self.environment.iter().flat_map(|(name, value)| [name, value]));
        if lists.iter().any(|&length| length > LIST_MAX) || texts.any(|text| text.len() > TEXT_MAX) {
            return Err(Rejected::TooLarge);
        }
        let mut paths: Vec<&str> = self.inputs.iter().map(|file| file.path.as_str()).collect();
        paths.extend(self.outputs.iter().map(String::as_str));
        let is_inside = paths.iter().all(|path| is_plain_path(path));
        paths.sort_unstable();
        let is_unique = paths.windows(2).all(|pair| pair[0] != pair[1]);
        if is_inside && is_unique { Ok(()) } else { Err(Rejected::Terms) }
    }

    /// EIP-712 hash of the arguments as `string[]`.
    pub fn arguments_hash(&self) -> Hash {
        array_hash(self.arguments.iter().map(|text| keccak256(&[text.as_bytes()])))
    }

    /// EIP-712 hash of the inputs as `File[]`.
    pub fn inputs_hash(&self) -> Hash {
        array_hash(self.inputs.iter().map(Typed::struct_hash))
    }
}

/// Whether `path` is relative, has no empty, `.` or `..` part, and no backslash or control character.
pub fn is_plain_path(path: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.split('/').all(is_part) && !path.chars().any(|c| c == '\\' || c.is_control())
}

impl Typed for Task {
    fn struct_hash(&self) -> Hash {
        let text = |text: &String| keccak256(&[text.as_bytes()]);
        let variable =
            |(name, value): &(String, String)| StructHasher::new(types::VARIABLE).string(name).string(value).finish();
        StructHasher::new(types::TASK)
            .hash(&self.deal)
            .uint(self.number)
            .uint(self.kind as u8)
            .hash(&self.program)
            .hash(&self.arguments_hash())
            .array(self.environment.iter().map(variable))
            .hash(&self.inputs_hash())
            .array(self.outputs.iter().map(text))
            .nested(&self.limits)
            .nested(&self.metering)
            .hash(&self.seed)
            .finish()
    }
}

/// How an execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Outcome {
    /// The program ended by itself; the code is its exit status.
    Exited = 0,
    /// The program trapped; the code is the trap's kind.
    Trapped = 1,
    /// The gas limit was reached.
    OutOfGas = 2,
    /// The memory limit was reached.
    OutOfMemory = 3,
    /// The wall clock limit was reached.
    OutOfTime = 4,
    /// The outputs are larger than allowed.
    OutputTooLarge = 5,
    /// The deal ended first, or the consumer stopped the task.
    Stopped = 6,
    /// The program cannot run here: not WebAssembly, or it imports what is not offered.
    Refused = 7,
    /// A declared output is missing after a clean exit.
    OutputMissing = 8,
    /// The call stack overflowed; where depends on the machine, so this is never proof of anything.
    StackOverflow = 9,
    /// The sandbox itself failed; never the program's fault.
    SandboxFailed = 10,
}

impl Outcome {
    /// The stable code, part of the API.
    pub fn code(&self) -> &'static str {
        match self {
            Outcome::Exited => "exited",
            Outcome::Trapped => "trapped",
            Outcome::OutOfGas => "out_of_gas",
            Outcome::OutOfMemory => "out_of_memory",
            Outcome::OutOfTime => "out_of_time",
            Outcome::OutputTooLarge => "output_too_large",
            Outcome::Stopped => "stopped",
            Outcome::Refused => "program_refused",
            Outcome::OutputMissing => "output_missing",
            Outcome::StackOverflow => "stack_overflow",
            Outcome::SandboxFailed => "sandbox_failed",
        }
    }
}

/// The supplier's signed statement of what a task did. Anyone can re-execute and compare.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The deal.
    pub deal: Hash,
    /// The task's id.
    pub task: Hash,
    /// BLAKE3 of the program.
    pub program: Hash,
    /// EIP-712 hash of the arguments.
    pub arguments: Hash,
    /// EIP-712 hash of the inputs.
    pub inputs: Hash,
    /// The files that the program left, of those declared.
    pub outputs: Vec<TaskFile>,
    /// What was kept of standard output; the path is `stdout`.
    pub stdout: TaskFile,
    /// What was kept of standard error; the path is `stderr`.
    pub stderr: TaskFile,
    /// How it ended.
    pub outcome: Outcome,
    /// Exit status or kind of trap.
    pub code: u32,
    /// Gas used.
    pub gas: u64,
    /// Gas allowed.
    pub gas_limit: u64,
    /// How gas was counted.
    pub metering: Metering,
    /// Wall clock in milliseconds, in the supplier's count.
    pub wall_ms: u64,
}

impl Typed for Receipt {
    fn struct_hash(&self) -> Hash {
        StructHasher::new(types::RECEIPT)
            .hash(&self.deal)
            .hash(&self.task)
            .hash(&self.program)
            .hash(&self.arguments)
            .hash(&self.inputs)
            .array(self.outputs.iter().map(Typed::struct_hash))
            .nested(&self.stdout)
            .nested(&self.stderr)
            .uint(self.outcome as u8)
            .uint(self.code)
            .uint(self.gas)
            .uint(self.gas_limit)
            .nested(&self.metering)
            .uint(self.wall_ms)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leaves_the_folder_is_not_plain() {
        for good in ["a", "a/b.png", "ünï.txt"] {
            assert!(is_plain_path(good), "{good}");
        }
        for bad in ["", "/etc/passwd", "..", "a/../b", "a//b", "./a", "a\\b", "a\nb", "a/"] {
            assert!(!is_plain_path(bad), "{bad}");
        }
    }
}
