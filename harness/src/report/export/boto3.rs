//! Exports a case as a Python script: instances are launched with `run_instances` and waiters, calls are made by a
//! boto3 client, and the script prints what was allowed next to what it receives.
//!
//! ```python
//! at["a"] = launch("ebs")
//!
//! # Step 1: DRY-04 is looked at here.
//! call("stop_instances", InstanceIds=[at["a"]], DryRun=True)
//! look()
//! ```
//!
//! A call that no client makes (a wrong signature, an unusual index, an unknown parameter) is signed by botocore and
//! sent unchanged by `raw`. If botocore cannot sign it either, the script does not approximate it: the reason is
//! returned instead.

use std::fmt::Write as _;

use super::{Material, commented};
use crate::call::{Auth, Encoding, Form, Method, Order};
use crate::contract::{Act, CallTemplate, Contract, FixtureKind, Market, Root, State, quoted};

/// The script, or the reason why there is none.
pub(super) fn export(material: &Material, contract: &Contract) -> Result<String, String> {
    let mut out = commented("#", &material.summary(contract));
    let finding = &material.finding;
    let endpoint = match material.run.endpoint.as_str() {
        // The reference has no address; this is the one that `stopcheck serve` uses.
        "reference" => "http://127.0.0.1:8421",
        url => url,
    };
    let _ = write!(
        out,
        "#\n# {}\n# Needs boto3. The credentials are those of the environment.\n{HEAD}",
        super::visible(&material.command())
    );
    let _ = write!(
        out,
        "\nENDPOINT = os.environ.get(\"AWS_ENDPOINT_URL_EC2\", {})\nREGION = {}\nALLOWED = {}\nTHEN = {}\n{HELPERS}",
        quoted(endpoint),
        quoted(&material.run.region),
        quoted(&material.expected_text()),
        quoted(&material.observed_text()),
    );
    out.push_str("\ntry:\n");
    let mut line = |text: &str| {
        let _ = writeln!(out, "    {text}");
    };
    for (name, kind) in &material.case.fixtures {
        line(&arranged(name, kind));
    }
    let last = finding.step;
    for (number, step) in (1..=last).zip(&material.case.steps) {
        let here = match number == last {
            true => format!(": {} is looked at here", finding.clause),
            false => String::new(),
        };
        line(&format!("# Step {number}{here}."));
        match &step.act {
            Act::Call(template) => {
                line(&call(template)?);
                if number == last {
                    line("look()");
                }
            }
            Act::Overlap(callers) => {
                line(&format!("with ThreadPoolExecutor({}) as pool:", callers.len()));
                line("    at_once = [");
                for calls in callers {
                    let calls: Vec<String> = calls.iter().map(call).collect::<Result<_, _>>()?;
                    line(&format!("        lambda: [{}],", calls.join(", ")));
                }
                line("    ]");
                line("    list(pool.map(lambda calls: calls(), at_once))");
                if number == last {
                    line("look()");
                }
            }
            Act::Pages(..) => return Err("this script reads no lists".to_owned()),
            Act::Settle(names, state) => {
                let ids: Vec<String> = names.iter().map(|name| instance(name)).collect();
                line(&format!("settle({}, {})", word(*state), ids.join(", ")));
            }
            Act::Observe => line("look()"),
            Act::Launch(name, kind) => line(&launched(name, kind)),
            Act::Pass(ms) => line(&format!("time.sleep({})", f64::from(*ms) / 1000.0)),
            Act::Rest => line("rest()"),
        }
    }
    if last > material.case.steps.len() {
        line("# The last look.");
        line("look()");
    }
    out.push_str(TAIL);
    Ok(out)
}

const HEAD: &str = "
import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, quote_plus, urlsplit

import boto3
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, WaiterError
from botocore.httpsession import URLLib3Session
";

/// Helper functions for every script. They contain no text from an endpoint.
const HELPERS: &str = include_str!("boto3_helpers.py");

const TAIL: &str = r#"    print("allowed: ", ALLOWED)
    print("observed:", THEN, "(then; now: see above)")
finally:
    for made in sorted(set(at.values())):
        try:
            ec2.terminate_instances(InstanceIds=[made])
        except ClientError:
            # It may be protected.
            ec2.modify_instance_attribute(InstanceId=made, DisableApiTermination={"Value": False})
            ec2.terminate_instances(InstanceIds=[made])
