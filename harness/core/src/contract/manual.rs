//! The format of scenario files: every key with its meaning and its allowed words.
//!
//! The reader of scenarios takes its keys from here, and `stopcheck explain scenarios` prints this data, so the two
//! cannot disagree.

use super::rows::words;
use super::vocabulary::State;
use super::{Market, Root};
use crate::call::{Auth, Encoding, Method, Order};

/// A key of a table, and its meaning.
#[derive(Debug, Clone, Copy)]
pub struct TableKey {
    /// The key, as written in a file.
    pub name: &'static str,
    /// The meaning of its value.
    pub meaning: &'static str,
    /// The allowed words, if its value is one of a few.
    pub words: Option<fn() -> &'static [&'static str]>,
}

/// A table of a scenario file.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// How the table is written.
    pub title: &'static str,
    /// The meaning of the table.
    pub meaning: &'static str,
    /// Its keys.
    pub keys: &'static [TableKey],
}

const fn key(name: &'static str, meaning: &'static str) -> TableKey {
    TableKey {
        name,
        meaning,
        words: None,
    }
}

const fn one_of(
    name: &'static str,
    meaning: &'static str,
    words: fn() -> &'static [&'static str],
) -> TableKey {
    TableKey {
        name,
        meaning,
        words: Some(words),
    }
}

/// The whole format, from the file down to the form of a call.
pub const SECTIONS: &[Section] = &[
    Section {
        title: "[[scenario]]",
        meaning: "A case. A file holds any number of them, and no other table.",
        keys: SCENARIO,
    },
    Section {
        title: "fixtures = { a = \"running\", b = { … } }",
        meaning: "Under each name a state, or a table of these keys. An instance is launched for the case, brought to \
                  its state before the first step, and terminated after the last.",
        keys: FIXTURE,
    },
    Section {
        title: "steps = [{ call = \"StopInstances\", … }]",
        meaning: "One call. Its answer is judged by the contract; a refusal is followed by a look at all instances, \
                  as nothing may have changed.",
        keys: CALL,
    },
    Section {
        title: "steps = [{ overlap = [[{ call = \"StopInstances\", … }], […]] }]",
        meaning: "The calls of several callers at the same time; each caller sends its own one after another. It is \
                  judged whether the answers fit an order of the calls.",
        keys: OVERLAP,
    },
    Section {
        title: "same-as = { … }",
        meaning: "Compares the answer of a call with that of an earlier one: status, error code, and the instances \
                  with their states, not messages and not the order. What time alone can explain is not a difference.",
        keys: SAME_AS,
    },
    Section {
        title: "form = { … }",
        meaning: "How a call travels. What is left out is as SDKs have it.",
        keys: FORM,
    },
    Section {
        title: "steps = [{ settle = [\"a\"], state = \"stopped\" }]",
        meaning: "Waits until instances are in a state.",
        keys: SETTLE,
    },
    Section {
        title: "steps = [{ observe = true }]",
        meaning: "Describes all instances of the case, and judges what is seen.",
        keys: OBSERVE,
    },
    Section {
        title: "steps = [{ rest = true }]",
        meaning: "Waits until no instance is on its way to another state.",
        keys: REST,
    },
    Section {
        title: "steps = [{ launch = \"b\", kind = { … } }]",
        meaning: "Launches one more instance in the middle of the case.",
        keys: LAUNCH,
    },
    Section {
        title: "steps = [{ pass = 1000 }]",
        meaning: "Lets time pass without a look; a real clock is not waited for longer than a moment.",
        keys: PASS,
    },
];

pub(super) const SCENARIO: &[TableKey] = &[
    key(
        "name",
        "its path: small letters, digits and -, with single slashes between; not one that another case has",
    ),
    key("purpose", "one sentence: what it shows"),
    key(
        "clauses",
        "a list of the clauses that it is there for; may be empty or left out",
    ),
    key(
        "since",
        "the month (YYYY-MM) from which on it applies; left out: always",
    ),
    key("until", "the month before which it applied; left out: still"),
    key(
        "fixtures",
        "the instances it needs, by the names that its steps use",
    ),
    key("steps", "what is done, in order; at least one step"),
    key(
        "repeat",
        "how often the steps are played, 2 to 100 times; none of them may have a label or launch anything",
    ),
];

