//! Tests that the loader reports each mistake, and no others.

use super::*;

#[test]
fn unknown_words_are_told_with_the_closest_first() {
    for (from, word, message) in [
        (
            "condition = \"one-time-spot\"",
            "one-time-spit",
            "unknown condition \"one-time-spit\" (known: one-time-spot, ",
        ),
        (
            "demand = \"must\"",
            "mist",
            "unknown demand \"mist\" (known: must, may, should, tolerated)",
        ),
        (
            "level = \"may\"",
            "MAY",
            "unknown level \"MAY\" (known: may, must, should, must-not)",
        ),
        (
            "confidence = \"inferred\"",
            "infered",
            "unknown confidence \"infered\" (known: inferred, recorded, ",
        ),
        (
            "from = \"running\"",
            "runing",
            "unknown state \"runing\" (known: running, ",
        ),
        (
            "type = \"string-list\"",
            "string",
            "unknown parameter type \"string\" (known: string-list, boolean)",
        ),
    ] {
        let (key, _) = from.split_once(" = ").expect("each piece is a key and a word");
        mistake_here(from, &format!("{key} = \"{word}\""), message);
    }
    mistake_here(
        "masks = [\"stopped\"]",
        "masks = [\"stoped\"]",
        "unknown condition \"stoped\" (known: stopped, ",
    );
    mistake_here(
        "[\"success-status\"]",
        "[\"success-status\", \"succes\"]",
        "unknown check \"succes\" (known: success-status, ",
    );
    let to = "{ previous = \"running\", current = \"restarting\", then = \"stopping\" }";
    let from = "{ previous = \"running\", current = \"stopping\", then = \"stopping\" }";
    mistake_here(from, to, "unknown state name \"restarting\" (known: ");
    one_mistake(
        "16\nname = \"running\"",
        "16\nname = \"runs\"",
        "line 17: unknown state name \"runs\" (known: running, ",
    );
}

#[test]
fn an_address_of_a_source_must_be_one_that_a_browser_opens() {
    let title = "title = \"The reference\"";
    for (added, message) in [
        (
            "url = \"docs.aws.amazon.com/x\"",
            "line 22: \"docs.aws.amazon.com/x\" is not a URL, expected https:// or http://",
        ),
        ("url = \"ftp://x\"", "line 22: \"ftp://x\" is not a URL"),
        ("url = \"https://\"", "line 22: \"https://\" is not a URL"),
        ("url = \"https://x y\"", "line 22: \"https://x y\" is not a URL"),
        ("url = 7", "line 22: \"url\" is "),
        ("licence = \" \"", "line 22: \"licence\" is empty"),
        (
            "license = \"MIT\"",
            "line 22: unknown key \"license\" in source (known: licence, ",
        ),
    ] {
        one_mistake(title, &format!("{title}\n{added}"), message);
    }
    for added in [
        "url = \"http://x.test/a\"",
        "url = \"https://x.test\"\nlicence = \"Apache-2.0\"",
    ] {
        no_mistake(title, &format!("{title}\n{added}"));
    }
}

#[test]
fn unknown_words_within_a_scenario_are_told_at_their_line() {
    for (from, to, message) in [
        (
            "method = \"GET\"",
            "method = \"PUT\"",
            "unknown method \"PUT\" (known: POST, GET)",
        ),
        (
            "auth = \"unsigned\"",
            "auth = \"none\"",
            "unknown auth \"none\" (known: ",
        ),
        (
            "[\"action\", \"version\"]",
            "[\"action\", \"body\"]",
            "unknown part to omit \"body\" (known: action, version, content-type)",
        ),
        (
            "root = \"instance-store\"",
            "root = \"ebz\"",
            "unknown root device \"ebz\" (known: ebs, instance-store)",
        ),
        (
            "market = \"one-time-spot\"",
            "market = \"spot\"",
            "unknown market \"spot\" (known: ",
        ),
        (
            "{ b = \"running\"",
            "{ b = \"runing\"",
            "unknown state \"runing\" (known: running, ",
        ),
        (
            "{ settle = [\"a\"], state = \"stopped\" }",
            "{ settle = [\"a\"], state = \"off\" }",
            "unknown state \"off\" (known: ",
        ),
    ] {
        mistake_here(from, to, message);
    }
    no_mistake(
        "method = \"GET\"",
        "method = \"POST\", order = \"action-last\", encoding = \"every-byte\", content-type = \"text/plain\"",
    );
}