"#;

/// Launches an instance and brings it to the required state, in one line.
fn arranged(name: &str, kind: &FixtureKind) -> String {
    let id = instance(name);
    let stop = format!("ec2.stop_instances(InstanceIds=[{id}])");
    let terminate = format!("ec2.terminate_instances(InstanceIds=[{id}])");
    let settled = |state: &str| format!("settle({}, {id})", quoted(state));
    let start = format!("ec2.start_instances(InstanceIds=[{id}])");
    // An instance that is protected from termination cannot be terminated.
    let protected = protection(name, kind);
    let from_stops = protection(
        name,
        &FixtureKind {
            termination_protected: false,
            ..*kind
        },
    );
    let then: Vec<Option<String>> = match kind.state {
        State::Pending | State::Running => vec![protected],
        State::Stopping => vec![Some(stop), protected],
        State::Stopped => vec![Some(stop), Some(settled("stopped")), protected],
        State::Restarting => vec![Some(stop), Some(settled("stopped")), protected, Some(start)],
        State::ShuttingDown => vec![from_stops, Some(terminate)],
        State::Terminated => vec![from_stops, Some(terminate), Some(settled("terminated"))],
        State::Gone => vec![from_stops, Some(terminate), Some(format!("settle(None, {id})"))],
    };
    let mut parts = vec![launched_as(name, kind, kind.state != State::Pending)];
    parts.extend(then.into_iter().flatten());
    parts.join("; ")
}

/// Launches an instance in the middle of a case, with its protections.
fn launched(name: &str, kind: &FixtureKind) -> String {
    let mut parts = vec![launched_as(name, kind, false)];
    parts.extend(protection(name, kind));
    parts.join("; ")
}

fn launched_as(name: &str, kind: &FixtureKind, wait: bool) -> String {
    let mut out = format!(
        "{} = launch({}",
        instance(name),
        match kind.root {
            Root::Ebs => "\"ebs\"",
            Root::InstanceStore => "\"instance-store\"",
        }
    );
    match kind.market {
        Market::OnDemand => {}
        Market::OneTimeSpot => out.push_str(", market=\"one-time\""),
        Market::PersistentSpot => out.push_str(", market=\"persistent\""),
    }
    if kind.hibernation {
        out.push_str(", hibernation=True");
    }
    if !wait {
        out.push_str(", wait=False");
    }
    out + ")"
}

fn protection(name: &str, kind: &FixtureKind) -> Option<String> {
    let truths = [
        (kind.stop_protected, ", stop=True"),
        (kind.termination_protected, ", termination=True"),
    ];
    let more: String = truths
        .iter()
        .filter_map(|(holds, text)| holds.then_some(*text))
        .collect();
    (!more.is_empty()).then(|| format!("protect({}{more})", instance(name)))
}

fn word(state: State) -> String {
    state.wire_name().map_or("None".to_owned(), quoted)
}

/// The expression for the id of an instance.
fn instance(name: &str) -> String {
    format!("at[{}]", quoted(name))
}

/// A call as an expression: by the client if it would send the same request, otherwise as a raw request.
fn call(call: &CallTemplate) -> Result<String, String> {
    by_client(call).map_or_else(|| by_hand(call), Ok)
}

/// A call that the client sends exactly as it is, except that the client orders the parameters.
fn by_client(call: &CallTemplate) -> Option<String> {
    if call.form != Form::default() {
        return None;
    }
    let (operation, flags): (&str, &[&str]) = match call.action.as_deref()? {
        "StopInstances" => (
            "stop_instances",
            &["Force", "Hibernate", "SkipOsShutdown", "DryRun"],
        ),
        "StartInstances" => ("start_instances", &["DryRun"]),
        "RebootInstances" => ("reboot_instances", &["DryRun"]),
        "TerminateInstances" => ("terminate_instances", &["DryRun"]),
        "DescribeInstances" => ("describe_instances", &["DryRun"]),
        _ => return None,
    };
    let mut ids = Vec::new();
    let mut more = Vec::new();
    for (name, value) in &call.params {
        if *name == format!("InstanceId.{}", ids.len() + 1) {
            ids.push(filled(value));
        } else if flags.contains(&name.as_str()) && !more.iter().any(|(known, _)| known == name) {
            let truth = match value.as_str() {
                "true" => "True",
                "false" => "False",
                _ => return None,
            };
            more.push((name.clone(), truth));
        } else {
            return None;
        }
    }
    if ids.is_empty() {
        return None;
    }
    let more: String = more
        .iter()
        .map(|(name, truth)| format!(", {name}={truth}"))
        .collect();
    Some(format!(
        "call({}, InstanceIds=[{}]{more})",
        quoted(operation),
        ids.join(", ")
    ))
}

