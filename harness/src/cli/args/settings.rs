//! Settings: options that may also be given by an environment variable or in a configuration file.
//!
//! Each is named once, in [`SETTINGS`]. Its key in the file is the long name of the option, its variable is
//! `STOPCHECK_` and that name; its type, its default and its help text are those of the option. In come the command and
//! the options that were given; out goes the command in which every setting from a variable or from the file is the
//! default of its option. So options win over variables, variables over the file, and the file over defaults.

use std::any::TypeId;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::values::{RateArg, ReportArg, TimeLimitArg, VariableName};
use crate::cli::config::{ConfigFile, ConfigMistake, FILE_NAME, Place};
use crate::cli::known;
use crate::contract::Mistake;
use crate::contract::document::{Node, Value};

#[cfg(test)]
mod tests;

/// A setting.
#[derive(Debug)]
pub(in crate::cli) struct Setting {
    /// The long name of the option, which is the key in the file.
    pub(in crate::cli) key: &'static str,
    /// What it is about.
    pub(in crate::cli) group: Group,
    /// The commands other than `run` whose option of this name means the same.
    also: &'static [&'static str],
    /// Other variables that give the value. Where one is set, the file does not count.
    aws: &'static [&'static str],
    /// A value for `stopcheck init` to show if the option has no fixed default.
    example: &'static str,
}

/// What settings are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Group {
    Endpoint,
    Credentials,
    Fixtures,
    Selection,
    Limits,
    Judging,
    Goldens,
    Reports,
}

impl Group {
    /// The heading in a configuration file.
    pub(in crate::cli) fn heading(self) -> &'static str {
        match self {
            Group::Endpoint => "Endpoint",
            Group::Credentials => {
                "Credentials: the names of environment variables and profiles, never the secrets"
            }
            Group::Fixtures => "Fixtures",
            Group::Selection => "Cases",
            Group::Limits => "Limits",
            Group::Judging => "Judging",
            Group::Goldens => "Goldens",
            Group::Reports => "Journal and reports",
        }
    }
}

/// The commands that send requests, apart from `run`.
const SENDERS: &[&str] = &["compare", "record", "replay", "sweep"];

/// The commands that judge recorded runs.
const JUDGES: &[&str] = &["judge", "merge", "proxy", "report"];

/// The command whose options the settings are.
const RUN: &str = "run";