#[test]
fn unknown_keys_are_told_with_those_of_their_table() {
    for (from, to, message) in [
        (
            "note = \"A",
            "nota = \"A",
            "unknown key \"nota\" in clause (known: note, ",
        ),
        (
            "odd = true",
            "off = true",
            "unknown key \"off\" in answer (known: odd, then, previous, current)",
        ),
        (
            "masks = [",
            "mask = [",
            "unknown key \"mask\" in refusal (known: masks, ",
        ),
        (
            "effect = [",
            "efect = [",
            "unknown key \"efect\" in clauses (known: effect, ",
        ),
        (
            "status = [400]",
            "status = [400], text = \"x\"",
            "unknown key \"text\" in answer (known: code, ",
        ),
        (
            "stop-protected = true",
            "stop_protected = true",
            "unknown key \"stop_protected\" in fixture (known: stop-protected, ",
        ),
        (
            "together = 8",
            "togther = 8",
            "unknown key \"togther\" in step (known: together, ",
        ),
        (
            "{ observe = true }",
            "{ observe = true, control = true }",
            "unknown key \"control\" in step (known: observe, witness)",
        ),
        (
            "method = \"GET\"",
            "verb = \"GET\"",
            "unknown key \"verb\" in step's form (known: ",
        ),
        (
            "title = \"The",
            "uri = \"x\"\ntitle = \"The",
            "unknown key \"uri\" in source (known: url, key, ",
        ),
    ] {
        let message = message.replace("step's form", "form");
        mistake_here(from, to, &message);
    }
    mistake_here(
        "[action]\n",
        "[extra]\n[action]\n",
        "unknown key \"extra\" in the file (known: action, ",
    );
}

#[test]
fn what_a_table_lacks_is_told_at_its_header() {
    for (from, message) in [
        ("name = \"StopInstances\"\n", "line 1: action without \"name\""),
        ("required = true\n", "line 4: parameter without \"required\""),
        ("title = \"The reference\"\n", "line 19: source without \"title\""),
        ("level = \"may\"\n", "line 59: clause without \"level\""),
        (
            "statement = \"Buckets leak.\"\n",
            "line 59: clause without \"statement\"",
        ),
        ("demand = \"must\"\n", "line 77: refusal without \"demand\""),
        (
            "purpose = \"A running instance is stopped.\"\n",
            "line 85: scenario without \"purpose\"",
        ),
        (", state = \"stopped\" },\n", "line 93: step without \"state\""),
    ] {
        let to = if from.ends_with("},\n") { " },\n" } else { "" };
        one_mistake(from, to, message);
    }
}

#[test]
fn wrong_types_are_told_with_both_types() {
    for (from, to, message) in [
        (
            "required = true",
            "required = \"yes\"",
            "\"required\" is a string, expected a boolean",
        ),
        (
            "code = 16",
            "code = \"16\"",
            "\"code\" is a string, expected an integer",
        ),
        (
            "note = \"A remark.\"",
            "note = 1.5",
            "\"note\" is a float, expected a string",
        ),
        (
            "note = \"A remark.\"",
            "note = 2018-11-28",
            "\"note\" is a date, expected a string",
        ),
        (
            "masks = [\"stopped\"]",
            "masks = \"stopped\"",
            "\"masks\" is a string, expected a list",
        ),
        (
            "dry-run = \"1\"",
            "dry-run = true",
            "\"dry-run\" is a boolean, expected a string",
        ),
        ("[[\"Bogus\", \"{long}\"]]", "[\"Bogus\", []]", ""),
        (
            "[[\"Bogus\", \"{long}\"]]",
            "[[\"Bogus\"]]",
            "\"params\" is a list, expected a list of pairs",
        ),
        (
            "{ observe = true }",
            "\"observe\"",
            "\"steps\" is a string, expected a list of tables",
        ),
        (
            "{ method = \"GET\", auth = \"unsigned\" }",
            "\"GET\"",
            "\"form\" is a string, expected a table",
        ),
    ] {
        if message.is_empty() {
            assert_eq!(mistakes(from, to).len(), 2, "{to}");
        } else {
            mistake_here(from, to, message);
        }
    }
    mistake_here("[[state]]", "[state]", "\"state\" is a table, expected a list");
}

