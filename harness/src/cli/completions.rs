//! `stopcheck completions`: what a shell completes. The only file that calls clap_complete.

use std::io::{self, Write as _};

use clap_complete::Shell;

use super::args::{Cli, CompletionsArgs, ShellArg};
use super::error::CliError;
use super::reports::unless_closed;
use crate::report::exit;

/// Prints the completions for a shell.
pub(super) fn completions(args: &CompletionsArgs) -> Result<u8, CliError> {
    let shell = match args.shell {
        ShellArg::Bash => Shell::Bash,
        ShellArg::Elvish => Shell::Elvish,
        ShellArg::Fish => Shell::Fish,
        ShellArg::PowerShell => Shell::PowerShell,
        ShellArg::Zsh => Shell::Zsh,
    };
    // The generator panics where it cannot write, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::description(), "stopcheck", &mut script);
    unless_closed(io::stdout().lock().write_all(&script))?;
    Ok(exit::CONFORMANT)
}
