//! `souk completions`: prints a script that completes these commands in a shell. Needs no node.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Root;
use super::error::CliError;
use super::output;

/// Print a completion script for a shell.
#[derive(Debug, Args)]
pub struct Completions {
    /// Which shell.
    shell: Shell,
}

impl Completions {
    /// Prints the script: `souk completions bash > ~/.local/share/bash-completion/completions/souk`.
    pub fn run(self) -> Result<(), CliError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Root::command(), "souk", &mut script);
        output::line(String::from_utf8_lossy(&script).trim_end())?;
        Ok(())
    }
}