/// All settings, by groups.
pub(in crate::cli) const SETTINGS: &[Setting] = &[
    setting("endpoint-url", Group::Endpoint, "http://127.0.0.1:5000")
        .or_from(&["AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL"])
        .also(&["sweep"]),
    setting("region", Group::Endpoint, "us-east-1")
        .or_from(&["AWS_REGION", "AWS_DEFAULT_REGION"])
        .also(&["compare", "record", "sweep"]),
    setting("account", Group::Endpoint, "111122223333").also(SENDERS),
    setting("wait", Group::Endpoint, "30").also(SENDERS),
    setting("request-timeout", Group::Endpoint, "").also(SENDERS),
    setting("server-stop-timeout", Group::Endpoint, ""),
    setting("settle-timeout", Group::Endpoint, "30").also(SENDERS),
    setting("read-lag", Group::Endpoint, "5").also(SENDERS),
    setting("access-key-id-env", Group::Credentials, "").also(SENDERS),
    setting("secret-access-key-env", Group::Credentials, "").also(SENDERS),
    setting("session-token-env", Group::Credentials, "").also(SENDERS),
    setting("profile", Group::Credentials, "default")
        .or_from(&["AWS_PROFILE", "AWS_ACCESS_KEY_ID"])
        .also(SENDERS),
    setting("denied-profile", Group::Credentials, "may-not-stop")
        .or_from(&["STOPCHECK_DENIED_ACCESS_KEY_ID"])
        .also(SENDERS),
    setting("session-profile", Group::Credentials, "session")
        .or_from(&["STOPCHECK_SESSION_ACCESS_KEY_ID"])
        .also(SENDERS),
    setting("expired-profile", Group::Credentials, "expired")
        .or_from(&["STOPCHECK_EXPIRED_ACCESS_KEY_ID"])
        .also(SENDERS),
    setting("ebs-image", Group::Fixtures, "ami-0123456789abcdef0").also(SENDERS),
    setting("instance-store-image", Group::Fixtures, "ami-0123456789abcdef0").also(SENDERS),
    setting("instance-type", Group::Fixtures, "").also(SENDERS),
    setting("subnet", Group::Fixtures, "subnet-0123456789abcdef0").also(SENDERS),
    setting("phase", Group::Selection, ""),
    setting(CASE, Group::Selection, ""),
    setting("skip", Group::Selection, ""),
    setting("clause", Group::Selection, ""),
    setting("scenarios", Group::Selection, "").also(&["compare", "explain", "list"]),
    setting("strength", Group::Selection, "2"),
    setting("seed", Group::Limits, "").also(&["compare"]),
    setting("time-limit", Group::Limits, "60"),
    setting("max-requests", Group::Limits, "100000").also(SENDERS),
    setting("rate", Group::Limits, "10/s").also(SENDERS),
    setting("max-instances", Group::Limits, "20").also(SENDERS),
    setting("workers", Group::Limits, "4").also(&["compare", "record"]),
    setting("fail-fast", Group::Limits, ""),
    setting("cases", Group::Limits, "20"),
    setting("max-time", Group::Limits, "30"),
    setting("max-shrink-requests", Group::Limits, "1000"),
    setting("overlaps", Group::Limits, "8"),
    setting("callers", Group::Limits, ""),
    setting("edition", Group::Judging, "").also(&["compare"]),
    setting("strict", Group::Judging, "").also(JUDGES),
    setting("min-confidence", Group::Judging, "documented"),
    setting(KNOWN, Group::Judging, "").also(JUDGES),
    setting("endpoint-version", Group::Judging, "5.2.5").also(JUDGES),
    setting("golden", Group::Goldens, "check").also(&["merge"]),
    setting("golden-set", Group::Goldens, "moto-5.2.5").also(&["merge"]),
    setting("golden-dir", Group::Goldens, "golden").also(&["compare", "merge"]),
    setting("golden-changelog", Group::Goldens, "changes.md"),
    setting("journal", Group::Reports, "run.ndjson"),
    setting("server-log", Group::Reports, "server.log"),
    setting("report", Group::Reports, "json=report.json"),
    setting("artifacts", Group::Reports, "artifacts"),
];

/// Options of `run` that are given each time anew, with the reason.
#[cfg(test)]
const NOT_REPEATED: &[(&str, &str)] = &[
    ("access-key-id", "a secret"),
    ("secret-access-key", "a secret"),
    ("allow-real-aws", "consent to costs is for one run"),
    ("plan", "sends nothing, and is about one look at a run"),
    ("yes", "consent to costs is for one run"),
    ("command", "about one run"),
    ("resume", "about one run"),
    ("partition", "differs from machine to machine"),
    ("known-update", "writes a file that a person reads afterwards"),
    ("color", "about the terminal"),
    ("verbose", "about one look at the report"),
    ("quiet", "about one look at the progress"),
    ("config", "names the file"),
    ("no-config", "leaves the file out"),
];

/// The setting that names cases.
const CASE: &str = "case";

/// The setting that names files and packs of known deviations.
const KNOWN: &str = "known";

/// The option that reads and writes a file of known deviations.
const KNOWN_UPDATE: &str = "known-update";

/// Parts of keys that ask for a secret.
const SECRETS: &[&str] = &["secret", "access-key", "token", "password"];

const fn setting(key: &'static str, group: Group, example: &'static str) -> Setting {
    Setting {
        key,
        group,
        also: &[],
        aws: &[],
        example,
    }
}

impl Setting {
    const fn also(self, also: &'static [&'static str]) -> Self {
        Setting { also, ..self }
    }

    const fn or_from(self, aws: &'static [&'static str]) -> Self {
        Setting { aws, ..self }
    }

    /// The environment variable.
    pub(in crate::cli) fn variable(&self) -> String {
        format!("STOPCHECK_{}", self.key.to_ascii_uppercase().replace('-', "_"))
    }

    fn belongs_to(&self, command: &str) -> bool {
        command == RUN || self.also.contains(&command)
    }

    /// Whether a case that is named by a closer source makes this setting void: that case is to be played.
    fn yields_to_a_named_case(&self) -> bool {
        matches!(self.key, "phase" | "skip" | "clause")
    }
}

