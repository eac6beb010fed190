//! Findings and obstacles in words: the only place where their facts become English.
//!
//! A fact comes in, text on one line goes out. Its length is bounded because the facts are. Control characters are
//! escaped; a reporter escapes what else its format cannot show. Nothing decides by these texts: reporters get a
//! [`Words`], and tests give them other ones.

use std::fmt;

mod timeline;

pub use timeline::timeline;

use crate::call::Caller;
use crate::contract::{Check, State};
use crate::journal::{
    AllowedChange, AnswerSummary, BodySummary, DescribedReason, Doubt, Ending, Excerpt, Expected, Few,
    InstancePart, LaunchProperty, Observed, Obstacle, Oddity, StateChanged, StatePair, WaitCut,
};

/// A wording of findings and obstacles.
pub trait Words: fmt::Debug + Sync {
    /// Something that is allowed.
    fn expected(&self, expected: &Expected) -> String;
    /// Something that was observed.
    fn observed(&self, observed: &Observed) -> String;
    /// Why a case is unsupported.
    fn obstacle(&self, obstacle: &Obstacle) -> String;

    /// Everything that a finding has as allowed.
    fn all_expected(&self, expected: &[Expected]) -> String {
        joined(expected.iter().map(|one| self.expected(one)), "; ")
    }

    /// Everything that a finding has as observed.
    fn all_observed(&self, observed: &[Observed]) -> String {
        joined(observed.iter().map(|one| self.observed(one)), "; ")
    }
}

/// The wording of the reports.
#[derive(Debug, Clone, Copy)]
pub struct English;

impl Words for English {
    fn expected(&self, expected: &Expected) -> String {
        expected_text(expected)
    }

    fn observed(&self, observed: &Observed) -> String {
        observed_text(observed)
    }

    fn obstacle(&self, obstacle: &Obstacle) -> String {
        obstacle_text(obstacle)
    }
}

fn expected_text(expected: &Expected) -> String {
    match expected {
        Expected::Refusal { answers } => {
            let codes = answers.iter().map(|answer| {
                let status = joined(answer.status.iter().map(u16::to_string), "/");
                format!("{status} {}", answer.code)
            });
            format!("a refusal: {}", joined(codes, " or "))
        }
        Expected::Changes { status, items } => {
            let items = joined(items.iter().map(allowed_change), ", ");
            match status {
                Some(status) => format!("{status} {items}"),
                None => items,
            }
        }
        Expected::Items { ids } => format!("one item for each of {}", joined(ids.iter().map(plain), ", ")),
        Expected::Status { from, to } => match (from, to) {
            (400, 499) => "a 4xx status: the fault is the client's".to_owned(),
            (_, 499) => "no 5xx status: the fault is the client's".to_owned(),
            (from, to) if from == to => format!("HTTP status {from}"),
            (from, to) => format!("HTTP status {from} to {to}"),
        },
        Expected::PreferredCode { code } => format!("{code}, the recorded one"),
        Expected::Message { pattern } => format!("a message like {pattern}"),
        Expected::RefusalFor { condition } => format!("the refusal for {}", condition.word()),
        Expected::Root { name, namespace } => match namespace {
            None => format!("<{name}>"),
            Some(namespace) => format!("<{name} xmlns=\"{namespace}\">"),
        },
        Expected::Elements { name, count } => match count {
            0 => format!("no {name} in a refusal"),
            1 => format!("exactly one {name}"),
            count => format!("{count} {name} elements"),
        },
        Expected::Header { name, value } => format!("{name}: {value}"),
        Expected::State {
            id,
            states,
            unchanged,
        } => match unchanged {
            true => format!("{} stays {}", plain(id), state_set(states)),
            false => format!("{}: {}", plain(id), state_set(states)),
        },
        Expected::Gone { id } => format!("{} is unknown only once it is no longer described", plain(id)),
        Expected::Reason { reason, state_reason } => {
            let reason = reason
                .as_ref()
                .map(|reason| format!("reason {} as before the call", quoted(reason)));
            let state_reason = state_reason.as_ref().map(|one| {
                let DescribedReason { code, message } = one;
                format!("stateReason {} {}", plain(code), quoted(message))
            });
            joined(reason.into_iter().chain(state_reason), ", ")
        }
        Expected::Same { steps, answers } => {
            let steps = joined(steps.iter().map(usize::to_string), " and ");
            let answers = joined(answers.iter().map(answer), " or ");
            match (steps.as_str(), answers.as_str()) {
                ("", _) => "the same answer as before".to_owned(),
                (steps, "") => format!("the same answer as in step {steps}"),
                (steps, answers) => format!("as in step {steps}: {answers}"),
            }
        }
        Expected::InTurn { roots } => roots.join(", then "),
        Expected::Answer => "an answer".to_owned(),
        Expected::Rule { check } => rule(*check).to_owned(),
    }
}