#[test]
fn numbers_have_bounds() {
    mistake_here(
        "status = [400]",
        "status = [399]",
        "\"status\" is 399, expected 400 to 599",
    );
    mistake_here(
        "status = [400]",
        "status = [600]",
        "\"status\" is 600, expected 400 to 599",
    );
    no_mistake("status = [400]", "status = [400, 599]");
    mistake_here("code = 16", "code = 256", "\"code\" is 256, expected 0 to 255");
    no_mistake("code = 16", "code = 255");
    mistake_here(
        "together = 8",
        "together = 1",
        "\"together\" is 1, expected 2 to 64",
    );
    no_mistake("together = 8", "together = 2");
}

#[test]
fn what_must_hold_something_does() {
    let answers =
        "[{ code = \"UnsupportedOperation\", status = [400], message = \"^The instance '{id}'$\" }]";
    mistake_here(answers, "[]", "\"answers\" is empty");
    let from = "demand = \"must\"\nuntil = \"2020-03\"\nanswers = ";
    let from = format!("{from}{answers}");
    no_mistake(&from, "demand = \"may\"\nuntil = \"2020-03\"\nanswers = []");
    mistake_here("status = [400]", "status = []", "\"status\" is empty");
    mistake_here(
        "untested = \"it would disturb others\"",
        "untested = \" \"",
        "\"untested\" is empty",
    );
    mistake_here("settle = [\"a\"]", "settle = []", "\"settle\" is empty");
    no_mistake("\"ma1\"", "\"\"");
}

#[test]
fn months_are_months_and_a_range_has_one() {
    mistake_here(
        "since = \"2022-05\"",
        "since = \"2022-13\"",
        "\"2022-13\" is not a month, expected YYYY-MM",
    );
    let to = "until = \"2020-03\"\nsince = \"2020-03\"";
    mistake_here(
        "until = \"2020-03\"",
        to,
        "the range is empty: since 2020-03 is not before until 2020-03",
    );
    no_mistake("until = \"2020-03\"", "until = \"2020-03\"\nsince = \"2020-01\"");
}

#[test]
fn a_message_is_a_pattern_once_its_holes_are_filled() {
    let message = "message = \"^The instance '{id}'$\"";
    mistake_here(message, "message = '^(a$'", "\"^(a$\" is not a pattern: ");
    mistake_here(message, "message = '^{name}$'", "\"^{name}$\" is not a pattern: ");
    no_mistake(message, "message = '^({id}|{value}) \\d{4}$'");
}

#[test]
fn names_have_their_letters() {
    let rule = "\"Stop/Running\" is not a valid name for a scenario: small letters, digits and - only, with single slashes between";
    mistake_here("name = \"stop/running-2\"", "name = \"Stop/Running\"", rule);
    for name in ["/a", "a/", "a//b"] {
        let to = format!("name = \"{name}\"");
        let message = format!("\"{name}\" is not a valid name for a scenario");
        mistake_here("name = \"stop/running-2\"", &to, &message);
    }
    no_mistake("name = \"stop/running-2\"", "name = \"a/b/c\"");
    mistake_here(
        "{ b = \"running\"",
        "{ b = \"running\", long = \"running\"",
        "\"long\" is not a valid name for a fixture",
    );
    mistake_here(
        "{ b = \"running\"",
        "{ b = \"running\", C = \"running\"",
        "\"C\" is not a valid name for a fixture",
    );
}