pub(super) const FIXTURE: &[TableKey] = &[
    one_of(
        "state",
        "where it is when the case begins; running if left out",
        words::<State>,
    ),
    one_of(
        "market",
        "how it is bought; on-demand if left out",
        words::<Market>,
    ),
    one_of("root", "its root device; ebs if left out", words::<Root>),
    key("stop-protected", "true sets DisableApiStop"),
    key("termination-protected", "true sets DisableApiTermination"),
    key("hibernation", "true configures it for hibernation at launch"),
];

pub(super) const CALL: &[TableKey] = &[
    key("call", "the action, sent as it is written, known or not"),
    key(
        "ids",
        "texts for InstanceId.1, InstanceId.2, …; they and the values below may hold references",
    ),
    key("dry-run", "the text of DryRun, for instance \"true\""),
    key("force", "the text of Force"),
    key("hibernate", "the text of Hibernate"),
    key("skip-os-shutdown", "the text of SkipOsShutdown"),
    key("params", "more parameters: [[\"Name\", \"value\"], …]"),
    key("form", "how it travels, a table"),
    one_of(
        "omit",
        "a list of parts to leave out",
        words::<super::rows::CallPart>,
    ),
    key("together", "2 to 64: send the call so many times at once"),
    key(
        "pages",
        "2 to 100: read a list to its last page, at most so many of them",
    ),
    key(
        "witness",
        "clauses that are violated if this answer is not allowed, or holds if it is",
    ),
    key(
        "control",
        "true: the plain form of what later steps vary; if its answer is wrong, their witnesses are inconclusive",
    ),
    key(
        "label",
        "a name for the answer, for later steps to be compared with",
    ),
    key("same-as", "what the answer must be the same as, a table"),
];

pub(super) const OVERLAP: &[TableKey] = &[key(
    "overlap",
    "for each caller a list of its calls; each call is a table as above, without `together` and the \
     keys behind it",
)];

/// The keys of an overlapping call: those of a call as such.
pub(super) const OVERLAPPING_CALL: &[TableKey] = CALL.split_at(9).0;

pub(super) const SAME_AS: &[TableKey] = &[
    key(
        "labels",
        "the labels of earlier calls; the answers of several are taken together, as of singles for a batch",
    ),
    key(
        "instances",
        "a table: which instance of this call stands for which of the earlier, as { b = \"a\" }; others stand for \
         themselves",
    ),
    key("clauses", "the clauses that promise it, at least one"),
];

pub(super) const FORM: &[TableKey] = &[
    one_of("method", "parameters in a body or in the query", words::<Method>),
    key("version", "the value of Version"),
    key("content-type", "the Content-Type of a POST"),
    one_of("order", "the order of all parameters", words::<Order>),
    one_of(
        "encoding",
        "how names and values are percent-encoded",
        words::<Encoding>,
    ),
    one_of("auth", "how the call is signed, and by whom", words::<Auth>),
];

pub(super) const SETTLE: &[TableKey] = &[
    key("settle", "a list of names"),
    one_of("state", "the state to wait for", words::<State>),
    key("witness", "as of a call"),
];

pub(super) const OBSERVE: &[TableKey] = &[key("observe", "true"), key("witness", "as of a call")];

pub(super) const REST: &[TableKey] = &[key("rest", "true"), key("witness", "as of a call")];

pub(super) const LAUNCH: &[TableKey] = &[
    key("launch", "the name that later steps use"),
    key("kind", "as of a fixture; the state means nothing here"),
];

pub(super) const PASS: &[TableKey] = &[key("pass", "milliseconds, 1 to 3600000")];

/// The kinds of steps: the key that identifies each, and all keys that it may have.
pub(super) const STEPS: &[(&str, &[TableKey])] = &[
    ("call", CALL),
    ("overlap", OVERLAP),
    ("settle", SETTLE),
    ("observe", OBSERVE),
    ("launch", LAUNCH),
    ("pass", PASS),
    ("rest", REST),
];

/// The references in braces that values of a call may contain; `a` is the name of an instance.
pub const REFERENCES: &[TableKey] = &[
    key("{a}", "the id of the instance"),
    key("{a.spot}", "the Spot request that launched it"),
    key("{a.upper}", "its id in upper case"),
    key(
        "{unknown}",
        "an id of eight digits that nobody owns; {unknown2}, {unknown3} … are others",
    ),
    key("{unknown1..100}", "in `ids` alone: a hundred of them"),
    key(
        "{long}",
        "one of seventeen digits, which EC2 may call malformed; {long2}, {long3} … are others",
    ),
];