/// What a check demands of every endpoint.
fn rule(check: Check) -> &'static str {
    match check {
        Check::SuccessStatus => "HTTP status 200",
        Check::RootElement => "the root element of the action",
        Check::RequestId => "exactly one requestId, not empty",
        Check::RequestIdUuid => "a requestId that is a lower-case UUID",
        Check::OneItemPerInstance => "one item for each instance of the call",
        Check::ItemMembers => "items of instanceId, currentState{code, name} and previousState{code, name}",
        Check::CodeMatchesName => {
            "0 pending, 16 running, 32 shutting-down, 48 terminated, 64 stopping, 80 stopped (low byte)"
        }
        Check::SuccessContentType | Check::ErrorContentType => "Content-Type: text/xml;charset=UTF-8",
        Check::XmlDeclaration => "an XML declaration of version 1.0 and encoding UTF-8",
        Check::RequestIdHeader | Check::ErrorRequestIdHeader => {
            "x-amzn-requestid equal to the request id of the body"
        }
        Check::SecurityHeaders => "both Cache-Control and Strict-Transport-Security",
        Check::ServerHeader => "Server: AmazonEC2",
        Check::RequestIdsDiffer => "a request id of its own for each request",
        Check::ErrorEnvelope => {
            "<Response><Errors><Error><Code/><Message/></Error></Errors><RequestID/></Response>"
        }
        Check::OneError => "exactly one Error",
        Check::BareErrorCode => "a code without Client. or Server.",
        Check::WellFormedEcho => "well-formed XML",
        Check::StatusClass => "a status of the class of the fault",
        Check::RefusalWithoutSet => "no instancesSet in a refusal",
        Check::PreviousState => "the state right before the call as previousState",
        Check::Settles => "stopped after a stop",
        Check::StaysStopped => "stopped until the next start",
        Check::VisibleAfterStop => "a description of the instances",
        Check::TransitionReason => "reason \"User initiated (YYYY-MM-DD hh:mm:ss GMT)\"",
        Check::ReasonTime => "a time in the reason within seconds of the Date header of the answer",
        Check::StateReason => "the stateReason of a shutdown by the user",
        Check::HibernateReason => "the stateReason of a hibernation by the user",
        Check::ReasonWhileStopping => "reason and stateReason while stopping",
        Check::RunningWithoutReason => "an empty reason and no stateReason while running",
        Check::Waiter => "stopped, as the waiter InstanceStopped waits for",
        Check::StopTime => "stopped in well under ten minutes",
        Check::KeepsIdentity => "volumes and private address kept, public address released",
        Check::KeepsInterfaces => "the network interfaces kept",
        Check::DescribesOnlyRequested => "only the instances that are requested",
        Check::StatusHidesStopped => "listed only if all are requested",
        Check::FilteredView => "the instances that the filters match, each in its state, and no other",
        Check::ListedByPages => "each instance on one page of the list, and a last page",
        Check::LaunchOptions => "the options that the launch was accepted with",
        Check::StatusAgrees => "the instances in the states that their descriptions show",
        Check::DescribedCode => "the code of the state that is named",
        Check::SpotRequestDisabled => "state disabled, status instance-stopped-by-user",
        Check::ReasonUnchanged => "the reason as before the call",
        Check::NamesOneOffender => "one of the offending ids in the message",
        Check::OneOrder => "answers to overlapping calls that fit an order of the calls",
        Check::OneTransition => {
            "one of the calls found the instance running, the others found it stopping or stopped"
        }
        Check::EndsStopped => "stopped after repeated stops",
        Check::ControlUnchanged => "the state before the call",
        Check::WholeAnswer => {
            "a whole HTTP message: status line, header fields, a body of the announced length"
        }
        Check::WireAnswered => "an HTTP response",
        Check::WireEnded => "an answer, or the end of the connection",
        Check::WireSame => "the answer to the plain form",
        Check::WireNoEffect => "no instance changes",
        Check::WireInTurn => "the answers in the order of the requests",
        Check::WireRefused => "400, or the end of the connection",
    }
}