/// The type of the values of a setting.
#[derive(Debug)]
pub(in crate::cli) struct Shape {
    pub(in crate::cli) kind: ValueKind,
    /// Whether it has several values.
    pub(in crate::cli) list: bool,
}

/// The type of one value.
#[derive(Debug)]
pub(in crate::cli) enum ValueKind {
    Switch,
    Whole,
    /// A number of seconds.
    Seconds,
    /// A number of seconds, or `none`.
    SecondsOrNone,
    Text,
    /// The name of an environment variable.
    Variable,
    Path,
    /// A path behind `KIND=`.
    Report,
    /// One of these words.
    Word(Vec<PossibleValue>),
}

impl Shape {
    /// The type of the values of an option; `None` if settings do not have this type.
    fn of(option: &Arg) -> Option<Self> {
        let parser = option.get_value_parser();
        let is = |id: TypeId| parser.type_id() == id;
        let words = option.get_possible_values();
        let kind = if is(TypeId::of::<bool>()) {
            ValueKind::Switch
        } else if !words.is_empty() {
            ValueKind::Word(words)
        } else if is(TypeId::of::<u8>())
            || is(TypeId::of::<u16>())
            || is(TypeId::of::<u64>())
            || is(TypeId::of::<usize>())
        {
            ValueKind::Whole
        } else if is(TypeId::of::<Duration>()) {
            ValueKind::Seconds
        } else if is(TypeId::of::<TimeLimitArg>()) {
            ValueKind::SecondsOrNone
        } else if is(TypeId::of::<VariableName>()) {
            ValueKind::Variable
        } else if is(TypeId::of::<PathBuf>()) {
            ValueKind::Path
        } else if is(TypeId::of::<ReportArg>()) {
            ValueKind::Report
        } else if is(TypeId::of::<String>()) || is(TypeId::of::<RateArg>()) {
            ValueKind::Text
        } else {
            return None;
        };
        let list = matches!(option.get_action(), ArgAction::Append);
        Some(Shape { kind, list })
    }

    /// The values of a node of a configuration file, as they would be written on the command line.
    fn read(&self, key: &str, node: &Node, folder: &Path) -> Result<Vec<String>, Mistake> {
        let wrong = |expected| Mistake::WrongType {
            key: key.to_owned(),
            expected,
            found: node.value.kind(),
        };
        match (self.list, &node.value) {
            (false, _) => Ok(vec![self.kind.read(key, node, folder)?]),
            (true, Value::List(items)) => items
                .iter()
                .map(|item| self.kind.read(key, item, folder))
                .collect(),
            (true, _) => Err(wrong("a list")),
        }
    }
}

impl ValueKind {
    fn read(&self, key: &str, node: &Node, folder: &Path) -> Result<String, Mistake> {
        let expected = match (self, &node.value) {
            (ValueKind::Switch, Value::Truth(truth)) => return Ok(truth.to_string()),
            (ValueKind::Switch, _) => "a boolean",
            (ValueKind::Whole | ValueKind::Seconds | ValueKind::SecondsOrNone, Value::Whole(number)) => {
                return Ok(number.to_string());
            }
            (ValueKind::Whole, _) => "an integer",
            (ValueKind::Seconds | ValueKind::SecondsOrNone, Value::Real(number)) => {
                return Ok(number.to_string());
            }
            (ValueKind::Seconds, _) => "a number of seconds",
            (ValueKind::Path, Value::Text(text)) => return Ok(within(folder, text)),
            (ValueKind::Report, Value::Text(text)) => {
                return Ok(match text.split_once('=') {
                    Some((kind, file)) if file != "-" && !file.is_empty() => {
                        format!("{kind}={}", within(folder, file))
                    }
                    _ => text.clone(),
                });
            }
            (
                ValueKind::SecondsOrNone | ValueKind::Text | ValueKind::Variable | ValueKind::Word(_),
                Value::Text(text),
            ) => return Ok(text.clone()),
            (ValueKind::SecondsOrNone, _) => "a number of seconds, or \"none\"",
            (
                ValueKind::Text
                | ValueKind::Variable
                | ValueKind::Word(_)
                | ValueKind::Path
                | ValueKind::Report,
                _,
            ) => "a string",
        };
        Err(Mistake::WrongType {
            key: key.to_owned(),
            expected,
            found: node.value.kind(),
        })
    }
}