/// The parts of an instance that a reference may name.
pub(super) const PARTS: &[&str] = &["spot", "upper"];

/// References to ids that belong to no instance; a number may follow.
pub(super) const DECOYS: &[&str] = &["long", "unknown", "unknown2"];

/// A complete file of scenarios.
pub const EXAMPLE: &str = r#"# Two instances are stopped, one by POST and one by GET; a dry run before that changes nothing.
[[scenario]]
name = "mine/get-after-a-dry-run"
purpose = "A dry run by GET leaves an instance as it was, and a stop by GET answers what one by POST does."
clauses = ["REQ-02", "DRY-04"]
fixtures = { a = "running", b = { state = "running", root = "ebs" } }
steps = [
  { call = "StopInstances", ids = ["{b}"], dry-run = "true", form = { method = "GET" } },
  { observe = true },
  { call = "StopInstances", ids = ["{a}"], label = "by-post", control = true },
  { call = "StopInstances", ids = ["{b}"], form = { method = "GET" }, witness = ["REQ-02"], same-as = { labels = ["by-post"], instances = { b = "a" }, clauses = ["REQ-02"] } },
  { settle = ["a", "b"], state = "stopped" },
]

# What the contract says of any answer is judged even if no clause is named.
[[scenario]]
name = "mine/refusals"
purpose = "Ids that nobody owns, one of them twice, and a call that comes eight times at once."
clauses = []
fixtures = { a = { market = "persistent-spot" } }
since = "2020-02"
steps = [
  { call = "StopInstances", ids = ["{unknown}", "{unknown2}", "{long}"] },
  { call = "StopInstances", ids = ["{a.upper}"], force = "true" },
  { call = "StopInstances", ids = ["{a}"], omit = ["version"], params = [["Bogus", "1"]] },
  { call = "DescribeInstances", params = [["MaxResults", "5"]], pages = 20 },
  { call = "DescribeSpotInstanceRequests", params = [["SpotInstanceRequestId.1", "{a.spot}"]] },
  { launch = "late", kind = { hibernation = false } },
  { rest = true },
  { pass = 100 },
  { call = "StopInstances", ids = ["{late}"], together = 8 },
  { overlap = [[{ call = "StartInstances", ids = ["{late}"] }, { call = "StopInstances", ids = ["{late}"] }], [{ call = "TerminateInstances", ids = ["{late}"] }]] },
]
"#;

#[cfg(test)]
mod tests {
    use super::super::{Edition, embedded, extended};
    use super::*;

    #[test]
    fn the_example_is_a_file_of_scenarios() {
        for edition in [Edition::October2017, Edition::Current] {
            let files = [("mine.toml".to_owned(), EXAMPLE.to_owned())];
            let contract = extended(&files, edition).expect("the example has no mistakes");
            let more = contract.scenarios.len() - embedded(edition).scenarios.len();
            assert_eq!(more, if edition == Edition::Current { 2 } else { 1 });
        }
    }

    #[test]
    fn the_example_shows_every_kind_of_step() {
        for (verb, _) in STEPS.iter().filter(|(verb, _)| *verb != "settle") {
            assert!(EXAMPLE.contains(&format!("{{ {verb} = ")), "{verb}");
        }
        assert!(EXAMPLE.contains("{ settle = "));
    }

    #[test]
    fn every_key_of_every_step_is_explained() {
        for (verb, keys) in STEPS {
            let explained = SECTIONS
                .iter()
                .filter(|section| section.keys.iter().any(|key| key.name == *verb))
                .count();
            assert_eq!(explained, 1, "{verb}");
            assert!(keys.iter().all(|key| !key.meaning.is_empty()));
        }
    }

    #[test]
    fn words_are_those_of_the_code() {
        let words_of = |wanted: &str| {
            let key = FORM.iter().chain(FIXTURE).find(|key| key.name == wanted);
            key.and_then(|key| key.words).map(|words| words())
        };
        assert_eq!(words_of("method"), Some(&["POST", "GET"][..]));
        assert_eq!(
            words_of("market"),
            Some(&["on-demand", "one-time-spot", "persistent-spot"][..])
        );
        assert_eq!(words_of("version"), None);
    }
}
