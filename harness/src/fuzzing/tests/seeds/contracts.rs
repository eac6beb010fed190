//! Contracts and scenarios, right and wrong.

use std::fmt::Write as _;

use super::{Made, text};
use crate::contract::{self, EMBEDDED};

/// What becomes of a line; none if it is left out.
type Spoil = fn(&str) -> Option<String>;

/// The small contract, whole and with its lines spoilt, and the scenarios of the specs a few at a time.
pub(super) fn contracts() -> Made {
    let small = contract::SMALL;
    let mut all = vec![text("small", small)];
    let spoils: [(&str, Spoil); 7] = [
        ("missing", |_| None),
        ("wrong type", |line| Some(with_value(line, "12"))),
        ("wrong word", |line| Some(with_value(line, "\"nonsense\""))),
        ("wrong list", |line| Some(with_value(line, "[\"nonsense\", 7]"))),
        ("empty", |line| Some(with_value(line, "\"\""))),
        ("wrong key", |line| Some(format!("novelty-{line}"))),
        ("twice", |line| Some(format!("{line}\n\n{line}"))),
    ];
    for (name, spoil) in spoils {
        // Mistakes are told all at once, so one text may have many; every third line is enough for all in three.
        for turn in 0..3 {
            let lines = small.lines().enumerate().filter_map(|(at, line)| {
                let is_value = line.contains(" = ") && !line.starts_with(' ');
                let is_head = line.starts_with("[[");
                let spoilt = if name == "twice" { is_head } else { is_value };
                if spoilt && at % 3 == turn {
                    spoil(line)
                } else {
                    Some(line.to_owned())
                }
            });
            let lines: Vec<String> = lines.collect();
            all.push(text(format!("{name} {turn}"), lines.join("\n")));
        }
    }
    for (file, whole) in EMBEDDED {
        if !file.ends_with("scenarios.toml") && !file.ends_with("relations.toml") {
            continue;
        }
        let cases: Vec<&str> = whole.split("[[scenario]]").skip(1).collect();
        for (at, some) in cases.chunks(14).enumerate() {
            let added = some.iter().fold(String::new(), |mut out, case| {
                let _ = write!(
                    out,
                    "[[scenario]]{}",
                    case.replacen("name = \"", "name = \"mine/", 1)
                );
                out
            });
            all.push(text(format!("{file} {at}"), added));
        }
    }
    for (name, scenario) in [
        ("no steps", "steps = []"),
        (
            "odd step",
            "steps = [{ call = \"StopInstances\", ids = [\"{b}\", 7], dry-run = \"maybe\", novelty = 1 }]",
        ),
        (
            "two acts",
            "steps = [{ call = \"StopInstances\", observe = true, settle = \"a\" }]",
        ),
        (
            "odd form",
            "steps = [{ call = \"StopInstances\", ids = [\"{a}\"], method = \"PUT\", auth = \"x\", order = 3 }]",
        ),
        (
            "odd label",
            "steps = [{ call = \"StopInstances\", ids = [\"{a}\"], same-as = \"nothing\", label = \"\" }]",
        ),
        (
            "launch",
            "steps = [{ launch = \"b\", kind = \"spot\" }, { pass = -1 }, { rest = true }]",
        ),
    ] {
        let head = "[[scenario]]\nname = \"mine/odd\"\npurpose = \"x\"\nclauses = [\"STT-01\", \"X-1\"]\n";
        all.push(text(
            name,
            format!("{head}fixtures = {{ a = \"running\" }}\n{scenario}\n"),
        ));
    }
    all.push(text("no toml", "[[scenario]]\nname = \n"));
    all
}

fn with_value(line: &str, value: &str) -> String {
    let key = line.split(" = ").next().unwrap_or_default();
    format!("{key} = {value}")
}