#[test]
fn a_step_does_exactly_one_thing() {
    let shape = "a step has exactly one of call, settle, observe, launch, pass and rest";
    mistake_here("{ observe = true }", "{ observe = false }", shape);
    mistake_here(
        "{ observe = true }",
        "{ observe = true, settle = [\"a\"], state = \"stopped\" }",
        shape,
    );
    mistake_here("{ observe = true }", "{ }", shape);
}

#[test]
fn references_name_a_fixture_or_a_decoy() {
    let known = "(known: a, b, long, unknown, unknown2)";
    mistake_here(
        "ids = [\"{a}\"]",
        "ids = [\"{c}\"]",
        &format!("unknown fixture \"c\" {}", known.replace("a, b", "b, a")),
    );
    mistake_here("\"{long}\"", "\"x{b}y{c}\"", "unknown fixture \"c\"");
    mistake_here("\"{unknown2}\"", "\"{unknownX}\"", "unknown fixture \"unknownX\"");
    mistake_here(
        "ids = [\"{a}\"]",
        "ids = [\"{a.colour}\"]",
        "unknown fixture \"a.colour\"",
    );
    no_mistake(
        "ids = [\"{a}\"]",
        "ids = [\"{a.spot}\", \"{a.upper}\", \"{unknown1..100}\"]",
    );
    // A range must be well-formed and not empty.
    for wrong in ["unknown1..1O0", "unknown2..1", "unknown1.."] {
        mistake_here(
            "ids = [\"{a}\"]",
            &format!("ids = [\"{{{wrong}}}\"]"),
            &format!("unknown fixture \"{wrong}\""),
        );
    }
    mistake_here(
        "ids = [\"{a}\"]",
        "ids = [\"{unknown1..2}x\"]",
        "unknown fixture \"unknown1..2\"",
    );
    no_mistake("\"{unknown2}\"", "\" {unknown9}{unknown}%20\"");
    mistake_here(
        "\"{unknown2}\"",
        "\"{unknown2\"",
        "\"{unknown2\" opens a reference and does not close it",
    );
    no_mistake("\"{unknown2}\"", "\"unknown2}\"");
    mistake_here(
        "settle = [\"a\"]",
        "settle = [\"long\"]",
        "unknown fixture \"long\" (known: ",
    );
}

#[test]
fn a_citation_names_a_clause_wherever_it_stands() {
    let known = "unknown clause \"STT-02\" (known: STT-01, ";
    mistake_here("effect = [\"STT-01\"]", "effect = [\"STT-02\"]", known);
    mistake_here(
        "[\"STT-01\", \"PRO-01\"]",
        "[\"STT-01\", \"STT-02\", \"PRO-01\"]",
        known,
    );
    mistake_here(
        "witness = [\"SPT-04\", \"STT-01\"]",
        "witness = [\"STT-02\"]",
        known,
    );
    mistake_here(
        "[\"RSP-01\", \"STT-01\", ",
        "[\"RSP-01\", \"STT-02\", \"STT-01\", ",
        known,
    );
}

#[test]
fn the_case_that_explains_a_clause_is_a_scenario() {
    let untested = "untested = \"it would disturb others\"\n";
    let explained = format!("{untested}explained-by = \"no/such\"\n");
    one_mistake(
        untested,
        &explained,
        "line 59: unknown scenario \"no/such\" (known: ",
    );
}

#[test]
fn a_citation_of_a_clause_that_never_holds_there_is_told() {
    let message = "PRO-01 holds since 2022-05, and never where it is cited (until 2020-03)";
    mistake_here("effect = [\"STT-01\"]", "effect = [\"PRO-01\"]", message);
    no_mistake("effect = [\"STT-01\"]", "effect = [\"SPT-04\"]");
}

#[test]
fn a_source_that_looks_like_a_key_is_one() {
    mistake_here(
        "sources = [\"API\", ",
        "sources = [\"R53\", ",
        "unknown source \"R53\" (known: API)",
    );
    mistake_here(
        "sources = [\"RSP-01\"]",
        "sources = [\"RSP-02\"]",
        "unknown source \"RSP-02\"",
    );
    no_mistake("sources = [\"API\", ", "sources = [\"Java and Go SDKs\", ");
}