fn observed_text(observed: &Observed) -> String {
    match observed {
        Observed::Answer(summary) => answer(summary),
        Observed::Status { status } => format!("HTTP status {status}"),
        Observed::Change(change) => state_change(change),
        Observed::State {
            id,
            state,
            after_call,
        } => {
            let state = match state {
                None => "not described".to_owned(),
                Some(state) => or_no_state(state),
            };
            let when = if *after_call {
                " (DescribeInstances after the call)"
            } else {
                ""
            };
            format!("{}: {state}{when}", plain(id))
        }
        Observed::StopTime { id, stopped, ms } => match stopped {
            true => format!("{}: stopped after {} s", plain(id), ms / 1000),
            false => format!("{}: still stopping {} s after the call", plain(id), ms / 1000),
        },
        Observed::Reason {
            id,
            reason,
            state_reason,
            apart_s,
        } => {
            let state_reason = match state_reason {
                None => "absent".to_owned(),
                Some(DescribedReason { code, message }) => format!("{} {}", plain(code), quoted(message)),
            };
            let apart = apart_s.map_or(String::new(), |apart_s| {
                format!(", {apart_s} s from the Date header")
            });
            format!(
                "{}: reason {}{apart}, stateReason {state_reason}",
                plain(id),
                quoted(reason)
            )
        }
        Observed::Part {
            id,
            part,
            before,
            after,
        } => {
            let (before, after) = (list(before), list(after));
            let id = plain(id);
            match part {
                InstancePart::PrivateAddress => format!("{id}: private address {before} became {after}"),
                InstancePart::PublicAddress => format!("{id}: public address {after} kept"),
                InstancePart::Volumes => format!("{id}: volumes {before} became {after}"),
                InstancePart::NetworkInterfaces => {
                    format!("{id}: network interfaces {before} became {after}")
                }
            }
        }
        Observed::Listed { id, listed } => match listed {
            true => format!("{} is listed", plain(id)),
            false => format!("{} is not listed", plain(id)),
        },
        Observed::LaunchOption {
            id,
            property,
            described,
        } => {
            let (what, requested, otherwise) = launch_property(*property);
            let described = described.as_ref().map_or_else(|| otherwise.to_owned(), plain);
            format!("{}: {what} {described}, launched with {requested}", plain(id))
        }
        Observed::SpotRequest { state, status } => {
            format!("state {}, status {}", quoted(state), quoted(status))
        }
        Observed::FoundRunning { calls } => format!("{calls} calls found it running"),
        Observed::History { calls } => {
            let count = calls.shown.len() + calls.left_out;
            format!("{count} overlapping calls: {}", few(calls, timeline::call_text))
        }
        Observed::Root { name, namespace } => format!("<{} xmlns={}>", plain(name), quoted(namespace)),
        Observed::Declaration { version, encoding } => match (version, encoding) {
            (None, _) => "no XML declaration".to_owned(),
            (Some(version), None) => format!("version {}, no encoding", quoted(version)),
            (Some(version), Some(encoding)) => {
                format!("version {}, encoding {}", quoted(version), quoted(encoding))
            }
        },
        Observed::Header { name, value } => format!("{name} {}", or_absent(value.as_ref())),
        Observed::Elements { name, count } => match count {
            1 => format!("1 {name} element"),
            count => format!("{count} {name} elements"),
        },
        Observed::Values { name, values } => format!("{name} {}", list(values)),
        Observed::Oddities { oddities } => few(oddities, oddity),
        Observed::StateCodes { states } => few(states, |state| {
            format!(
                "code {} with name {}",
                or_absent(state.code.as_ref()),
                or_absent(state.name.as_ref())
            )
        }),
        Observed::Wire {
            answers,
            ending,
            rest,
        } => {
            let connection = ending_text(ending);
            let answers = joined(answers.shown.iter().map(answer), ", then ");
            match (answers.is_empty(), rest.is_empty()) {
                (true, true) => format!("no answer: the connection {connection}"),
                (true, false) => format!("no whole answer: {connection}; received \"{}\"", plain(rest)),
                (false, true) => format!("{answers}; the connection {connection}"),
                (false, false) => format!("{answers}, and bytes of no answer: \"{}\"", plain(rest)),
            }
        }
        Observed::Undecided { why, id, seen } => {
            let seen = seen.as_deref().map(observed_text);
            let id = id.as_ref().map_or_else(|| "an instance".to_owned(), plain);
            undecided(*why, seen.as_deref(), &id)
        }
        Observed::Flaky { times, of, .. } => format!("not reproduced: seen in {times} of {of} plays"),
    }
}

