//! What the devnet runs: the built-in path tracer, or the program that was named.

use std::fs;
use std::path::{Path, PathBuf};

use super::Devnet;
use crate::cli::error::CliError;
use crate::cli::task::plan::{self, Plan};
use crate::cli::task::upload::Upload;

const TRACER: &[u8] = include_bytes!("../../../../examples/path_tracer/path_tracer.wasm");
const SCENE: &[u8] = include_bytes!("../../../../examples/path_tracer/bazaar.scene");
const SCENE_NAME: &str = "bazaar.scene";
const PICTURE_NAME: &str = "bazaar.png";

/// The task of this devnet; its files are hashed, nothing is sent.
///
/// # Errors
/// If a file is missing or the program is no WebAssembly.
pub fn plan(devnet: &Devnet) -> Result<Plan, CliError> {
    let Some(program) = &devnet.program else {
        let inputs = vec![(SCENE_NAME.into(), Upload::of_memory(SCENE))];
        let mut plan = Plan::new(Upload::of_memory(TRACER), inputs, vec![PICTURE_NAME.into()])?;
        plan.request.arguments = vec![SCENE_NAME.into(), PICTURE_NAME.into()];
        return Ok(plan);
    };
    let mut inputs = Vec::with_capacity(devnet.input.len());
    for text in &devnet.input {
        inputs.push(plan::input(text)?);
    }
    let mut plan = Plan::new(Upload::of_file(program)?, inputs, devnet.output.clone())?;
    plan.request.arguments.clone_from(&devnet.arg);
    Ok(plan)
}

/// The built-in program and its scene.
pub struct Files {
    /// The program.
    pub program: PathBuf,
    /// Its input.
    pub scene: PathBuf,
}

/// Writes them to `folder`, so that the user can run them by hand.
///
/// # Errors
/// The disk's own.
pub fn write(folder: &Path) -> Result<Files, CliError> {
    let files = Files { program: folder.join("path_tracer.wasm"), scene: folder.join(SCENE_NAME) };
    fs::create_dir_all(folder).map_err(|error| CliError::writing(folder, &error))?;
    for (path, bytes) in [(&files.program, TRACER), (&files.scene, SCENE)] {
        fs::write(path, bytes).map_err(|error| CliError::writing(path, &error))?;
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_program_can_be_planned() {
        let devnet = Devnet {
            once: true,
            keep: false,
            program: None,
            arg: Vec::new(),
            input: Vec::new(),
            output: Vec::new(),
            want: Vec::new(),
            duration: "10m".into(),
        };
        let plan = plan(&devnet).unwrap();
        assert_eq!(plan.program().0, *blake3::hash(TRACER).as_bytes());
        assert_eq!(plan.request.outputs, [PICTURE_NAME]);
    }
}
