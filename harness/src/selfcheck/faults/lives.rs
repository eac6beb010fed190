//! Instances and processes that live long, and calls with very many instances: what holds at first and not later, or for
//! a few and not for many.

use http::HeaderValue;

use crate::selfcheck::emulator::{EmulatedRequest, replace_between, state, with_text};
use crate::selfcheck::fault::{Fault, fault};

const CYCLES: &[&str] = &["coverage/bounds/life/cycles-11"];
const ANSWERS: &[&str] = &["life/forty-answers"];
const MANY: &[&str] = &["coverage/bounds/list/real-150"];

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "tenth-stop-loses-the-volume",
        "attachments are kept in a list of ten, and the oldest goes when another is added",
        CYCLES,
        &["STT-11"],
        |asked| {
            let stops = counted(asked, "StopInstances");
            asked.described(|text| match stops >= 10 && text.contains(&state("stopped")) {
                true => replace_between(
                    &text,
                    "<blockDeviceMapping>",
                    "</blockDeviceMapping>",
                    "<blockDeviceMapping/>",
                ),
                false => text,
            })
        },
    ),
    fault(
        "tenth-start-takes-another-address",
        "the lease of a private address is for ten starts",
        CYCLES,
        &["STT-11"],
        |asked| {
            let starts = counted(asked, "StartInstances");
            asked.described(|text| match starts >= 10 {
                true => replace_between(
                    &text,
                    "<privateIpAddress>",
                    "</privateIpAddress>",
                    "<privateIpAddress>172.31.255.254</privateIpAddress>",
                ),
                false => text,
            })
        },
    ),
    fault(
        "tenth-stop-not-done",
        "the workers of stops are ten threads that do not end",
        CYCLES,
        &["STT-02", "VIS-01", "VIS-07"],
        |asked| match counted(asked, "StopInstances") >= 10 && asked.would_stop() {
            true => asked.all_stopped("running", "stopping"),
            false => asked.pass(),
        },
    ),
    fault(
        "request-ids-start-over",
        "request ids are drawn in advance, and the supply of sixteen is used again",
        ANSWERS,
        &[],
        |asked| {
            let Some(number) = asked.stops().then(|| asked.served() % 16) else {
                return asked.pass();
            };
            let id = format!("59c9e4a4-4d0b-4ac8-b7c5-{number:012}");
            let mut answer = with_text(asked.pass(), |text| {
                replace_between(
                    &text,
                    "<requestId>",
                    "</requestId>",
                    &format!("<requestId>{id}</requestId>"),
                )
            });
            if let Ok(id) = HeaderValue::try_from(id) {
                answer.headers_mut().insert("x-amzn-requestid", id);
            }
            answer
        },
    )
    .warns(&["RSP-17"]),
    fault(
        "thirtieth-stop-finds-running",
        "the history of an instance has thirty entries, and behind them it is running as after its launch",
        ANSWERS,
        &["STT-05", "STT-13"],
        |asked| match counted(asked, "StopInstances") >= 30 && asked.stops() {
            true => asked.all_stopped("running", "stopped"),
            false => asked.pass(),
        },
    ),
    fault(
        "answers-pile-up",
        "the list of an answer is cleared at every twentieth call, and until then grows",
        ANSWERS,
        &["RSP-05"],
        |asked| {
            let calls = counted(asked, "StopInstances");
            asked.success_text(|text| match calls % 20 > 10 {
                true => twice(&text, 0),
                false => text,
            })
        },
    ),
    fault(
        "hundredth-answer-empty",
        "stops of an instance are numbered with two digits, and the hundredth finds no place for its answer",
        &["coverage/bounds/life/idle-101"],
        &["RSP-05"],
        |asked| {
            let stops = counted(asked, "StopInstances");
            asked.success(|answer| {
                if stops == 100 {
                    *answer = asked.stopped(&[]);
                }
            })
        },
    ),
    fault(
        "hundred-items-at-most",
        "an answer has a hundred items at most; all instances are stopped",
        MANY,
        &["RSP-05"],
        |asked| asked.success_text(|text| first_items(&text, 100)),
    ),
    fault(
        "chunks-overlap",
        "ids are handled a hundred at a time, and the chunks overlap by one",
        MANY,
        &["RSP-05"],
        |asked| {
            let many = asked.ids().len() > 100;
            asked.success_text(|text| if many { twice(&text, 99) } else { text })
        },
    ),
    fault(
        "first-hundred-stopped",
        "ids are handled a hundred at a time, and the second chunk is answered and not carried out",
        MANY,
        &["STT-02", "VIS-01", "VIS-07"],
        |asked| {
            let ids = asked.ids();
            match ids.get(..100) {
                Some(first) if ids.len() > 100 && asked.would_stop() => {
                    asked.stop_secretly(first);
                    asked.all_stopped("running", "stopping")
                }
                _ => asked.pass(),
            }
        },
    ),
];

/// The answer with one of its items written twice.
fn twice(text: &str, which: usize) -> String {
    let item = text
        .split("<item>")
        .nth(which + 1)
        .and_then(|rest| rest.split("</item>").next());
    match item {
        Some(item) => {
            let item = format!("<item>{item}</item>");
            text.replacen(&item, &format!("{item}{item}"), 1)
        }
        None => text.to_owned(),
    }
}

/// The answer with no more than so many items.
fn first_items(text: &str, most: usize) -> String {
    let end = text.match_indices("</item>").nth(most.saturating_sub(1));
    let rest = text.rfind("</item>");
    match (end, rest) {
        (Some((end, item)), Some(last)) => {
            let kept = text.get(..end).unwrap_or_default();
            let tail = text.get(last..).unwrap_or_default();
            let tail = tail.strip_prefix(item).unwrap_or_default();
            format!("{kept}{item}{tail}")
        }
        _ => text.to_owned(),
    }
}

/// How many calls of this action have come, this one included.
fn counted(asked: &EmulatedRequest<'_>, action: &str) -> usize {
    let earlier = asked.recall(action).and_then(|times| times.parse().ok());
    let times = earlier.unwrap_or(0) + usize::from(asked.action() == action);
    asked.remember(action, &times.to_string());
    times
}