/// Why a clause could not be decided, after what was seen of it.
fn undecided(why: Doubt, seen: Option<&str>, id: &str) -> String {
    let (mark, reason) = match why {
        Doubt::NoAnswer => ("", "no answer came that says anything about the call"),
        Doubt::NotDescribed => ("", "the instances could not be described"),
        Doubt::DescriptionsLag => (", but ", "descriptions may lag"),
        Doubt::RequestsLag => (", but ", "it may lag behind the instance"),
        Doubt::SeenOnce => (", ", "seen once"),
        Doubt::Overloaded => (": ", "the service was throttling or overloaded, and stayed so"),
        Doubt::MayPass => (", ", "which may pass"),
        Doubt::NewId => (", but ", "a new id may not be known yet"),
        Doubt::MayBeRefused => (": ", "such a call may be refused"),
        Doubt::PlainFormWrong => ("", "the plain form is not answered as it should be either"),
        Doubt::NothingToCompare => ("", "the call that it is compared with was not answered"),
        Doubt::NotCompared => ("", "answers of this action are not compared"),
        Doubt::TooManyOrders => ("", "there are too many orders of these calls to try all"),
        Doubt::OtherCircumstances => {
            return format!("{id} was not then as it is now, or not in it");
        }
    };
    match seen {
        Some(seen) => format!("{seen}{}{reason}", if mark.is_empty() { ": " } else { mark }),
        None => reason.to_owned(),
    }
}

/// What became of a connection; continues "the connection …".
pub fn ending_text(ending: &Ending) -> &str {
    match ending {
        Ending::Failed { why } | Ending::Broken { why } => why,
        Ending::Answered => "was answered on",
        Ending::Closed => "was closed by the endpoint",
        Ending::Reset => "was reset by the endpoint",
        Ending::Silent => "stayed open and silent until time was up",
        Ending::NoHttp => "sent something that is not HTTP",
        Ending::TooMuch => "carried more than is read",
        Ending::Dropped => "was dropped by us",
    }
}

