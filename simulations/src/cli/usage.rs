//! A command line that cannot be parsed: clap's findings in this house's form of an error. Knows no command by name.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::error::CliError;
use super::{Root, output};

/// Whether `--json` stands among the arguments: known before they are parsed.
pub fn wants_json(arguments: &[OsString]) -> bool {
    arguments.iter().any(|argument| argument == "--json")
}

/// Prints help, the version or the error, and gives the exit code.
pub fn report(error: &clap::Error, arguments: &[OsString], is_json: bool) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = error.render();
            let is_coloured = output::Paint::stdout().is_on();
            let shown = if is_coloured { text.ansi().to_string() } else { text.to_string() };
            match output::line(shown.trim_end()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => CliError::from(error).report(is_json),
            }
        }
        _ => usage_error(error, arguments).report(is_json),
    }
}

fn usage_error(error: &clap::Error, arguments: &[OsString]) -> CliError {
    let root = Root::command();
    let verb = arguments.iter().filter_map(|argument| argument.to_str()).find_map(|word| root.find_subcommand(word));
    let command = verb.map_or("souk-sim".into(), |verb| format!("souk-sim {}", verb.get_name()));
    let message = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            format!("`{command}` needs to be told what to do")
        }
        _ => message_of(&error.render().to_string()),
    };
    CliError::user("usage", message).next(format!("{command} --help"))
}

/// Clap's message with its tips, without the usage and the pointer to the help.
fn message_of(rendered: &str) -> String {
    let text = rendered.strip_prefix("error: ").unwrap_or(rendered);
    let is_message = |line: &&str| !line.starts_with("Usage:") && !line.starts_with("For more information");
    let lines = text.lines().take_while(is_message).map(str::trim_end).filter(|line| !line.trim().is_empty());
    lines.collect::<Vec<_>>().join("\n")
}
