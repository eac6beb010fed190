//! The embedded reference answers the recorded calls as Amazon EC2 did, apart from ids, times and layout. Where it does
//! not, the record gives the reason, and this test verifies the difference as well.

use std::collections::BTreeMap;
use std::sync::Arc;

use stopcheck::contract::{self, Act, Edition, Recorded, Scenario, Step};
use stopcheck::embedded;
use stopcheck::journal::{Answer, Bytes, Event, Phase, Role};
use stopcheck::plan::{Plan, Planned, TemplateValues as _};
use stopcheck::runner::{self, Options};
use tokio::sync::watch;

/// A status, and a body with the ids of the record in place of the reference's ids.
type Told = (u16, String);

#[test]
fn the_reference_answers_what_was_recorded() {
    let contract = Arc::new(contract::embedded(Edition::Current));
    let answers = played(&contract);
    let mut wrong = Vec::new();
    for recorded in &contract.recorded {
        let expected = (recorded.status, laid_out(&recorded.body, recorded));
        let told = answers
            .get(&recorded.name)
            .map(|(status, body)| (*status, laid_out(body, recorded)));
        match (&recorded.elsewhere, told) {
            (None, Some(told)) if told == expected => {}
            (Some(_), Some(told)) if told != expected => {}
            (Some(why), _) => wrong.push(format!(
                "{} is answered as recorded, and not: {why}",
                recorded.name
            )),
            (None, told) => wrong.push(format!("{}: {told:?}\n  recorded {expected:?}", recorded.name)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The answers of the reference, by record name.
fn played(contract: &Arc<contract::Contract>) -> BTreeMap<String, Told> {
    let plan = Plan {
        cases: contract.recorded.iter().map(case).collect(),
        ..Plan::default()
    };
    let options = Options {
        record: true,
        ..embedded::options(Edition::Current)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    let mut events = Vec::new();
    runtime
        .block_on(async {
            let (_stop, interrupted) = watch::channel(false);
            runner::run_with(contract, plan, options, interrupted, |event| events.push(event)).await
        })
        .expect("the reference answers");
    let mut answers = BTreeMap::new();
    for event in events {
        let Event::Exchanged(exchanged) = event else {
            continue;
        };
        if exchanged.role != Role::Act {
            continue;
        }
        let Some(Answer {
            status,
            body: Bytes::Text(mut body),
            ..
        }) = exchanged.answers.into_iter().next()
        else {
            // The lookup of this record reports that it is missing.
            continue;
        };
        let name = exchanged.case.trim_start_matches("aws/");
        let recorded = contract.recorded.iter().find(|one| one.name == name);
        let recorded = recorded.expect("a case is a record");
        // The answer also contains the value that was sent in place of an id of the record.
        for ((_, asked), (_, sent)) in recorded.call.params.iter().zip(&exchanged.call.params) {
            if let Some(name) = asked
                .trim()
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'))
                && let Some(id) = recorded.resolve(name)
            {
                body = body.replace(sent.trim(), &id);
            }
        }
        answers.insert(name.to_owned(), (status, body));
    }
    answers
}

fn case(recorded: &Recorded) -> Planned {
    let fixtures = recorded.fixtures.iter();
    Planned {
        phase: Phase::Scenarios,
        case: Scenario {
            name: format!("aws/{}", recorded.name),
            purpose: "What was recorded is asked again.".to_owned(),
            clauses: Vec::new(),
            fixtures: fixtures.map(|one| (one.name.clone(), one.kind)).collect(),
            steps: vec![Step::from(Act::Call(recorded.call.clone()))],
        },
    }
}

/// A body without the parts that differ between answers: the request id, the layout, and the order of a batch, which is
/// not fixed (R03).
fn laid_out(body: &str, recorded: &Recorded) -> String {
    let mut text: String = body
        .split('>')
        .map(|part| {
            if part.trim_start().starts_with('<') {
                part.trim()
            } else {
                part
            }
        })
        .collect::<Vec<_>>()
        .join(">");
    for tag in ["requestId", "RequestID"] {
        if let Some((before, rest)) = text.split_once(&format!("<{tag}>"))
            && let Some((_, after)) = rest.split_once("</")
        {
            text = format!("{before}<{tag}/></{after}");
        }
    }
    if let Some((head, rest)) = text.split_once("<item>")
        && let Some((items, foot)) = rest.rsplit_once("</item>")
        && recorded.fixtures.len() > 1
    {
        let mut items: Vec<&str> = items.split("</item><item>").collect();
        items.sort_unstable();
        text = format!("{head}{}{foot}", items.join("\n"));
    }
    text.trim().to_owned()
}