fn obstacle_text(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::NoCredentials { caller } => format!("the run has no {}", credentials(*caller)),
        Obstacle::NoRawSocket => {
            "raw bytes are sent over plain http only: TLS would need a library in between".to_owned()
        }
        Obstacle::NoImage { root } => {
            let root = root.word();
            format!("there is no image with root device type {root} (--{root}-image names one)")
        }
        Obstacle::TooManyInstances { needed, most } if needed > most => {
            format!("the case needs {needed} instances at once, and --max-instances allows {most}")
        }
        Obstacle::TooManyInstances { needed, most } => {
            format!(
                "of the {most} instances that --max-instances allows, {needed} were not free before the time limit"
            )
        }
        Obstacle::PurgedFixture => "nobody can wait until an instance is purged".to_owned(),
        Obstacle::Refused { action, answer: by } => format!("{action} is answered by {}", answer(by)),
        Obstacle::NothingLaunched => "RunInstances answers without an instance".to_owned(),
        Obstacle::NotAsRequested { property, described } => {
            let (what, requested, otherwise) = launch_property(*property);
            let described = described.as_ref().map_or_else(|| otherwise.to_owned(), plain);
            format!(
                "the endpoint accepted an instance with {what} {requested}, and describes it with {described}"
            )
        }
        Obstacle::NoSpotRequest => {
            "the endpoint describes a Spot Instance without its spotInstanceRequestId".to_owned()
        }
        Obstacle::SkippedState {
            state,
            action,
            described,
        } => {
            let (state, described) = (state_set(&[*state]), or_no_state(described));
            format!("right after {action} the instance is {described}: the endpoint skips {state}")
        }
        Obstacle::NotReached {
            state,
            described,
            answer: last,
            cut,
        } => {
            let state = state.map_or_else(|| "described".to_owned(), |state| state_set(&[state]));
            let described = described
                .as_ref()
                .map_or_else(|| format!("not described ({})", answer(last)), or_no_state);
            let cut = match cut {
                None => "",
                Some(WaitCut::TimeLimit) => " at the time limit of the run",
                Some(WaitCut::EarlierTimeOut) => ", and an earlier wait for this has timed out",
            };
            format!("an instance did not become {state}: it is {described}{cut}")
        }
    }
}

/// What a run needs to send calls of a caller, and the variables that have it.
fn credentials(caller: Caller) -> &'static str {
    match caller {
        Caller::Denied => {
            "credentials of a caller that may describe but not stop (STOPCHECK_DENIED_ACCESS_KEY_ID, \
             STOPCHECK_DENIED_SECRET_ACCESS_KEY)"
        }
        Caller::Session => {
            "temporary credentials (AWS_SESSION_TOKEN, or STOPCHECK_SESSION_ACCESS_KEY_ID, \
             …_SECRET_ACCESS_KEY, …_SESSION_TOKEN)"
        }
        Caller::ExpiredSession => {
            "expired temporary credentials (STOPCHECK_EXPIRED_ACCESS_KEY_ID, …_SECRET_ACCESS_KEY, \
             …_SESSION_TOKEN)"
        }
        Caller::Main => "credentials",
    }
}

/// The name of a property, its value as requested, and what an instance has if its description has nothing.
fn launch_property(property: LaunchProperty) -> (&'static str, &'static str, &'static str) {
    match property {
        LaunchProperty::Ebs => ("root device type", "ebs", "absent"),
        LaunchProperty::InstanceStore => ("root device type", "instance-store", "absent"),
        LaunchProperty::OnDemand => ("lifecycle", "on-demand", "on-demand"),
        LaunchProperty::Spot => ("lifecycle", "spot", "on-demand"),
        LaunchProperty::Hibernation => ("hibernation", "configured", "not configured"),
        LaunchProperty::StopProtection => ("disableApiStop", "true", "absent"),
        LaunchProperty::TerminationProtection => ("disableApiTermination", "true", "absent"),
    }
}

