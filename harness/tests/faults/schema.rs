//! Every finding, of every form, is valid by the schema of the journal.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;
use stopcheck::journal::{Event, Outcome};

static JOURNAL: LazyLock<Validator> = LazyLock::new(|| {
    let schema = include_str!("../../../specs/schemas/journal.json");
    let schema: Value = serde_json::from_str(schema).expect("a schema is JSON");
    jsonschema::draft202012::new(&schema).expect("it is a schema")
});

/// Asserts that an event with a finding or an obstacle is valid. Other events have few forms, which the tests of the
/// command validate.
#[track_caller]
pub(crate) fn is_valid(event: &Event) {
    let is_of_interest = match event {
        Event::Judged(judged) => !judged.findings.is_empty(),
        Event::CaseEnded(ended) => !matches!(ended.outcome, Outcome::Judged { .. }),
        Event::LaunchDeviated(_) | Event::Recurred(_) | Event::Flaky(_) | Event::Reproduced(_) => true,
        Event::RunStarted(_)
        | Event::CaseStarted(_)
        | Event::FixtureReady(_)
        | Event::StepStarted(_)
        | Event::Exchanged(_)
        | Event::Noted(_)
        | Event::Explored(_)
        | Event::RunEnded(_) => false,
    };
    if is_of_interest {
        let event = serde_json::from_str(&event.to_line()).expect("it is JSON");
        let wrong: Vec<String> = JOURNAL
            .iter_errors(&event)
            .map(|error| error.to_string())
            .collect();
        assert!(wrong.is_empty(), "{event}\n{}", wrong.join("\n"));
    }
}