fn by_hand(call: &CallTemplate) -> Result<String, String> {
    let form = &call.form;
    let auth = match form.auth {
        Auth::Header => None,
        Auth::Query => Some("query"),
        Auth::Unsigned => Some("unsigned"),
        Auth::WrongSignature => Some("wrong-signature"),
        Auth::UnknownKey => Some("unknown-key"),
        Auth::Garbage => Some("garbage"),
        Auth::Session => Some("session"),
        Auth::ExpiredSession => Some("expired-session"),
        Auth::Denied => Some("denied"),
        Auth::Stale => return Err("it is signed with an old time, which botocore does not do".to_owned()),
        Auth::Recent
        | Auth::Early
        | Auth::Future
        | Auth::PresignedExpired
        | Auth::PresignedForNoTime
        | Auth::PresignedTooLong
        | Auth::AlteredParameters
        | Auth::AlteredPath
        | Auth::AlteredMethod
        | Auth::OtherPayloadHash
        | Auth::AlteredScope
        | Auth::OtherDate
        | Auth::OtherRegion
        | Auth::OtherService
        | Auth::OtherTerminator
        | Auth::UnsignedHost
        | Auth::UnsignedDate
        | Auth::ShortSignature
        | Auth::LongSignature
        | Auth::UpperCaseSignature
        | Auth::MissingToken
        | Auth::WrongToken
        | Auth::RightThenWrong
        | Auth::WrongThenRight => {
            return Err("it is signed in a way that botocore does not offer".to_owned());
        }
    };
    if form.auth == Auth::Query && form.method == Method::Post {
        return Err("botocore signs no body in the query".to_owned());
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    if let Some(action) = &call.action {
        pairs.push(("Action".to_owned(), quoted(action)));
    }
    if let Some(version) = &form.version {
        pairs.push(("Version".to_owned(), quoted(version)));
    }
    let first = pairs.len();
    pairs.extend(
        call.params
            .iter()
            .map(|(name, value)| (name.clone(), filled(value))),
    );
    match form.order {
        Order::ActionFirst => {}
        Order::ActionLast => {
            pairs.rotate_left(first);
            let end = pairs.len() - first;
            if let Some(head) = pairs.get_mut(end..) {
                head.reverse();
            }
        }
        Order::Sorted => pairs.sort_by(|(one, _), (other, _)| one.cmp(other)),
        Order::Reversed => pairs.reverse(),
    }
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("({}, {value})", quoted(name)))
        .collect();
    let mut out = format!("raw([{}]", pairs.join(", "));
    if form.method == Method::Get {
        out.push_str(", method=\"GET\"");
    } else if form.content_type != Form::default().content_type {
        let media = form.content_type.as_deref().map_or("None".to_owned(), quoted);
        let _ = write!(out, ", media={media}");
    }
    match form.encoding {
        Encoding::Standard => {}
        Encoding::PlusForSpace => out.push_str(", encoding=\"plus-for-space\""),
        Encoding::EveryByte => out.push_str(", encoding=\"every-byte\""),
        Encoding::LowerCase | Encoding::NamesToo | Encoding::EmptyPairs => {
            return Err("this script does not have its encoding".to_owned());
        }
    }
    if let Some(auth) = auth {
        let _ = write!(out, ", auth={}", quoted(auth));
    }
    Ok(out + ")")
}

