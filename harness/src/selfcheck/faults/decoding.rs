//! Forms that are taken apart wrongly, and values that are cut.

use crate::protocol::form;

use crate::selfcheck::emulator::EmulatedRequest;
use crate::selfcheck::fault::{Fault, fault};

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "empty-pair-ends-the-form",
        "a form is read up to the first empty pair",
        &["request/empty-pairs"],
        &[],
        |asked| match asked.stops() && body_of(asked).starts_with('&') {
            true => asked.refuse(
                400,
                "MissingAction",
                "The request must contain the parameter Action",
            ),
            false => asked.pass(),
        },
    )
    .warns(&["REQ-29"]),
    fault(
        "empty-pair-is-a-parameter",
        "an empty pair is a parameter with an empty name, which no action has",
        &["request/empty-pairs"],
        &[],
        |asked| match asked.stops() && body_of(asked).contains("&&") {
            true => asked.refuse(400, "UnknownParameter", "The parameter  is not recognized"),
            false => asked.pass(),
        },
    )
    .warns(&["REQ-29"]),
    fault(
        "plus-replaced-after-decoding",
        "escapes are decoded first and `+` is replaced by a space then, so that `%2B` is a space; and ids are trimmed",
        &["request/decoded-once"],
        &["ERR-03"],
        |asked| {
            asked.stop_changed(|params| {
                for (_, value) in params
                    .iter_mut()
                    .filter(|(name, _)| name.starts_with("InstanceId"))
                {
                    if let Some(id) = value.strip_suffix('+') {
                        *value = id.to_owned();
                    }
                }
            })
        },
    ),
    fault(
        "plus-is-a-plus",
        "`+` in a form is a plus sign, as it is in a path",
        &["id/padded"],
        &[],
        |asked| {
            let body = body_of(asked);
            asked.stop_changed(|params| {
                if body.contains('+') {
                    for (name, value) in params.iter_mut() {
                        if name.starts_with("InstanceId") {
                            *value = value.replace(' ', "+");
                        }
                    }
                }
            })
        },
    )
    .warns(&["REQ-26"]),
    fault(
        "ids-cut-to-their-column",
        "ids go through a column of nineteen characters, which cuts longer ones",
        &["request/decoded-once"],
        &["ERR-03"],
        |asked| {
            asked.stop_changed(|params| {
                for (_, value) in params
                    .iter_mut()
                    .filter(|(name, _)| name.starts_with("InstanceId"))
                {
                    *value = value.chars().take(19).collect();
                }
            })
        },
    ),
    fault(
        "body-read-up-to-two-kilobytes",
        "the body is read into a buffer of two kilobytes, and what does not fit is lost",
        &["batch/hundred-unknown"],
        &[],
        |asked| {
            let body = body_of(asked);
            asked.stop_changed(|params| {
                if let Some(read) = body.get(..2048) {
                    *params = form::read(read);
                }
            })
        },
    )
    .warns(&["ERR-07"]),
    fault(
        "names-cut-at-the-last-dot",
        "the name of a parameter ends at its last dot, so ids with another number replace each other",
        &["batch/two"],
        &["REQ-09", "REQ-10", "RSP-05"],
        |asked| {
            asked.stop_changed(|params| {
                let last = params
                    .iter()
                    .rfind(|(name, _)| name.starts_with("InstanceId."))
                    .cloned();
                params.retain(|(name, _)| !name.starts_with("InstanceId."));
                params.extend(last.map(|(_, id)| ("InstanceId.1".to_owned(), id)));
            })
        },
    ),
];

fn body_of(asked: &EmulatedRequest<'_>) -> String {
    String::from_utf8_lossy(asked.request.body()).into_owned()
}
