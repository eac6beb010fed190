//! Valid and invalid contracts and scenarios.

use std::fmt::Write as _;

use super::{Made, text};
use crate::contract::EMBEDDED;

/// Changes a line; returns `None` to leave it out.
type Spoil = fn(&str) -> Option<String>;

/// The small contract, whole and with mistakes in its lines, and the scenarios of the specs, a few at a time.
pub(super) fn contracts() -> Made {
    let small = include_str!("../../../../core/src/contract/load/small.toml");
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
        // All mistakes are reported at once, so one text may have many; three texts with every third line cover all.
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
    all.push(text("wrong steps", wrong_steps()));
    for (name, case) in [
        (
            "bad name",
            "name = \"Mine//Odd\"\npurpose = \"\"\nfixtures = 7\nsteps = []\nsince = \"2022-1\"\n",
        ),
        (
            "all types",
            "name = 1.5\npurpose = 2022-01-01\nclauses = [true, [1], { a = 1 }]\nfixtures = { a = 3 }\nsteps = 99999999999999999999\n",
        ),
        (
            "empty range",
            "name = \"a\"\npurpose = \"a\"\nfixtures = {}\nsteps = [{ rest = true }]\nsince = \"2022-05\"\nuntil = \"2021-13\"\n",
        ),
        (
            "backwards",
            "name = \"a\"\npurpose = \"a\"\nfixtures = {}\nsteps = [{ rest = true }]\nsince = \"2022-05\"\nuntil = \"2021-12\"\n",
        ),
    ] {
        all.push(text(name, format!("[[scenario]]\n{case}")));
    }
    let tables = "[[clause]]\nid = \"X-1\"\n[[novelty]]\na = 1\n[[scenario]]\nname = \"a\"\n";
    all.push(text("other tables", tables));
    let no_action = small.replacen("[action]\nname = \"StopInstances\"", "", 1);
    all.push(text("no action", format!("{no_action}\n[novelty]\na = 1\n")));
    all.push(text(
        "two actions",
        format!("{small}\n[[state]]\ncode = 300\nname = \"running\"\n"),
    ));
    let with = |more: &str| format!("{small}\n{more}");
    let source = "[[clause]]\nid = \"Z-1\"\ngroup = \"g\"\nlevel = \"must\"\nconfidence = \"inferred\"\n\
                  statement = \"s\"\nsources = [\"NOSUCH\"]\nuntested = \"x\"\nchecks = [\"success-status\"]\n";
    all.push(text("no such source", with(source)));
    let pattern = "[[refusal]]\ncondition = \"dry-run\"\ndemand = \"must\"\n\
                   answers = [{ code = \"A\", status = [412, 99], message = \"(\" }, {}]\nclauses = { refused = [\"RSP-01\"] }\n";
    all.push(text("bad pattern", with(pattern)));
    let bound = "[[scenario]]\nname = \"mine/bound\"\npurpose = \"x\"\nclauses = [\"STT-01\"]\nfixtures = { a = \"running\" }\n\
                 steps = [{ call = \"StopInstances\", ids = [\"{a}\"], witness = [\"RSP-17\", \"SPT-04\"] }]\n";
    all.push(text("undecidable", bound));
    all.push(text("no toml", "[[scenario]]\nname = \n"));
    all
}

/// Every mistake that a step can have, in one case.
fn wrong_steps() -> String {
    let steps = [
        r#"{ call = "RunInstances", ids = ["{a}", "{b}", "{a.spot}", "{a.novelty}", "{open", 7, "{unknown1..3}", "x..y"] }"#,
        r#"{ call = "StopInstances", ids = "{a}", dry-run = true, force = "{b}", params = [["a", "b"], ["c"], "d"] }"#,
        r#"{ call = "StopInstances", params = [["Action", "CreateTags"]], together = 1, novelty = 1 }"#,
        r#"{ call = "StopInstances", ids = ["{a}"], omit = ["action", "version", "content-type", "novelty"] }"#,
        r#"{ call = "StopInstances", form = { method = "PUT", order = 3, encoding = "x", auth = "y", version = "1999-01-01", content-type = "a/b", novelty = 1 } }"#,
        r#"{ call = "StopInstances", form = 7, label = "l", witness = ["STT-01", "X-1"], control = "maybe" }"#,
        r#"{ call = "StopInstances", label = "l", same-as = { labels = ["l", "nothing", 3], instances = { a = "b", c = 4 }, clauses = ["X-1"] } }"#,
        r#"{ call = "StopInstances", same-as = { labels = ["l"], instances = 3 } }"#,
        r#"{ call = "StopInstances", together = 2, label = "m" }"#,
        r#"{ settle = ["a", "z", 4], state = "nonsense" }"#,
        r#"{ settle = "a" }"#,
        r#"{ launch = "a" }"#,
        r#"{ launch = "UNKNOWN", kind = { state = "running", market = "one-time-spot", root = "tape", stop-protected = 3, hibernation = true } }"#,
        r#"{ pass = -1 }"#,
        r#"{ observe = false }"#,
        r#"{ observe = true, rest = true }"#,
        r#"{}"#,
        r#""rest""#,
    ];
    format!(
        "[[scenario]]\nname = \"mine/wrong\"\npurpose = \"x\\u0007\\U0001F600\"\nclauses = [\"STT-01\"]\n\
         fixtures = {{ a = \"running\", unknown = \"stopped\", B = \"x\" }}\nsteps = [\n{}\n]\n",
        steps.join(",\n")
    )
}

fn with_value(line: &str, value: &str) -> String {
    let key = line.split(" = ").next().unwrap_or_default();
    format!("{key} = {value}")
}
