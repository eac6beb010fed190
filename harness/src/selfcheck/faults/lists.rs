//! Lists that are cut into pages wrongly, and launches that accept what they do not do.

use bytes::Bytes;
use http::Response;

use crate::selfcheck::emulator::{EmulatedRequest, drop_param, replace_between, set_param};
use crate::selfcheck::fault::{Fault, fault};

const PAGES: &[&str] = &["view/pages"];

/// The start of a token of the reference; the number of the last instance follows.
const TOKEN: &str = "page-";

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "page-token-not-read",
        "NextToken is not read: each page is the first, and announces the same next one",
        PAGES,
        &["VIS-16"],
        |asked| of_a_list(asked, |params| drop_param(params, "NextToken")),
    ),
    fault(
        "page-begins-one-too-late",
        "a token names the next instance, and the page begins behind it",
        PAGES,
        &["VIS-16"],
        |asked| of_a_list(asked, |params| shift_token(params, |last| last + 1)),
    ),
    fault(
        "page-begins-with-the-last-one",
        "a token names the last instance of a page, and the next page begins with it",
        PAGES,
        &[],
        |asked| of_a_list(asked, |params| shift_token(params, |last| last - 1)),
    )
    .warns(&["VIS-16"]),
    fault(
        "last-page-announces-another",
        "a token is given as long as a page is not empty, and one more after that",
        PAGES,
        &["VIS-16"],
        |asked| {
            let is_list = asked.get("MaxResults").is_some();
            asked.described(|text| {
                if !is_list || text.contains("<nextToken>") {
                    return text;
                }
                let end = "</DescribeInstancesResponse>";
                text.replace(
                    end,
                    &format!("<nextToken>{TOKEN}ffffffffffffffff</nextToken>{end}"),
                )
            })
        },
    ),
    fault(
        "rest-of-a-list-dropped",
        "MaxResults cuts the list, and no token leads to the rest",
        PAGES,
        &["VIS-16"],
        |asked| asked.described(|text| replace_between(&text, "<nextToken>", "</nextToken>", "")),
    ),
    fault(
        "page-size-ignored",
        "MaxResults is not read: the first page has everything",
        PAGES,
        &[],
        |asked| of_a_list(asked, |params| drop_param(params, "MaxResults")),
    )
    .warns(&["VIS-16"]),
    fault(
        "own-token-refused",
        "tokens are written in one form and read in another",
        PAGES,
        &["VIS-16"],
        |asked| match asked.action() == "DescribeInstances" && asked.get("NextToken").is_some() {
            true => asked.refuse(400, "InvalidParameterValue", "Unable to parse pagination token"),
            false => asked.pass(),
        },
    ),
    fault(
        "filters-count-for-the-first-page",
        "a token stands for a place in the list of all instances, and the filters are not applied to the pages behind it",
        PAGES,
        &["VIS-13"],
        |asked| {
            let continues = asked.get("NextToken").is_some();
            of_a_list(asked, |params| {
                params.retain(|(name, _)| !(continues && name.starts_with("Filter.")));
            })
        },
    ),
    fault(
        "five-instances-in-a-description",
        "a description has the first five of the instances that it names, as of a query with a limit",
        &["batch/ten"],
        &["STT-02", "VIS-01", "VIS-07"],
        |asked| {
            asked.pass_changed(|params| {
                if asked.action() == "DescribeInstances" {
                    let mut left = 5;
                    params.retain(|(name, _)| {
                        let is_id = name.starts_with("InstanceId");
                        left -= i32::from(is_id);
                        !is_id || left >= 0
                    });
                }
            })
        },
    ),
    fault(
        "stop-protection-dropped-at-launch",
        "RunInstances accepts DisableApiStop and does not store it",
        &["protect/protected"],
        &[],
        |asked| launched_without(asked, "DisableApiStop"),
    )
    .warns(&["VIS-17"]),
    fault(
        "termination-protection-dropped-at-launch",
        "RunInstances accepts DisableApiTermination and does not store it",
        &["protect/termination-only"],
        &[],
        |asked| launched_without(asked, "DisableApiTermination"),
    )
    .warns(&["VIS-17"])
    .seen("moto 5.2.5"),
    fault(
        "hibernation-dropped-at-launch",
        "RunInstances accepts HibernationOptions and does not store them",
        &["hibernate/configured"],
        &[],
        |asked| launched_without(asked, "HibernationOptions."),
    )
    .warns(&["VIS-17"]),
    fault(
        "spot-launched-on-demand",
        "RunInstances accepts InstanceMarketOptions and launches an On-Demand Instance",
        &["spot/persistent"],
        &[],
        |asked| launched_without(asked, "InstanceMarketOptions."),
    )
    .warns(&["VIS-17"]),
];

/// The answer to the call for a page with changed parameters; other requests are passed as received.
fn of_a_list(
    asked: &EmulatedRequest<'_>,
    change: impl FnOnce(&mut Vec<(String, String)>),
) -> Response<Bytes> {
    match asked.action() == "DescribeInstances" && asked.get("MaxResults").is_some() {
        true => asked.pass_changed(change),
        false => asked.pass(),
    }
}

/// Changes the number in the token of a page.
fn shift_token(params: &mut [(String, String)], shift: impl FnOnce(u64) -> u64) {
    let token = params.iter().find(|(name, _)| name == "NextToken");
    let number = token.and_then(|(_, token)| u64::from_str_radix(token.strip_prefix(TOKEN)?, 16).ok());
    if let Some(number) = number {
        set_param(params, "NextToken", &format!("{TOKEN}{:016x}", shift(number)));
    }
}

/// The answer to a launch without the parameters that begin like this.
fn launched_without(asked: &EmulatedRequest<'_>, prefix: &str) -> Response<Bytes> {
    match asked.action() == "RunInstances" {
        true => asked.pass_changed(|params| params.retain(|(name, _)| !name.starts_with(prefix))),
        false => asked.pass(),
    }
}
