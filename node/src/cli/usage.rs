//! A command line that cannot be parsed: clap's findings in this house's form of an error. Knows no command by name.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::error::CliError;
use super::{Root, output};

/// Whether `--json` stands among the arguments that are ours: known before they are parsed.
pub fn wants_json(arguments: &[OsString]) -> bool {
    arguments.iter().take_while(|argument| *argument != "--").any(|argument| argument == "--json")
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
    let command = command_path(arguments);
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

/// `souk ask create`: the longest run of leading commands that exist.
fn command_path(arguments: &[OsString]) -> String {
    let root = Root::command();
    let mut path = String::from(root.get_name());
    let mut command = &root;
    for argument in arguments.iter().skip(1).filter_map(|argument| argument.to_str()) {
        if let Some(found) = command.find_subcommand(argument) {
            path.push(' ');
            path.push_str(found.get_name());
            command = found;
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn json_after_the_double_dash_is_not_ours() {
        assert!(wants_json(&arguments("souk --json node")));
        assert!(!wants_json(&arguments("souk task run -- --json")));
    }

    #[test]
    fn the_next_step_is_the_help_of_the_command_that_was_meant() {
        assert_eq!(command_path(&arguments("souk --json ask create --wnat x")), "souk ask create");
        assert_eq!(command_path(&arguments("souk bazaar")), "souk");
    }
}