/// A value as an expression, with its references resolved.
fn filled(text: &str) -> String {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else {
            break;
        };
        if !before.is_empty() {
            parts.push(quoted(before));
        }
        parts.push(match name.split_once('.') {
            Some((name, "spot")) => format!("spot_request({})", instance(name)),
            Some((name, _)) => format!("\"i-\" + {}[2:].upper()", instance(name)),
            None if name.starts_with("unknown") || name.starts_with("long") => {
                // `unknown1` is another name of `unknown`.
                let name = if name == "unknown1" { "unknown" } else { name };
                format!("nobody({})", quoted(name))
            }
            None => instance(name),
        });
        rest = tail;
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(quoted(rest));
    }
    parts.join(" + ")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::sample;
    use super::*;
    use crate::contract::{Edition, Scenario, embedded};
    use crate::plan::coverage;
    use crate::plan::script::{Features, Script};

    /// A call as a scenario has it.
    fn template(params: &[(&str, &str)], form: Form) -> CallTemplate {
        CallTemplate {
            action: Some("StopInstances".to_owned()),
            params: params
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            form,
        }
    }

    #[test]
    fn the_client_makes_what_it_would_send_just_so_and_nothing_else() {
        let plain = |params: &[(&str, &str)]| call(&template(params, Form::default())).expect("it is sent");
        insta::assert_snapshot!(
            plain(&[("InstanceId.1", "{a}"), ("InstanceId.2", "{unknown}"), ("DryRun", "true")]),
            @r#"call("stop_instances", InstanceIds=[at["a"], nobody("unknown")], DryRun=True)"#
        );
        for odd in [
            &[("InstanceId.2", "{a}")][..],
            &[("InstanceId.1", "{a}"), ("DryRun", "TRUE")],
            &[("InstanceId.1", "{a}"), ("Force", "true"), ("Force", "true")],
            &[("InstanceId.1", "{a}"), ("Bogus", "1")],
            &[("DryRun", "true")],
        ] {
            let text = plain(odd);
            assert!(
                text.starts_with("raw([(\"Action\", \"StopInstances\"), "),
                "{text}"
            );
        }
    }

    #[test]
    fn what_no_client_sends_is_signed_and_sent_as_it_is_or_the_reason_is_told() {
        let raw = |form| call(&template(&[("InstanceId.1", " {a.upper}")], form));
        let form = Form {
            method: Method::Get,
            order: Order::ActionLast,
            encoding: Encoding::EveryByte,
            auth: Auth::WrongSignature,
            ..Form::default()
        };
        insta::assert_snapshot!(
            raw(form).expect("it is sent"),
            @r#"raw([("InstanceId.1", " " + "i-" + at["a"][2:].upper()), ("Version", "2016-11-15"), ("Action", "StopInstances")], method="GET", encoding="every-byte", auth="wrong-signature")"#
        );
        for (auth, why) in [
            (Auth::Stale, "with an old time"),
            (Auth::Query, "no body in the query"),
        ] {
            let refused = raw(Form {
                auth,
                ..Form::default()
            });
            assert!(refused.is_err_and(|told| told.contains(why)));
        }
    }

    /// The scripts of all cases.
    fn scripts() -> Vec<String> {
        let contract = embedded(Edition::Current);
        let mut cases: Vec<Scenario> = contract.scenarios.clone();
        cases.extend(coverage::cases(&contract, coverage::LEAST));
        let mut random = fastrand::Rng::with_seed(9);
        cases.extend((0..100).map(|number| {
            let bytes = Script::bytes(8, || random.u8(..));
            Script::decode(&bytes, Features::ALL).into_case(&format!("random/{number}"))
        }));
        cases
            .into_iter()
            .filter_map(|case| {
                let mut material = sample(case);
                material.finding.step = material.case.steps.len();
                material.finding.observed = crate::report::sample::said("\"\"\"\n\\ \u{202e} '''").into();
                export(&material, &contract).ok()
            })
            .collect()
    }

    #[test]
    fn every_script_is_python() {
        let scripts = scripts();
        assert!(scripts.len() > 500, "{}", scripts.len());
        let folder = tempfile::tempdir().expect("there is room for a folder");
        for (number, script) in scripts.iter().enumerate() {
            assert!(!script.contains('\u{202e}'));
            let path = folder.path().join(format!("{number}.py"));
            std::fs::write(path, script).expect("the folder takes a file");
        }
        // Checks the syntax only: nothing is imported or run.
        let check = "import ast, pathlib, sys\n\
                     for path in pathlib.Path(sys.argv[1]).iterdir(): ast.parse(path.read_text(), str(path))";
        let output = Command::new("python3")
            .args(["-c", check])
            .arg(folder.path())
            .output()
            .expect("Python is there, as it is for the emulators");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
