//! User-defined cases: played, listed, explained and judged again together with those of the contract.

use std::path::Path;

use crate::child::{CommandOutput, command, finish, stopcheck, text_of};

/// The text after "An example" in the printed description of the format.
fn example() -> String {
    let text = stopcheck("explain scenarios").ended_with(0).stdout;
    let (_, example) = text.split_once("An example\n\n").expect("there is an example");
    example.to_owned()
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("the scratch folder takes a file");
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is room for a scratch folder")
}

/// Runs the command with `@` standing for the scratch folder.
#[track_caller]
fn within(words: &str, scratch: &Path) -> CommandOutput {
    let scratch = scratch.to_str().expect("scratch folders have plain names");
    finish(command(words.split(' ').map(|word| word.replace('@', scratch))))
}

impl CommandOutput {
    fn is_short(&self) {
        assert!(
            self.stderr.lines().count() < 300,
            "{} lines",
            self.stderr.lines().count()
        );
    }
}

#[test]
fn the_example_of_the_form_is_played_listed_explained_and_judged_again() {
    let scratch = scratch();
    let at = scratch.path();
    std::fs::create_dir(at.join("mine")).expect("a folder takes a folder");
    write(&at.join("mine/example.toml"), &example());
    within(
        "run --scenarios @/mine --case mine/* --golden off --journal @/a.ndjson --report json=@/a.json",
        at,
    )
    .ended_with(0)
    .says(&["2 cases: 2 passed"]);
    // The journal contains its own cases.
    within("judge @/a.ndjson --journal @/b.ndjson --report json=@/b.json", at).ended_with(0);
    assert_eq!(text_of(&at.join("a.json")), text_of(&at.join("b.json")));
    // The judgement of the last step comes after the clean-up, which shows that the step is over.
    let sorted = |name: &str| {
        let text = text_of(&at.join(name));
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(sorted("a.ndjson"), sorted("b.ndjson"));
    within("list --scenarios @/mine/example.toml", at)
        .ended_with(0)
        .says(&["stop/running", "mine/refusals", "mine/get-after-a-dry-run"]);
    within("explain mine/get-after-a-dry-run --scenarios @/mine", at)
        .ended_with(0)
        .says(&["[by-post]", "[answered as by-post: REQ-02]", "step 5"]);
}

#[test]
fn a_finding_of_an_added_case_says_where_the_case_is() {
    let scratch = scratch();
    let at = scratch.path();
    // The reference of 2017 does not know this call, and a step of this case expects it to succeed.
    write(
        &at.join("x.toml"),
        "[[scenario]]\nname = \"mine/x\"\npurpose = \"X.\"\nfixtures = { a = \"running\" }\n\
         steps = [{ call = \"StopInstances\", ids = [\"{a}\", \"ma1\"], witness = [\"REQ-02\"] },\n\
         { call = \"StopInstances\", ids = [\"{a}\"], label = \"one\" },\n\
         { call = \"StopInstances\", ids = [\"ma1\"], same-as = { labels = [\"one\"], clauses = [\"REQ-02\"] } }]\n",
    );
    let found = within("run --scenarios @/x.toml --case mine/x", at)
        .ended_with(1)
        .says(&[
            "FAIL  REQ-02",
            "as in step 2: 200 [",
            "400 InvalidInstanceID.Malformed",
        ]);
    let repeat = format!("stopcheck run --scenarios {}/x.toml --case mine/x", at.display());
    assert!(found.stdout.contains(&repeat), "{}", found.stdout);
}

#[test]
fn mistakes_are_told_all_at_once_and_nothing_is_played() {
    let scratch = scratch();
    let at = scratch.path();
    write(&at.join("a.toml"), "[[scenario]]\nname = \"Mine\"\n");
    write(&at.join("b.toml"), "[[clause]]\n");
    std::fs::write(at.join("c.toml"), b"\n\xff").expect("the scratch folder takes a file");
    for words in [
        "run --scenarios @",
        "list --scenarios @",
        "explain X --scenarios @",
    ] {
        let refused = within(words, at).ended_with(2).complains_of(&[
            "error: could not read the scenarios",
            "a.toml: line 1: scenario without \"purpose\"",
            "a.toml: line 2: \"Mine\" is not a valid name for a scenario",
            "b.toml: line 1: [clause] belongs to the contract",
            "c.toml: line 2: it is not UTF-8",
            "hint: stopcheck explain scenarios",
        ]);
        assert_eq!(refused.stdout, "");
    }
    within("run --scenarios @/nowhere", at)
        .ended_with(2)
        .complains_of(&["nowhere: "]);
}

#[test]
fn text_that_nests_or_repeats_without_end_is_a_mistake_and_no_harm() {
    let scratch = scratch();
    let at = scratch.path();
    write(
        &at.join("deep.toml"),
        &format!("scenario = {}", "[".repeat(500_000)),
    );
    write(&at.join("wide.toml"), &"[[scenario]]\n".repeat(70_000));
    write(&at.join("keys.toml"), &"a.".repeat(300_000));
    for file in ["deep", "wide", "keys"] {
        within(&format!("list --scenarios @/{file}.toml"), at)
            .ended_with(2)
            .complains_of(&[&format!("{file}.toml: line 1: ")])
            .is_short();
    }
}

#[test]
fn an_action_that_is_not_judged_is_a_mistake_unless_the_case_is_there_for_a_clause() {
    let scratch = scratch();
    let at = scratch.path();
    let file = |clauses: &str| {
        let steps = "steps = [{ call = \"RebootInstance\", ids = [\"{a}\"] }]";
        let head =
            "[[scenario]]\nname = \"mine/typo\"\npurpose = \"A typo.\"\nfixtures = { a = \"running\" }";
        write(&at.join("typo.toml"), &format!("{head}\n{clauses}\n{steps}\n"));
    };
    let run = "run --scenarios @/typo.toml --case mine/* --golden off";
    file("");
    within(run, at).ended_with(2).complains_of(&[
        "typo.toml",
        "unknown action \"RebootInstance\" (known: RebootInstances,",
    ]);
    file("clauses = [\"REQ-03\"]");
    within(run, at).ended_with(0);
}