/// A path of a file in this folder, from the current folder.
fn within(folder: &Path, path: &str) -> String {
    if path.is_empty() {
        return String::new();
    }
    folder.join(path).to_string_lossy().into_owned()
}

/// Where the settings of a command came from, except for those on its command line.
#[derive(Debug, Default)]
pub(in crate::cli) struct Origins {
    /// The file, and the keys that it gave.
    file: Option<(String, Vec<&'static str>)>,
    variables: Vec<String>,
}

impl Origins {
    /// One line that says which settings are not from the command line; `None` if all are.
    pub(in crate::cli) fn note(&self) -> Option<String> {
        let file = self
            .file
            .as_ref()
            .map(|(name, keys)| format!("{name} ({})", keys.join(", ")));
        let sources: Vec<String> = file.into_iter().chain(self.variables.iter().cloned()).collect();
        (!sources.is_empty()).then(|| format!("settings are taken from {}", sources.join(", ")))
    }
}

/// Completes the command with what all settings have in common: options that name the configuration file, and switches
/// that can be turned off.
pub(super) fn complete(mut command: Command) -> Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|one| one.get_name().to_owned())
        .collect();
    for name in names.into_iter().filter(|name| reads_settings(name)) {
        command = command.mut_subcommand(&name, |mut command| {
            for setting in SETTINGS.iter().filter(|setting| setting.belongs_to(&name)) {
                let Some(option) = option(&command, setting.key) else {
                    continue;
                };
                if let ArgAction::SetTrue = option.get_action() {
                    let id = option.get_id().clone();
                    command = command.mut_arg(id, switch);
                }
            }
            command.arg(config()).arg(no_config())
        });
    }
    command
}

fn reads_settings(command: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.belongs_to(command))
}

/// An option without a value that takes one as well, so that it wins over a file that switches it on.
fn switch(option: Arg) -> Arg {
    option
        .action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .value_name("BOOL")
        .default_missing_value("true")
        .default_value("false")
        .hide_default_value(true)
        .hide_possible_values(true)
}

fn config() -> Arg {
    Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help_heading("Configuration")
        .help(format!(
            "The configuration file [default: {FILE_NAME}, here or in the nearest folder above]"
        ))
}

fn no_config() -> Arg {
    Arg::new("no-config")
        .long("no-config")
        .action(ArgAction::SetTrue)
        .conflicts_with("config")
        .help_heading("Configuration")
        .help("Read no configuration file")
}

/// The configuration file that a command line names, and whether none is to be read.
pub(super) fn wished_file(matches: &ArgMatches) -> Option<(Option<PathBuf>, bool)> {
    let (name, matches) = matches.subcommand()?;
    reads_settings(name).then(|| {
        (
            matches.get_one::<PathBuf>("config").cloned(),
            matches.get_flag("no-config"),
        )
    })
}

