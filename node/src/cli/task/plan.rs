//! What a task needs before it can be submitted: hashed files and checked names. Sends them, then submits.

use std::path::Path;

use protocol::task::{PROGRAM_MAX, is_plain_path};
use protocol::{Hash, TaskFile};

use super::upload::Upload;
use crate::api::words::{TaskRequest, TaskWord};
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::table::bytes_text;

/// A task that can be submitted.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is asked for; the deal may still be set.
    pub request: TaskRequest,
    program: Upload,
    inputs: Vec<Upload>,
}

impl Plan {
    /// A plan for `program` with named inputs; arguments, outputs and limits are set on `request`.
    ///
    /// # Errors
    /// `program_refused` if it is no WebAssembly module, `bad_path` or `repeated_path`.
    pub fn new(program: Upload, inputs: Vec<(String, Upload)>, outputs: Vec<String>) -> Result<Plan, CliError> {
        check_program(&program)?;
        let names: Vec<&str> =
            inputs.iter().map(|(name, _)| name.as_str()).chain(outputs.iter().map(String::as_str)).collect();
        check_names(&names)?;
        let file = |(path, upload): &(String, Upload)| TaskFile {
            path: path.clone(),
            content: upload.content,
            size: upload.size,
        };
        let request = TaskRequest {
            deal: None,
            program: program.content,
            arguments: Vec::new(),
            environment: Vec::new(),
            inputs: inputs.iter().map(file).collect(),
            outputs,
            gas: None,
            memory_mib: None,
            output_mib: None,
            wall_s: None,
        };
        Ok(Plan { request, program, inputs: inputs.into_iter().map(|(_, upload)| upload).collect() })
    }

    /// Sends the files and submits the task.
    ///
    /// # Errors
    /// What the node says.
    pub fn submit(&self, client: &Client) -> Result<TaskWord, CliError> {
        self.program.send(client, "program")?;
        for (upload, file) in self.inputs.iter().zip(&self.request.inputs) {
            upload.send(client, &file.path)?;
        }
        client.submit(&self.request)
    }

    /// BLAKE3 of the program.
    pub fn program(&self) -> Hash {
        self.program.content
    }
}

/// Looks at the first bytes and the size only; what a module imports is found out by the sandbox.
fn check_program(program: &Upload) -> Result<(), CliError> {
    const MODULE: &[u8] = b"\0asm\x01\0\0\0";
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    let refused = |message: String| {
        let next = "build it as a WASI command: clang --target=wasm32-wasi, or cargo build --target wasm32-wasip1";
        Err(CliError::user("program_refused", message).next(next))
    };
    if program.head == COMPONENT {
        return refused("the program is a WebAssembly component; only WASI preview 1 command modules run here".into());
    }
    if program.head != MODULE {
        return refused("the program is not WebAssembly".into());
    }
    match program.size > PROGRAM_MAX {
        true => refused(format!(
            "the program has {}; at most {} run here",
            bytes_text(program.size),
            bytes_text(PROGRAM_MAX)
        )),
        false => Ok(()),
    }
}

fn check_names(names: &[&str]) -> Result<(), CliError> {
    for (index, name) in names.iter().enumerate() {
        if !is_plain_path(name) {
            let message = format!("`{name}` is no path inside the task's folder");
            return Err(
                CliError::user("bad_path", message).next("use a relative path without . or .., such as out/a.png")
            );
        }
        if names[..index].contains(name) {
            let message = format!("`{name}` is named twice among the inputs and outputs");
            return Err(CliError::user("repeated_path", message).next("give inputs other names: --input NAME=FILE"));
        }
    }
    Ok(())
}

/// Reads `--input FILE` or `--input NAME=FILE`: the name in the task's folder, and the hashed file.
///
/// # Errors
/// If there is no such file.
pub fn input(text: &str) -> Result<(String, Upload), CliError> {
    let (name, path) = match text.split_once('=') {
        Some((name, path)) => (name.to_string(), Path::new(path)),
        None => {
            let path = Path::new(text);
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            (name.unwrap_or_else(|| text.into()), path)
        }
    };
    Ok((name, Upload::of_file(path)?))
}

/// Reads `--env K=V`.
///
/// # Errors
/// `bad_variable`.
pub fn variable(text: &str) -> Result<(String, String), CliError> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err(CliError::user("bad_variable", format!("--env {text}: expected NAME=VALUE")).next("--env LANG=C")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &[u8] = b"\0asm\x01\0\0\0";

    fn code(program: &'static [u8], inputs: &[&str], outputs: &[&str]) -> Option<String> {
        let file = |name: &&str| (name.to_string(), Upload::of_memory(b"x"));
        let outputs = outputs.iter().map(ToString::to_string).collect();
        Plan::new(Upload::of_memory(program), inputs.iter().map(file).collect(), outputs).err().map(|error| error.code)
    }

    #[test]
    fn only_a_module_with_plain_and_unique_names_is_planned() {
        assert_eq!(code(MODULE, &["a", "b/c"], &["d"]), None);
        assert_eq!(code(b"", &[], &[]).as_deref(), Some("program_refused"));
        assert_eq!(code(b"#!/bin/sh\n", &[], &[]).as_deref(), Some("program_refused"));
        assert_eq!(code(b"\0asm\x0d\0\x01\0", &[], &[]).as_deref(), Some("program_refused"));
        assert_eq!(code(MODULE, &["../a"], &[]).as_deref(), Some("bad_path"));
        assert_eq!(code(MODULE, &["a"], &["a"]).as_deref(), Some("repeated_path"));
    }

    #[test]
    fn an_input_is_named_after_its_file_or_as_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scene");
        std::fs::write(&path, "x").unwrap();
        assert_eq!(input(path.to_str().unwrap()).unwrap().0, "scene");
        assert_eq!(input(&format!("a/b={}", path.display())).unwrap().0, "a/b");
        assert_eq!(input("no-such-file").unwrap_err().code, "file_not_found");
        assert_eq!(variable("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert_eq!(variable("=x").unwrap_err().code, "bad_variable");
    }
}
