use clap::FromArgMatches as _;

use super::*;
use crate::cli::args::{Cli, Command as Chosen, RunArgs};

/// Parses a command line with these variables and this file, `conf/stopcheck.toml`.
fn parse(line: &str, variables: &[(&str, &str)], file: &str) -> Result<(Cli, Origins), Vec<String>> {
    let texts = |mistakes: Vec<ConfigMistake>| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>();
    let file = ConfigFile::parse("conf/stopcheck.toml", Path::new("conf"), file).map_err(texts)?;
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    };
    let arguments = || std::iter::once("stopcheck").chain(line.split(' '));
    let given = Cli::description()
        .try_get_matches_from(arguments())
        .expect("the line is right");
    let (command, origins) = settled(Cli::description(), &given, &variable, Some(&file)).map_err(texts)?;
    let all = command
        .try_get_matches_from(arguments())
        .expect("values were checked");
    Ok((
        Cli::from_arg_matches(&all).expect("the line has a command"),
        origins,
    ))
}

/// The arguments of `run`.
fn run(line: &str, variables: &[(&str, &str)], file: &str) -> RunArgs {
    match parse(line, variables, file)
        .expect("there is no mistake")
        .0
        .command
    {
        Chosen::Run(args) => *args,
        other => unreachable!("the line says run: {other:?}"),
    }
}

fn mistakes(variables: &[(&str, &str)], file: &str) -> String {
    let mistakes = parse("run", variables, file).expect_err("there is a mistake");
    mistakes.join("\n")
}

#[test]
fn every_option_of_run_is_a_setting_or_given_anew_for_a_reason() {
    let command = Cli::description();
    let run = command.find_subcommand("run").expect("it is there");
    for option in run
        .get_arguments()
        .filter(|option| option.get_id() != "help" && option.get_id() != "version")
    {
        let name = name_of(option);
        let settings = SETTINGS.iter().filter(|setting| setting.key == name).count();
        let given_anew = NOT_REPEATED.iter().filter(|(known, _)| *known == name).count();
        assert_eq!(settings + given_anew, 1, "--{name}");
    }
    for (name, reason) in NOT_REPEATED {
        let is_there = run.get_arguments().any(|option| name_of(option) == *name);
        assert!(is_there && !reason.is_empty(), "--{name}");
    }
}

fn name_of(option: &Arg) -> &str {
    option.get_long().unwrap_or(option.get_id().as_str())
}

#[test]
fn every_setting_has_an_option_of_a_known_type_in_each_of_its_commands() {
    let command = Cli::description();
    for setting in SETTINGS {
        for name in std::iter::once(&RUN).chain(setting.also) {
            let one = command.find_subcommand(name).expect("it is a command");
            let found = option(one, setting.key);
            assert!(
                found.is_some_and(|option| Shape::of(option).is_some()),
                "{name} --{}",
                setting.key
            );
        }
    }
}

#[test]
fn options_win_over_variables_over_the_file_over_defaults() {
    let file = "seed = 3\ntime-limit = 1.5\nphase = [\"wire\"]\nstrict = true";
    let variables = [
        ("STOPCHECK_SEED", "2"),
        ("STOPCHECK_TIME_LIMIT", "none"),
        ("STOPCHECK_PHASE", "scenarios, coverage"),
        ("STOPCHECK_STRICT", "false"),
    ];
    let summary = |args: &RunArgs| {
        let limit = args
            .time_limit
            .map(|limit| limit.0.map(|limit| limit.as_millis()));
        (args.seed, limit, args.phase.len(), args.reports.strict)
    };
    assert_eq!(summary(&run("run", &[], "")), (0, None, 0, false));
    assert_eq!(summary(&run("run", &[], file)), (3, Some(Some(1500)), 1, true));
    assert_eq!(summary(&run("run", &variables, file)), (2, Some(None), 2, false));
    let line = "run --seed 4 --time-limit 9 --phase wire,random,coverage --strict";
    assert_eq!(
        summary(&run(line, &variables, file)),
        (4, Some(Some(9000)), 3, true)
    );
    assert!(!run("run --strict=false", &[], file).reports.strict);
}

#[test]
fn a_note_names_the_sources_of_what_was_taken() {
    let file = "seed = 3\nworkers = 2\nskip = []";
    let (_, origins) = parse("run --workers 1", &[("STOPCHECK_SEED", "2")], file).expect("it is right");
    assert_eq!(
        origins.note().as_deref(),
        Some("settings are taken from conf/stopcheck.toml (skip), STOPCHECK_SEED")
    );
    let (_, origins) = parse("run", &[], "").expect("it is right");
    assert_eq!(origins.note(), None);
}

#[test]
fn a_case_that_is_named_is_played_even_if_the_file_selects_others() {
    let file = "phase = [\"wire\"]\nskip = [\"stop/*\"]\nclause = [\"DRY-*\"]\nseed = 3";
    let args = run("run --case stop/running", &[], file);
    assert!(args.phase.is_empty() && args.skip.is_empty() && args.clause.is_empty());
    assert_eq!(args.seed, 3);
    let args = run("run", &[("STOPCHECK_CASE", "a/*,b")], file);
    assert_eq!((args.case.len(), args.skip.len()), (2, 0));
    let args = run("run --phase coverage", &[], file);
    assert_eq!((args.phase.len(), args.skip.len()), (1, 1));
}

