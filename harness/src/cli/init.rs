//! `stopcheck init`: a configuration file that explains itself.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};

use super::args::settings::{self, Group, Shape, ValueKind};
use super::args::{Cli, InitArgs};
use super::config;
use super::error::CliError;
use crate::contract::quoted;
use crate::report::exit;
use crate::report::text::fold;

/// The longest line of a comment, in characters.
const WIDTH: usize = 100;

pub(super) fn init(args: &InitArgs) -> Result<u8, CliError> {
    let failed = |source: io::Error| CliError::File {
        doing: "create",
        path: args.file.clone(),
        source,
    };
    let file = match args.force {
        true => File::create(&args.file),
        false => OpenOptions::new().write(true).create_new(true).open(&args.file),
    };
    let mut file = match file {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(CliError::Usage(format!(
                "could not create {}: it exists\n  hint: --force replaces it",
                args.file.display()
            )));
        }
        file => file.map_err(failed)?,
    };
    file.write_all(template().as_bytes()).map_err(failed)?;
    println!(
        "wrote {}: remove the # before what is to hold",
        args.file.display()
    );
    Ok(exit::CONFORMANT)
}

/// The file: each key with the help of its option and its default, commented out.
fn template() -> String {
    let mut text = format!("#:schema {}\n", config::SCHEMA_ID);
    comment(
        "Settings of stopcheck. A key is the name of an option of `stopcheck run`, whose help is repeated here. \
         Options win over environment variables (STOPCHECK_ and the name, for instance STOPCHECK_READ_LAG), which win over this file. \
         Paths are relative to this file. Values are defaults or, where a default depends on the endpoint, examples.",
        &mut text,
    );
    let command = Cli::description();
    let mut group: Option<Group> = None;
    for (setting, shape, option) in settings::described(&command) {
        if group != Some(setting.group) {
            group = Some(setting.group);
            let _ = write!(text, "\n# ---- {} ----\n", setting.group.heading());
        }
        text.push('\n');
        let help = option.get_help().map(ToString::to_string).unwrap_or_default();
        comment(&help, &mut text);
        if let ValueKind::Word(words) = &shape.kind {
            for word in words {
                let help = word
                    .get_help()
                    .map(|help| format!(": {help}"))
                    .unwrap_or_default();
                let _ = writeln!(text, "#   {}{help}", word.get_name());
            }
        }
        let values = settings::shown_values(setting, option);
        let _ = writeln!(text, "#{} = {}", setting.key, shown(&shape, &values));
    }
    text
}

fn comment(text: &str, out: &mut String) {
    for line in fold(text, WIDTH) {
        let _ = writeln!(out, "# {line}");
    }
}

/// Values in TOML.
fn shown(shape: &Shape, values: &[String]) -> String {
    let one = |value: &String| match &shape.kind {
        ValueKind::Switch | ValueKind::Whole | ValueKind::Seconds => value.clone(),
        ValueKind::SecondsOrNone if value.parse::<f64>().is_ok() => value.clone(),
        ValueKind::SecondsOrNone
        | ValueKind::Text
        | ValueKind::Variable
        | ValueKind::Path
        | ValueKind::Report
        | ValueKind::Word(_) => quoted(value),
    };
    let values: Vec<String> = values.iter().map(one).collect();
    match (shape.list, values.as_slice()) {
        (true, values) => format!("[{}]", values.join(", ")),
        (false, values) => values.concat(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli::config::ConfigFile;
    use crate::contract::document::{Node, Value};

    fn parse(text: &str) -> ConfigFile {
        ConfigFile::parse("stopcheck.toml", Path::new(""), text).expect("it is TOML")
    }

    /// The file with what it comments out.
    fn switched_on() -> String {
        let lines = template();
        let lines = lines.lines().map(|line| match line.strip_prefix('#') {
            Some(key) if key.starts_with(|c: char| c.is_ascii_lowercase()) => key,
            Some(_) | None => line,
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn everything_in_it_is_commented_out_and_every_setting_is_in_it() {
        assert!(parse(&template()).entries.is_empty());
        let entries = parse(&switched_on()).entries;
        let keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
        let known: Vec<&str> = settings::SETTINGS.iter().map(|setting| setting.key).collect();
        assert_eq!(keys, known);
    }

    #[test]
    fn what_it_shows_is_accepted_and_defaults_are_what_holds_without_it() {
        let file = parse(&switched_on());
        let given = Cli::description().try_get_matches_from(["stopcheck", "run"]);
        let given = given.expect("nothing is required");
        let settled = settings::settled(Cli::description(), &given, &|_| None, Some(&file));
        assert!(settled.is_ok(), "{:?}", settled.err());
        let command = Cli::description();
        for (setting, shape, option) in settings::described(&command) {
            let entry = file.entries.iter().find(|entry| entry.key == setting.key);
            let shown = entry
                .map(|entry| written(&entry.node))
                .expect("every setting is shown");
            let default = option.get_default_values();
            if let [default] = default {
                assert_eq!(shown, default.to_string_lossy(), "{}", setting.key);
            } else if shape.list {
                assert!(setting.key == "report" || shown.is_empty(), "{}", setting.key);
            }
        }
    }

    fn written(node: &Node) -> String {
        match &node.value {
            Value::Text(text) => text.clone(),
            Value::Whole(number) => number.to_string(),
            Value::Real(number) => number.to_string(),
            Value::Truth(truth) => truth.to_string(),
            Value::List(items) => items.iter().map(written).collect(),
            Value::Table(_) | Value::Other(_) => unreachable!("no setting has this type"),
        }
    }

    #[test]
    fn comments_are_the_help_of_the_options() {
        let text = template().replace("\n# ", " ");
        let command = Cli::description();
        for (_, _, option) in settings::described(&command) {
            let help = option.get_help().expect("every option has help").to_string();
            assert!(text.contains(&help), "{help}");
        }
    }
}