/// The command with the settings of the environment and of a file as defaults, given what is on its command line.
/// `environment` has the value of a variable that is set and not empty.
pub(in crate::cli) fn settled(
    command: Command,
    matches: &ArgMatches,
    environment: &dyn Fn(&str) -> Option<OsString>,
    file: Option<&ConfigFile>,
) -> Result<(Command, Origins), Vec<ConfigMistake>> {
    let mut mistakes = Vec::new();
    let in_file = file.map_or_else(Vec::new, |file| file_values(&command, file, &mut mistakes));
    let mut origins = Origins::default();
    let mut defaults: Vec<(&'static str, Vec<String>)> = Vec::new();
    let Some((name, matches)) = matches.subcommand() else {
        return Ok((command, origins));
    };
    let Some(of_this) = command.find_subcommand(name) else {
        return Ok((command, origins));
    };
    let source_of = |setting: &Setting| {
        option(of_this, setting.key).map(|option| (option, matches.value_source(option.get_id().as_str())))
    };
    // A case that a closer source names is played, even if a farther one selects other phases and names.
    let case = SETTINGS
        .iter()
        .find(|setting| setting.key == CASE && setting.belongs_to(name));
    let is_named_here = case.is_some_and(|case| source_of(case).is_some_and(|(_, source)| is_given(source)));
    // The file that is updated after the run is read anyway.
    let updated =
        option(of_this, KNOWN_UPDATE).and_then(|option| matches.get_one::<PathBuf>(option.get_id().as_str()));
    let is_named_by_variable = case.is_some_and(|case| environment(&case.variable()).is_some());
    for setting in SETTINGS.iter().filter(|setting| setting.belongs_to(name)) {
        let Some((option, source)) = source_of(setting) else {
            continue;
        };
        if is_given(source) || (is_named_here && setting.yields_to_a_named_case()) {
            continue;
        }
        if let Some(value) = environment(&setting.variable()) {
            match variable_values(option, setting, value) {
                Ok(values) => {
                    origins.variables.push(setting.variable());
                    defaults.push((setting.key, values));
                }
                Err(mistake) => mistakes.push(mistake),
            }
            continue;
        }
        let yields = is_named_by_variable && setting.yields_to_a_named_case();
        if yields || setting.aws.iter().any(|name| environment(name).is_some()) {
            continue;
        }
        if let (Some((_, values)), Some(file)) = (in_file.iter().find(|(key, _)| *key == setting.key), file) {
            let (_, keys) = origins
                .file
                .get_or_insert_with(|| (file.name.clone(), Vec::new()));
            keys.push(setting.key);
            let mut values = values.clone();
            if setting.key == KNOWN {
                values.retain(|name| updated.is_none_or(|updated| Path::new(name) != updated));
            }
            defaults.push((setting.key, values));
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let name = name.to_owned();
    let command = command.mut_subcommand(name, |mut command| {
        for (key, values) in defaults {
            let id = option(&command, key).map(|option| option.get_id().clone());
            if let Some(id) = id {
                command = command.mut_arg(id, |option| option.default_values(values));
            }
        }
        command
    });
    Ok((command, origins))
}

fn is_given(source: Option<ValueSource>) -> bool {
    source == Some(ValueSource::CommandLine)
}

/// The option of a command with this long name.
fn option<'c>(command: &'c Command, long: &str) -> Option<&'c Arg> {
    command
        .get_arguments()
        .find(|option| option.get_long() == Some(long))
}

/// The options of `run` that are settings, in the order of the groups.
pub(in crate::cli) fn described(command: &Command) -> Vec<(&'static Setting, Shape, &Arg)> {
    let Some(run) = command.find_subcommand(RUN) else {
        return Vec::new();
    };
    SETTINGS
        .iter()
        .filter_map(|setting| {
            let option = option(run, setting.key)?;
            Some((setting, Shape::of(option)?, option))
        })
        .collect()
}

/// The settings of a file, checked, whether the command has them or not.
fn file_values(
    command: &Command,
    file: &ConfigFile,
    mistakes: &mut Vec<ConfigMistake>,
) -> Vec<(&'static str, Vec<String>)> {
    let known = described(command);
    let keys: Vec<&str> = known.iter().map(|(setting, ..)| setting.key).collect();
    let mut found = Vec::new();
    for entry in &file.entries {
        let place = |line| Place::Line(file.name.clone(), line);
        let Some((setting, shape, option)) = known.iter().find(|(setting, ..)| setting.key == entry.key)
        else {
            let is_secret = SECRETS
                .iter()
                .any(|part| entry.key.replace('_', "-").contains(part));
            mistakes.push(ConfigMistake::new(
                place(entry.line),
                match is_secret {
                    true => literal_secret(&entry.key),
                    false => Mistake::unknown_key("the configuration", &entry.key, &keys).to_string(),
                },
            ));
            continue;
        };
        let values = match shape.read(setting.key, &entry.node, &file.folder) {
            Ok(names) if setting.key == KNOWN => names
                .into_iter()
                .map(|name| match known::is_file(&name) {
                    true => within(&file.folder, &name),
                    false => name,
                })
                .collect(),
            Ok(values) => values,
            Err(mistake) => {
                mistakes.push(ConfigMistake::new(place(entry.line), mistake.to_string()));
                continue;
            }
        };
        if setting.key == "endpoint-url" && values.iter().any(|value| has_user_information(value)) {
            let what = "\"endpoint-url\" has a user name or a password: a secret does not belong in a file";
            mistakes.push(ConfigMistake::new(place(entry.line), what.to_owned()));
            continue;
        }
        let wrong = values.iter().filter_map(|value| objection(option, shape, value));
        let wrong: Vec<_> = wrong.collect();
        if wrong.is_empty() {
            found.push((setting.key, values));
        }
        let wrong = wrong.into_iter().map(|what| format!("{:?}: {what}", setting.key));
        mistakes.extend(wrong.map(|what| ConfigMistake::new(place(entry.line), what)));
    }
    found
}

fn literal_secret(key: &str) -> String {
    format!(
        "{key:?} would hold a secret, which does not belong in a file: put it into an environment variable, and name \
         the variable with access-key-id-env, secret-access-key-env or session-token-env"
    )
}

/// Whether a URL has a part before an `@`.
fn has_user_information(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = host.find(['/', '?', '#']).unwrap_or(host.len());
    host.get(..end).is_some_and(|host| host.contains('@'))
}

/// The values of a variable. Several are separated by commas.
fn variable_values(option: &Arg, setting: &Setting, value: OsString) -> Result<Vec<String>, ConfigMistake> {
    let place = || Place::Variable(setting.variable());
    let value = value
        .into_string()
        .map_err(|_| ConfigMistake::new(place(), "it is not UTF-8".to_owned()))?;
    let shape = Shape::of(option);
    let values: Vec<String> = match &shape {
        Some(Shape { list: true, .. }) => value.split(',').map(|one| one.trim().to_owned()).collect(),
        Some(_) | None => vec![value],
    };
    let wrong = shape
        .iter()
        .flat_map(|shape| values.iter().find_map(|value| objection(option, shape, value)))
        .next();
    match wrong {
        None => Ok(values),
        Some(what) => Err(ConfigMistake::new(place(), what)),
    }
}

/// What the option has against this value, if anything.
fn objection(option: &Arg, shape: &Shape, value: &str) -> Option<String> {
    let lone = Arg::new("value")
        .action(ArgAction::Set)
        .allow_hyphen_values(true)
        .value_parser(option.get_value_parser().clone());
    let parsed = Command::new("setting")
        .no_binary_name(true)
        .disable_help_flag(true)
        .arg(lone)
        .try_get_matches_from(["--", value]);
    let error = parsed.err()?;
    Some(match &shape.kind {
        ValueKind::Word(words) => {
            let words = words.iter().map(PossibleValue::get_name);
            Mistake::unknown_word("word", value, words).to_string()
        }
        // A secret that was written in the place of a name is not repeated.
        ValueKind::Variable => inner(&error),
        ValueKind::Switch
        | ValueKind::Whole
        | ValueKind::Seconds
        | ValueKind::SecondsOrNone
        | ValueKind::Text
        | ValueKind::Path
        | ValueKind::Report => format!("{value:?}: {}", inner(&error)),
    })
}

/// Why a value was refused, without the words around it.
fn inner(error: &clap::Error) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(source) => source.to_string(),
        None => "the option does not take this value".to_owned(),
    }
}

/// The value that `stopcheck init` shows for a setting: the default of the option, or an example.
pub(in crate::cli) fn shown_values(setting: &Setting, option: &Arg) -> Vec<String> {
    let defaults: Vec<String> = option
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy().into_owned())
        .collect();
    match (defaults.is_empty(), setting.example) {
        (false, _) => defaults,
        (true, "") => Vec::new(),
        (true, example) => vec![example.to_owned()],
    }
}