#[test]
fn variables_of_aws_win_over_the_file() {
    let file = "endpoint-url = \"http://file\"\nregion = \"eu-west-1\"";
    let from = |variables: &[(&str, &str)]| {
        let endpoint = run("run", variables, file).endpoint;
        (endpoint.endpoint_url, endpoint.region)
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(from(&[]), (text("http://file"), text("eu-west-1")));
    // The variables themselves are read where the endpoint is made.
    assert_eq!(
        from(&[("AWS_ENDPOINT_URL", "http://aws"), ("AWS_REGION", "x")]),
        (None, None)
    );
    let both = [
        ("AWS_ENDPOINT_URL", "http://aws"),
        ("STOPCHECK_ENDPOINT_URL", "http://own"),
    ];
    assert_eq!(from(&both).0, text("http://own"));
}

#[test]
fn other_commands_take_what_means_the_same_there() {
    let file = "endpoint-url = \"http://file\"\nphase = [\"wire\"]\nscenarios = [\"mine\"]\nseed = 3";
    let (cli, _) = parse("compare reference http://x", &[], file).expect("it is right");
    let Chosen::Compare(args) = cli.command else {
        unreachable!("the line says compare");
    };
    assert_eq!(
        (args.endpoint.endpoint_url, args.phase.len(), args.seed),
        (None, 0, 3)
    );
    assert_eq!(args.scenarios, [PathBuf::from("conf/mine")]);
}

#[test]
fn paths_are_relative_to_the_file() {
    let file = "journal = \"out/run.ndjson\"\nscenarios = [\"/abs\", \"mine\"]\n\
                report = [\"json=report.json\", \"junit=-\"]";
    let args = run("run", &[], file);
    assert_eq!(args.journal, Some(PathBuf::from("conf/out/run.ndjson")));
    assert_eq!(
        args.scenarios,
        [PathBuf::from("/abs"), PathBuf::from("conf/mine")]
    );
    let paths: Vec<_> = args
        .reports
        .reports
        .iter()
        .map(|report| report.path.as_path())
        .collect();
    assert_eq!(paths, [Path::new("conf/report.json"), Path::new("-")]);
    let known = "known = [\"moto@5.2.5\", \"known.toml\", \"/abs/known.toml\"]";
    let names = ["moto@5.2.5", "conf/known.toml", "/abs/known.toml"];
    assert_eq!(run("run", &[], known).known.known, names);
    let args = run("run --known-update conf/known.toml", &[], known);
    assert_eq!(args.known.known, ["moto@5.2.5", "/abs/known.toml"]);
    let args = run("run", &[("STOPCHECK_JOURNAL", "run.ndjson")], file);
    assert_eq!(args.journal, Some(PathBuf::from("run.ndjson")));
}

#[test]
fn a_mistake_names_its_source_and_what_was_meant() {
    let file = "sed = 1\ncallers = 99\nphase = [\"scenario\"]\nread-lag = \"5\"\nseed = 1.5\ncase = \"a\"\n[endpoint]\nurl = 1";
    let variables = [("STOPCHECK_WORKERS", "many"), ("STOPCHECK_EDITION", "2017")];
    // Of the known keys the nearest is enough.
    let mistakes_in_short: Vec<String> = mistakes(&variables, file)
        .lines()
        .map(|line| line.split_inclusive(',').next().unwrap_or_default().to_owned())
        .collect();
    insta::assert_snapshot!(mistakes_in_short.join("\n"), @r#"
    conf/stopcheck.toml: line 1: unknown key "sed" in the configuration (known: seed,
    conf/stopcheck.toml: line 2: "callers": "99": 99 is not in 2..=64
    conf/stopcheck.toml: line 3: "phase": unknown word "scenario" (known: scenarios,
    conf/stopcheck.toml: line 4: "read-lag" is a string,
    conf/stopcheck.toml: line 5: "seed" is a float,
    conf/stopcheck.toml: line 6: "case" is a string,
    conf/stopcheck.toml: line 7: unknown key "endpoint" in the configuration (known: endpoint-url,
    STOPCHECK_WORKERS: "many": invalid digit found in string
    STOPCHECK_EDITION: unknown word "2017" (known: 2017-10,
    "#);
    assert!(mistakes(&[], "seed = = 1").starts_with("conf/stopcheck.toml: line 1: "));
}

#[test]
fn a_secret_in_the_file_is_a_mistake_that_does_not_repeat_it() {
    for (file, named) in [
        ("secret-access-key = \"HushHush\"", "secret-access-key"),
        ("access_key_id = \"HushHush\"", "access_key_id"),
        ("session-token = \"HushHush\"", "session-token"),
        ("secret-access-key-env = \"HushHush\"", "secret-access-key-env"),
        ("endpoint-url = \"http://me:HushHush@host/\"", "endpoint-url"),
    ] {
        let text = mistakes(&[], file);
        assert!(
            text.contains("line 1") && text.contains(named) && text.contains("secret"),
            "{text}"
        );
        assert!(!text.contains("HushHush"), "{text}");
    }
    let text = mistakes(&[("STOPCHECK_SECRET_ACCESS_KEY_ENV", "HushHush")], "");
    assert!(
        text.starts_with("STOPCHECK_SECRET_ACCESS_KEY_ENV: ") && !text.contains("HushHush"),
        "{text}"
    );
}