#[test]
fn a_name_is_given_once() {
    let again = |table: &str| {
        let from = format!("[[{table}]]");
        let start = GOOD
            .lines()
            .position(|line| line == from)
            .expect("the table is there");
        let rows: Vec<&str> = GOOD.lines().skip(start).collect();
        let length = rows
            .iter()
            .skip(1)
            .position(|line| line.starts_with('['))
            .unwrap_or(rows.len());
        let row = rows
            .iter()
            .take(length + 1)
            .copied()
            .collect::<Vec<_>>()
            .join("\n");
        errors_of(&[("specs/x.toml", GOOD), ("specs/y.toml", &row)])
    };
    for (table, message) in [
        (
            "parameter",
            "line 1: duplicate parameter \"InstanceId.N\" (first in specs/x.toml: line 4)",
        ),
        (
            "source",
            "line 1: duplicate source \"API\" (first in specs/x.toml: line 19)",
        ),
        (
            "clause",
            "line 1: duplicate clause \"RSP-01\" (first in specs/x.toml: line 23)",
        ),
        (
            "transition",
            "line 1: duplicate transition \"StopInstances from Running\" (first in specs/x.toml: line 68)",
        ),
        (
            "refusal",
            "line 1: duplicate refusal \"one-time-spot\" (first in specs/x.toml: line 77)",
        ),
        (
            "scenario",
            "line 1: duplicate scenario \"stop/running-2\" (first in specs/x.toml: line 85)",
        ),
    ] {
        assert_eq!(again(table), [format!("specs/y.toml: {message}")]);
    }
    assert_eq!(again("state").len(), 2, "both the code and the name are taken");
    let second = "[action]\nname = \"StartInstances\"\n";
    let found = errors_of(&[("specs/x.toml", GOOD), ("specs/y.toml", second)]);
    assert_eq!(
        found,
        ["specs/y.toml: line 1: duplicate action \"action\" (first in specs/x.toml: line 1)"]
    );
}

#[test]
fn what_is_answered_may_differ_from_time_to_time() {
    let row =
        "[[refusal]]\ncondition = \"one-time-spot\"\ndemand = \"may\"\nsince = \"2020-MM\"\nclauses = {}\n";
    let with = |month| {
        errors_of(&[
            ("specs/x.toml", GOOD),
            ("specs/y.toml", &row.replace("MM", month)),
        ])
    };
    assert_eq!(with("03"), [""; 0]);
    assert_eq!(with("02").len(), 1);
}

#[test]
fn a_word_that_cannot_be_read_is_no_duplicate_of_its_replacement() {
    let row = "[[refusal]]\ncondition = \"unsigned\"\ndemand = \"may\"\nclauses = {}\n";
    let typo = row.replace("unsigned", "unsinged");
    let found = errors_of(&[("specs/x.toml", GOOD), ("specs/y.toml", &[row, &typo].concat())]);
    let [only] = found.as_slice() else {
        panic!("one mistake, not {found:#?}")
    };
    assert!(
        only.starts_with("specs/y.toml: line 6: unknown condition \"unsinged\""),
        "{only}"
    );
    let found = errors_of(&[("specs/x.toml", GOOD), ("specs/y.toml", &[row, row].concat())]);
    let duplicate = "duplicate refusal \"unsigned\" (first in specs/y.toml: line 1)";
    assert_eq!(found, [format!("specs/y.toml: line 5: {duplicate}")]);
}

#[test]
fn a_clause_is_bound_or_says_why_not() {
    let untested = "untested = \"it would disturb others\"\n";
    one_mistake(untested, "", "line 59: THR-01 is bound to nothing: ");
    let checks = format!("{untested}checks = [\"server-header\"]\n");
    let message = "line 59: THR-01 is marked untested, yet bound by the check server-header";
    one_mistake(untested, &checks, message);
    let message = "line 59: THR-01 is marked untested, yet bound by specs/x.toml: line 83";
    one_mistake("effect = [\"STT-01\"]", "effect = [\"THR-01\"]", message);
}