fn answer(summary: &AnswerSummary) -> String {
    let status = summary.status;
    match &summary.body {
        BodySummary::Items { items } if items.shown.is_empty() => format!("{status} without instances"),
        BodySummary::Items { items } => format!("{status} [{}]", few(items, state_change)),
        BodySummary::Error { code, .. } if code.is_empty() => format!("{status} without an error code"),
        BodySummary::Error { code, message } => match message {
            None => format!("{status} {}", plain(code)),
            Some(message) => format!("{status} {} {}", plain(code), quoted(message)),
        },
        BodySummary::Document { root } if root.is_empty() => format!("{status} without a document"),
        BodySummary::Document { root } => format!("{status} <{}>", plain(root)),
        BodySummary::Empty => format!("{status} with an empty body"),
        BodySummary::NotXml { why } => {
            let why = why
                .as_ref()
                .map_or(String::new(), |why| format!(" ({})", plain(why)));
            format!("{status} with a body that is not XML{why}")
        }
    }
}

fn state_change(change: &StateChanged) -> String {
    format!("{}: {}", or_unknown(&change.id), pair(&change.states))
}

fn allowed_change(change: &AllowedChange) -> String {
    let pairs = joined(change.states.iter().map(pair), " or ");
    format!("{}: {pairs}", plain(&change.id))
}

fn pair(states: &StatePair) -> String {
    format!(
        "{} → {}",
        or_unknown(&states.previous),
        or_unknown(&states.current)
    )
}

fn state_set(states: &[State]) -> String {
    if State::ALL.iter().all(|state| states.contains(state)) {
        return "any state".to_owned();
    }
    let mut names: Vec<&str> = states
        .iter()
        .map(|state| state.wire_name().unwrap_or("no longer visible"))
        .collect();
    names.dedup();
    names.join(" or ")
}

fn oddity(oddity: &Oddity) -> String {
    match oddity {
        Oddity::Missing { element, member } => format!("{} has no {}", plain(element), plain(member)),
        Oddity::Repeated {
            element,
            member,
            count,
        } => format!("{} has {count} {}", plain(element), plain(member)),
        Oddity::Named { name, instead_of } => format!("{} instead of {}", plain(name), plain(instead_of)),
        Oddity::InNamespace { element, namespace } => format!(
            "{} is in the namespace {}, where EC2 uses none",
            plain(element),
            plain(namespace)
        ),
        Oddity::NotText { element } => {
            format!("{} has elements where its value should be", plain(element))
        }
        Oddity::Empty { element } => format!("{} is empty", plain(element)),
    }
}

