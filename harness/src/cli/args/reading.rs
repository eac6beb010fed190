//! Reads the arguments of the process. Its environment and a configuration file complete them.

use clap::FromArgMatches as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Cli;
use super::settings::{self, Origins};
use crate::cli::config::ConfigFile;
use crate::cli::error::CliError;
use crate::cli::keys::variable_os;
use crate::report::repeat::quote;

impl Cli {
    /// The arguments of this process, completed by its environment and a configuration file. A mistake in the arguments
    /// is printed, and ends the process with exit code 2.
    pub(in crate::cli) fn read() -> Result<(Self, Origins), CliError> {
        let arguments: Vec<_> = std::env::args_os().collect();
        let parse = |command: clap::Command| {
            let parsed = command.try_get_matches_from(&arguments);
            parsed.unwrap_or_else(|error| with_tip(error).exit())
        };
        let given = parse(Cli::description());
        let file = match settings::wished_file(&given) {
            None | Some((_, true)) => None,
            Some((Some(path), _)) => Some(path),
            Some((None, _)) => ConfigFile::nearest(),
        };
        let file = file.map(|path| ConfigFile::read(&path)).transpose()?;
        let (command, origins) = settings::settled(Cli::description(), &given, &variable_os, file.as_ref())
            .map_err(CliError::Config)?;
        let cli = Cli::from_arg_matches(&parse(command)).unwrap_or_else(|error| error.exit());
        Ok((cli, origins))
    }
}

/// Adds a tip to the error of a URL that stands where no URL is read.
fn with_tip(mut error: clap::Error) -> clap::Error {
    let place = match error.kind() {
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        _ => return error,
    };
    if let Some(ContextValue::String(text)) = error.get(place)
        && (text.starts_with("http://") || text.starts_with("https://"))
    {
        let tip = format!(
            "an endpoint is an option: stopcheck run --endpoint-url {}",
            quote(text)
        );
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn a_url_in_the_wrong_place_gets_a_tip() {
        for wrong in [
            &["stopcheck", "run", "http://127.0.0.1:5000"][..],
            &["stopcheck", "https://h"],
        ] {
            let error = Cli::try_parse_from(wrong).expect_err("no URL is expected there");
            let text = with_tip(error).to_string();
            assert!(
                text.contains("tip: an endpoint is an option: stopcheck run --endpoint-url http"),
                "{text}"
            );
        }
        let error = Cli::try_parse_from(["stopcheck", "runn"]).expect_err("there is no such command");
        assert!(!with_tip(error).to_string().contains("endpoint"));
    }
}