#[test]
fn a_clause_that_can_be_tested_has_a_scenario() {
    let from = "[\"RSP-01\", \"STT-01\", \"SPT-04\", \"PRO-01\"]";
    one_mistake(
        from,
        "[\"STT-01\", \"SPT-04\", \"PRO-01\"]",
        "line 23: RSP-01 can be tested, yet no scenario lists it",
    );
    no_mistake(from, "[\"PRO-01\", \"RSP-01\", \"STT-01\", \"SPT-04\"]");
}

#[test]
fn every_mistake_is_told_at_once_in_the_order_of_the_files() {
    let a = "[[source]]\nkey = 1\n";
    let b = GOOD
        .replace("demand = \"must\"", "demand = \"mist\"")
        .replace("code = 16", "code = -1");
    let found = errors_of(&[("a.toml", a), ("b.toml", &b)]);
    assert_eq!(
        found,
        [
            "a.toml: line 1: source without \"title\"",
            "a.toml: line 2: \"key\" is an integer, expected a string",
            "b.toml: line 16: \"code\" is -1, expected 0 to 255",
            "b.toml: line 79: unknown demand \"mist\" (known: must, may, should, tolerated)",
        ]
    );
    let all = load(&[("a.toml", a), ("b.toml", &b)], Edition::Current).expect_err("there are four");
    assert_eq!(all.to_string(), found.join("\n"));
}

#[test]
fn a_file_that_is_no_toml_does_not_hide_mistakes_of_others_nor_make_new_ones() {
    let rows = "[[scenario]]\nname = \"x\"\npurpose = \"X.\"\nclauses = [\"ABC-01\"]\nsteps = []\n";
    let found = errors_of(&[("a.toml", "[action]\nname = = \"x\"\n"), ("b.toml", rows)]);
    let (first, rest) = found.split_first().expect("both files are wrong");
    assert!(first.starts_with("a.toml: line 2: "), "{first}");
    assert_eq!(
        rest.last().map(String::as_str),
        Some("b.toml: line 5: \"steps\" is empty")
    );
    assert!(
        !found.iter().any(|message| message.contains("ABC-01")),
        "{found:?}"
    );
}

#[test]
fn files_without_an_action_are_no_contract() {
    assert_eq!(
        errors_of(&[("a.toml", "")]),
        ["a.toml: line 1: no [action] in any file"]
    );
    assert_eq!(errors_of(&[]), ["specs: line 1: no [action] in any file"]);
    assert_eq!(
        errors_of(&[("a.toml", "[action]\nname = \"StopInstances\"\n")]),
        [""; 0]
    );
}

#[test]
fn a_question_about_nothing_that_exists_is_a_mistake() {
    let read = |rest: &str| {
        let text = format!("[[question]]\nid = \"OQ-90\"\nasks = \"What?\"\nknown = \"Nothing.\"\n{rest}\n");
        let files = EMBEDDED.iter().copied().chain([("q.toml", text.as_str())]);
        match load(&files.collect::<Vec<_>>(), Edition::Current) {
            Ok(_) => String::new(),
            Err(errors) => errors.to_string(),
        }
    };
    let good = "clauses = [\"ERR-01\"]\ncases = [\"id/none\"]";
    for (rest, mistake) in [
        (good.to_owned(), ""),
        (good.replace("cases = [\"id/none\"]", "no-case = \"none\""), ""),
        (
            good.replace("ERR-01", "ERR-91"),
            "q.toml: line 5: unknown clause \"ERR-91\"",
        ),
        (
            good.replace("id/none", "id/nine"),
            "q.toml: line 6: unknown scenario \"id/nine\"",
        ),
        (
            good.replace("[\"id/none\"]", "[]"),
            "q.toml: line 6: \"cases\" is empty",
        ),
        (
            format!("{good}\nno-case = \"none\""),
            "q.toml: line 6: cases would settle the question",
        ),
    ] {
        let found = read(&rest);
        match mistake {
            "" => assert_eq!(found, "", "{rest}"),
            mistake => assert!(found.contains(mistake), "{rest}: {found}"),
        }
    }
}