/// The text on one line, with control characters escaped.
fn plain(text: &Excerpt) -> String {
    let mut line = String::with_capacity(text.as_str().len());
    for character in text.as_str().chars() {
        match character.is_control() {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
    }
    line
}

fn quoted(text: &Excerpt) -> String {
    format!("\"{}\"", plain(text))
}

fn or_unknown(text: &Excerpt) -> String {
    if text.is_empty() {
        "?".to_owned()
    } else {
        plain(text)
    }
}

fn or_no_state(name: &Excerpt) -> String {
    if name.is_empty() {
        "in no state".to_owned()
    } else {
        plain(name)
    }
}

fn or_absent(text: Option<&Excerpt>) -> String {
    text.map_or_else(|| "absent".to_owned(), quoted)
}

fn list(texts: &Few<Excerpt>) -> String {
    if texts.shown.is_empty() {
        return "absent".to_owned();
    }
    few(texts, quoted)
}

/// The members that are shown, with a mark if there are more.
fn few<T>(members: &Few<T>, text: impl Fn(&T) -> String) -> String {
    let more = if members.left_out > 0 { ", …" } else { "" };
    format!("{}{more}", joined(members.shown.iter().map(text), ", "))
}

fn joined(texts: impl Iterator<Item = String>, by: &str) -> String {
    texts.collect::<Vec<_>>().join(by)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Root;
    use crate::journal::Fingerprint;
    use crate::verdict::Verdict;

    #[test]
    fn control_characters_do_not_pass() {
        let hostile = Excerpt::word("a\u{1b}[31mb\n");
        assert_eq!(plain(&hostile), "a\\u{1b}[31mb\\n");
        assert_eq!(
            English.observed(&Observed::State {
                id: hostile,
                state: None,
                after_call: false,
            }),
            "a\\u{1b}[31mb\\n: not described"
        );
    }

    #[test]
    fn a_finding_that_did_not_come_again_has_no_fingerprint_in_its_text() {
        let observed = Observed::Answer(AnswerSummary {
            status: 500,
            body: BodySummary::Empty,
        });
        let fingerprint = Fingerprint::new(&"REQ-03".into(), Verdict::Warn, &[observed]);
        let flaky = Observed::Flaky {
            times: 3,
            of: 5,
            fingerprint: Some(fingerprint),
        };
        assert_eq!(English.observed(&flaky), "not reproduced: seen in 3 of 5 plays");
    }

    #[test]
    fn of_many_items_a_dozen_are_shown() {
        let items = |count: usize| {
            let items = (0..count).map(|number| StateChanged {
                id: Excerpt::word(&format!("i-{number}")),
                states: StatePair {
                    previous: Excerpt::word("running"),
                    current: Excerpt::default(),
                },
            });
            English.observed(&Observed::Answer(AnswerSummary {
                status: 200,
                body: BodySummary::Items {
                    items: items.collect(),
                },
            }))
        };
        assert_eq!(items(0), "200 without instances");
        assert_eq!(items(1), "200 [i-0: running → ?]");
        assert!(!items(12).contains('…'));
        assert!(items(13).ends_with(", …]"));
    }

    #[test]
    fn an_obstacle_says_what_is_missing_and_how_that_was_seen() {
        let refusal = || AnswerSummary {
            status: 400,
            body: BodySummary::Error {
                code: Excerpt::name("InvalidAction"),
                message: Some(Excerpt::quote("No\n.")),
            },
        };
        let pretended = |property, described: Option<&str>| Obstacle::NotAsRequested {
            property,
            described: described.map(Excerpt::word),
        };
        let unreached = |state, described: Option<&str>, cut| Obstacle::NotReached {
            state,
            described: described.map(Excerpt::word),
            answer: refusal(),
            cut,
        };
        let obstacles = [
            Obstacle::NoImage {
                root: Root::InstanceStore,
            },
            Obstacle::Refused {
                action: "RunInstances".to_owned(),
                answer: refusal(),
            },
            pretended(LaunchProperty::Spot, None),
            pretended(LaunchProperty::Ebs, Some("instance-store")),
            Obstacle::SkippedState {
                state: State::Restarting,
                action: "StartInstances".to_owned(),
                described: Excerpt::word("running"),
            },
            unreached(None, None, None),
            unreached(Some(State::Stopped), Some("stopping"), Some(WaitCut::TimeLimit)),
            unreached(Some(State::Running), Some(""), Some(WaitCut::EarlierTimeOut)),
        ];
        let texts = joined(obstacles.iter().map(|one| English.obstacle(one)), "\n");
        insta::assert_snapshot!(texts, @r#"
        there is no image with root device type instance-store (--instance-store-image names one)
        RunInstances is answered by 400 InvalidAction "No\n."
        the endpoint accepted an instance with lifecycle spot, and describes it with on-demand
        the endpoint accepted an instance with root device type ebs, and describes it with instance-store
        right after StartInstances the instance is running: the endpoint skips pending
        an instance did not become described: it is not described (400 InvalidAction "No\n.")
        an instance did not become stopped: it is stopping at the time limit of the run
        an instance did not become running: it is in no state, and an earlier wait for this has timed out
        "#);
    }
}
