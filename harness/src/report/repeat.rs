//! How to reproduce a finding: a run of one case, or `curl` or `aws` commands, as one `bash` line or as a script.
//!
//! Pure: the input is the fixtures, steps and exchanges of a case, the output is text to paste. The lines set up what
//! the case set up, so they work at a fresh endpoint; ids are kept in shell variables. The reproduction of a dry run:
//!
//! ```text
//! a=$(curl -sS … --data-raw 'Action=RunInstances&…' http://127.0.0.1:5000/ | grep -o 'instanceId>i-[0-9a-f]\{8,17\}' | head -n1 | cut -d'>' -f2); : "${a:?has no value}";
//! until curl -s … --data-raw 'Action=DescribeInstances&…&InstanceId.1='"$a"'' … | grep -q '<name>running</name>'; do sleep 1; done;
//! curl -i -sS … --data-raw 'Action=StopInstances&…&InstanceId.1='"$a"'&DryRun=true' http://127.0.0.1:5000/
//! ```
//!
//! All of it is one line; a script has one command a line, and removes what it launched. All text from an endpoint or a
//! request is quoted and cannot leave its quotes. If a tool cannot express a request (a wrong signature, an empty list
//! of ids), the request is not approximated; the reason is given instead.

use std::fmt::Write as _;

use crate::call::{API_VERSION, Auth, Call, Form};
use crate::contract::{FixtureKind, State};
use crate::journal::{Bytes, Exchange, FixtureReady, HeaderRecords, Intent, Role, RunStarted, SentRecord};
use crate::plan::wire;
use crate::protocol::{self, RequestTarget};
use crate::words::ending_text;

mod aws;
mod curl;
mod quote;
mod script;

use aws::aws_commands;
use curl::Curl;
pub use quote::quote;
use quote::{quote_word, quoted};
pub use script::{Commands, run_script};
use script::{bounded, if_present};

/// How much of an answer is kept for display, in bytes.
const ANSWER_KEPT: usize = 1200;

/// Three ways to reproduce a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// The `stopcheck run` command.
    pub run: String,
    /// `curl` commands for `bash`, or the reason why there are none.
    pub curl: Result<Commands, String>,
    /// `aws` commands for `bash`, or the reason why there are none.
    pub aws: Result<Commands, String>,
}

/// The data of a case that a reproduction is made from.
#[derive(Debug, Clone, Copy)]
pub struct Story<'a> {
    /// The event that started the run.
    pub run: &'a RunStarted,
    /// The name of the case.
    pub case: &'a str,
    /// Its instances.
    pub fixtures: &'a [FixtureReady],
    /// What each step was meant to do, with the step number.
    pub steps: &'a [(usize, Intent)],
    /// Its exchanges, in order.
    pub sent: &'a [Sent],
}

/// The data of an exchange that a reproduction is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// The step.
    pub step: usize,
    /// Why it was sent.
    pub role: Role,
    /// The call that was to be sent.
    pub call: Call,
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Header fields.
    pub headers: HeaderRecords,
    /// The body.
    pub body: Bytes,
    /// The status, or what failed.
    pub answer: Result<u16, String>,
    /// The beginning of the body of the answer; empty if the body is not UTF-8.
    pub answer_head: String,
    /// The instance ids that an arranging call created, in the order of the answer.
    pub made: Vec<String>,
}

impl Sent {
    /// Keeps the parts of an exchange that a reproduction and a report need. Of several answers, the last is kept.
    pub fn of(exchange: &Exchange) -> Self {
        let (answer, body) = match exchange.answers.last() {
            Some(answer) => (Ok(answer.status), text_of(&answer.body).unwrap_or_default()),
            None => {
                let ending = ending_text(&exchange.ending);
                let why = match exchange.request() {
                    Some(_) => ending.to_owned(),
                    None => format!("get an answer: the connection {ending}"),
                };
                (Err(why), "")
            }
        };
        let mut made = Vec::new();
        if exchange.role == Role::Arrange && !is_question(&exchange.call) {
            ids_after("instanceId>", "i-", body, &mut made);
            // An id that is a parameter of the call was not created by it; the answer only repeats the id.
            made.retain(|id| !exchange.call.params.iter().any(|(_, value)| value == id));
        }
        let (method, target, headers, sent) = match &exchange.sent {
            SentRecord::Request(request) => (
                request.method.clone(),
                request.target.clone(),
                request.headers.clone(),
                &request.body,
            ),
            SentRecord::Raw(raw) => (
                format!("{} raw bytes:", raw.length),
                String::new(),
                HeaderRecords::default(),
                &raw.bytes,
            ),
        };
        Sent {
            step: exchange.step,
            role: exchange.role,
            call: exchange.call.clone(),
            method,
            target,
            headers,
            body: sent.clone(),
            answer,
            answer_head: head(body, ANSWER_KEPT).to_owned(),
            made,
        }
    }

    /// The calls that make the instance of a case that got it from an earlier one, or launched it with others.
    pub fn arranging(fixture: &FixtureReady) -> impl Iterator<Item = Self> {
        let target = RequestTarget {
            host: String::new(),
            path: "/".to_owned(),
            region: String::new(),
        };
        let calls = fixture.arranged_by.iter().enumerate();
        calls.filter_map(move |(at, call)| {
            let request = protocol::encode(call, &target).ok()?;
            let (record, _) = protocol::capture(&request, Err(String::new()), &[]);
            Some(Sent {
                step: 0,
                role: Role::Arrange,
                call: call.clone(),
                method: record.method,
                target: record.target,
                headers: record.headers,
                body: record.body,
                answer: Ok(200),
                answer_head: String::new(),
                made: match at {
                    0 => vec![fixture.id.clone()],
                    _ => Vec::new(),
                },
            })
        })
    }

    fn succeeded(&self) -> bool {
        matches!(self.answer, Ok(status) if (200..300).contains(&status))
    }

    fn action(&self) -> &str {
        self.call.action.as_deref().unwrap_or_default()
    }
}

/// The bytes as text, if they are UTF-8.
pub(crate) fn text_of(bytes: &Bytes) -> Option<&str> {
    match bytes {
        Bytes::Text(text) => Some(text),
        Bytes::Base64(_) => None,
    }
}

/// The exchange that shows a finding of this step: the last judged call of the step, otherwise its last description or
/// auxiliary call, otherwise the last judged call before it.
pub fn telling(sent: &[Sent], step: usize) -> Option<&Sent> {
    let last = |wanted: &dyn Fn(&Sent) -> bool| sent.iter().rev().find(|sent| wanted(sent));
    last(&|sent| sent.step == step && sent.role == Role::Act)
        .or_else(|| last(&|sent| sent.step == step && matches!(sent.role, Role::Look | Role::Ask)))
        .or_else(|| last(&|sent| sent.step <= step && sent.role == Role::Act))
}

/// The three reproductions of a finding at this step.
pub fn repeat(story: &Story<'_>, step: usize) -> Repeat {
    let plan = Plan::new(story, step);
    Repeat {
        run: run_command(story.run, story.case),
        curl: plan
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|plan| Curl::new(story)?.commands(plan)),
        aws: plan.and_then(|plan| aws_commands(story, &plan)),
    }
}

/// The command that runs one case again.
pub fn run_command(run: &RunStarted, case: &str) -> String {
    if case.starts_with("traffic/") {
        return match run.endpoint.contains("://") {
            true => format!("stopcheck proxy --upstream {}", quote(&run.endpoint)),
            false => format!("stopcheck judge {}", quote(&run.endpoint)),
        };
    }
    let mut out = String::from("stopcheck run");
    if run.endpoint != "reference" && run.server.is_empty() {
        let _ = write!(out, " --endpoint-url {}", quote(&run.endpoint));
    }
    if run.region != DEFAULT_REGION {
        let _ = write!(out, " --region {}", quote(&run.region));
    }
    if run.edition != Default::default() {
        let _ = write!(out, " --edition {}", run.edition.name());
    }
    // Decoys and generated cases depend on the seed.
    if run.seed != DEFAULT_SEED {
        let _ = write!(out, " --seed {}", run.seed);
    }
    for scenarios in &run.scenarios {
        let _ = write!(out, " --scenarios {}", quote(scenarios));
    }
    // A case derived from a script is found and derived again by playing the script.
    let numbered = case.strip_prefix("random/").and_then(|rest| rest.split_once('/'));
    match numbered {
        Some((number, _)) => {
            let _ = write!(
                out,
                " --phase random --case {}",
                quote(&format!("random/{number}"))
            );
        }
        None => {
            // Play only the wire phase, to which the case belongs.
            if case.starts_with(wire::PREFIX) {
                out.push_str(" --phase wire");
            }
            let _ = write!(out, " --case {}", quote(case));
        }
    }
    if !run.server.is_empty() {
        out.push_str(" --");
        for word in &run.server {
            let _ = write!(out, " {}", quote_word(word));
        }
    }
    out
}

/// The default region of a run.
pub const DEFAULT_REGION: &str = "us-east-1";

/// The default seed of a run.
pub const DEFAULT_SEED: u64 = 0;

/// A case as a list of actions, the same for every tool.
struct Plan<'a> {
    names: ShellVariables,
    actions: Vec<PlanAction<'a>>,
    /// Whether an instance may be protected against termination.
    protects: bool,
}

/// One action of a plan.
enum PlanAction<'a> {
    /// Send a call, and store the ids that it creates in variables.
    Send { sent: &'a Sent, answer_use: AnswerUse },
    /// Send calls concurrently, and wait for all of them.
    Overlap(Vec<&'a Sent>),
    /// Wait until an instance is in a state.
    Wait { id: String, state: &'a str },
    /// Wait until an instance is no longer visible.
    WaitGone { id: String },
    /// Wait a fixed time for a change to take effect.
    Pause,
    /// Get the id of the Spot request of an instance.
    AskSpot { request: String, id: String },
}

/// What to do with the answer of a call.
#[derive(Clone, Copy, PartialEq)]
enum AnswerUse {
    /// Store the ids in it, or ignore it.
    Quiet,
    /// Show it with status and headers: it has the finding.
    Shown,
    /// Show the states in it, as evidence that something changed or did not.
    Proof,
}

impl<'a> Plan<'a> {
    fn new(story: &Story<'a>, step: usize) -> Result<Self, String> {
        let is_wire = |(_, intent): &(usize, Intent)| matches!(intent, Intent::Wire(_));
        if story.steps.iter().any(is_wire) {
            return Err("no client sends these bytes; the journal has them".to_owned());
        }
        let is_watched = |(_, intent): &(usize, Intent)| matches!(intent, Intent::Watch { .. });
        if story.steps.iter().any(is_watched) {
            return Err("the call acts on instances of the client that sent it".to_owned());
        }
        let mut names = ShellVariables::default();
        let mut actions = Vec::new();
        let arranging: Vec<&Sent> = story
            .sent
            .iter()
            .filter(|sent| sent.role == Role::Arrange && sent.step <= step)
            .filter(|sent| sent.succeeded() && !is_question(&sent.call))
            .collect();
        for sent in &arranging {
            for id in &sent.made {
                let fixture = story.fixtures.iter().find(|fixture| fixture.id == *id);
                names.add(id, fixture.map(|fixture| fixture.name.as_str()));
            }
        }
        if let Some(lost) = story
            .fixtures
            .iter()
            .find(|fixture| names.of(&fixture.id).is_none())
            && arranging
                .iter()
                .any(|sent| sent.action() == "RequestSpotInstances")
        {
            return Err(format!(
                "the instance {} came by a Spot request that has to be waited for",
                lost.name
            ));
        }
        for fixture in story.fixtures {
            if let Some(request) = &fixture.spot_request
                && names.of(&fixture.id).is_some()
                && story
                    .sent
                    .iter()
                    .any(|sent| sent.step <= step && sent.mentions(request))
            {
                names.add(request, None);
            }
        }

        for (at, sent) in arranging.iter().enumerate() {
            if sent.step == 0 {
                arrange(story, &arranging, at, &names, &mut actions);
            }
        }
        let mut numbers: Vec<usize> = story.steps.iter().map(|(number, _)| *number).collect();
        numbers.extend(story.sent.iter().map(|sent| sent.step));
        numbers.retain(|number| (1..=step).contains(number));
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers {
            for (at, sent) in arranging.iter().enumerate() {
                if sent.step == number {
                    arrange(story, &arranging, at, &names, &mut actions);
                }
            }
            let intent = story
                .steps
                .iter()
                .find(|(known, _)| *known == number)
                .map(|(_, intent)| intent);
            play(story, number, intent, number == step, &mut actions);
        }
        match actions.iter().any(|action| {
            matches!(
                action,
                PlanAction::Send {
                    answer_use: AnswerUse::Shown,
                    ..
                } | PlanAction::Overlap(_)
            )
        }) {
            true => Ok(Plan {
                names,
                actions,
                protects: story.sent.iter().any(Sent::protects),
            }),
            false => Err("no request of the case shows it".to_owned()),
        }
    }
}

/// Adds an arranging call, and the wait for its effect.
fn arrange<'a>(
    story: &Story<'a>,
    arranging: &[&'a Sent],
    at: usize,
    names: &ShellVariables,
    actions: &mut Vec<PlanAction<'a>>,
) {
    let Some(sent) = arranging.get(at).copied() else {
        return;
    };
    actions.push(PlanAction::Send {
        sent,
        answer_use: AnswerUse::Quiet,
    });
    let Some((state, between)) = brings_about(sent.action()) else {
        return;
    };
    let ids: Vec<&String> = match sent.made.is_empty() {
        false => sent.made.iter().collect(),
        true => story
            .fixtures
            .iter()
            .map(|fixture| &fixture.id)
            .filter(|id| sent.mentions(id))
            .collect(),
    };
    for id in ids {
        let fixture = story.fixtures.iter().find(|fixture| fixture.id == *id);
        let wished = fixture.map_or(FixtureKind::default().state, |fixture| fixture.kind.state);
        let last = !arranging
            .iter()
            .skip(at + 1)
            .any(|later| brings_about(later.action()).is_some() && later.mentions(id));
        if !last || wished != between {
            actions.push(PlanAction::Wait {
                id: id.clone(),
                state,
            });
        }
        if last && wished == State::Gone {
            actions.push(PlanAction::WaitGone { id: id.clone() });
        }
        let request = fixture.and_then(|fixture| fixture.spot_request.as_ref());
        if let Some(request) = request
            && names.of(request).is_some()
            && sent.made.contains(id)
        {
            actions.push(PlanAction::AskSpot {
                request: request.clone(),
                id: id.clone(),
            });
        }
    }
}

/// Adds the actions of a step.
fn play<'a>(
    story: &Story<'a>,
    number: usize,
    intent: Option<&'a Intent>,
    last: bool,
    actions: &mut Vec<PlanAction<'a>>,
) {
    let of_step = || story.sent.iter().filter(move |sent| sent.step == number);
    match intent {
        // The state may never have been reached, and waiting for it would not end.
        Some(Intent::Settle { .. }) if last => actions.push(PlanAction::Pause),
        Some(Intent::Settle { ids, state }) => {
            actions.extend(ids.iter().map(|id| PlanAction::Wait {
                id: id.clone(),
                state,
            }));
        }
        Some(Intent::Pass { .. } | Intent::Rest) => actions.push(PlanAction::Pause),
        Some(
            Intent::Call
            | Intent::Overlap
            | Intent::Pages
            | Intent::Observe
            | Intent::Launch { .. }
            | Intent::Wire(_)
            | Intent::Watch { .. },
        )
        | None => {}
    }
    let mut acts: Vec<&Sent> = of_step().filter(|sent| sent.role == Role::Act).collect();
    if matches!(intent, Some(Intent::Pages)) {
        // The tokens of a list cannot be sent again.
        acts.truncate(1);
    }
    if matches!(intent, Some(Intent::Overlap)) && acts.len() > 1 {
        actions.push(PlanAction::Overlap(acts));
        return;
    }
    let count = acts.len();
    for (position, sent) in acts.into_iter().enumerate() {
        let shown = last && position + 1 == count;
        actions.push(PlanAction::Send {
            sent,
            answer_use: if shown { AnswerUse::Shown } else { AnswerUse::Quiet },
        });
    }
    if last && let Some(look) = of_step().rfind(|sent| matches!(sent.role, Role::Look | Role::Ask)) {
        let answer_use = if count == 0 {
            AnswerUse::Shown
        } else {
            AnswerUse::Proof
        };
        actions.push(PlanAction::Send {
            sent: look,
            answer_use,
        });
    } else if last
        && count == 0
        && let Some(act) = telling(story.sent, number)
    {
        // The finding is about the case as a whole: show the last call where it already is in the list.
        if let Some(PlanAction::Send { answer_use, .. }) = actions
            .iter_mut()
            .rev()
            .find(|action| matches!(action, PlanAction::Send { sent, .. } if std::ptr::eq(*sent, act)))
        {
            *answer_use = AnswerUse::Shown;
        }
    }
}

/// The final state that an accepted call of this action leads to, and the transitional one.
fn brings_about(action: &str) -> Option<(&'static str, State)> {
    match action {
        "RunInstances" | "RequestSpotInstances" => Some(("running", State::Pending)),
        "StartInstances" => Some(("running", State::Restarting)),
        "StopInstances" => Some(("stopped", State::Stopping)),
        "TerminateInstances" => Some(("terminated", State::ShuttingDown)),
        _ => None,
    }
}

fn is_question(call: &Call) -> bool {
    let action = call.action.as_deref().unwrap_or_default();
    action.starts_with("Describe") || action.starts_with("Get")
}

impl Sent {
    fn protects(&self) -> bool {
        let mut names = self.call.params.iter().map(|(name, _)| name);
        names.any(|name| name.starts_with("DisableApiTermination"))
            || self
                .call
                .params
                .iter()
                .any(|(_, value)| value == "disableApiTermination")
    }

    fn mentions(&self, id: &str) -> bool {
        self.call.params.iter().any(|(_, value)| value.contains(id))
    }
}

/// The shell variable of each id.
#[derive(Default)]
struct ShellVariables(Vec<(String, String)>);

impl ShellVariables {
    fn add(&mut self, id: &str, wish: Option<&str>) {
        if self.of(id).is_some() {
            return;
        }
        let fit = |name: &&str| {
            name.starts_with(|c: char| c.is_ascii_lowercase())
                && name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
                && !self.0.iter().any(|(_, taken)| taken == name)
        };
        let kind = if id.starts_with("sir-") { "spot" } else { "id" };
        let name = wish
            .filter(fit)
            .map_or_else(|| format!("{kind}_{}", self.0.len() + 1), str::to_owned);
        self.0.push((id.to_owned(), name));
    }

    /// Whether an id is that of a Spot request, and the name of its variable: the Spot requests first.
    fn to_remove(&self) -> impl Iterator<Item = (bool, &str)> {
        let of = |spot: bool| {
            let ids = self
                .0
                .iter()
                .filter(move |(id, _)| id.starts_with("sir-") == spot);
            ids.map(move |(_, name)| (spot, name.as_str()))
        };
        of(true).chain(of(false))
    }

    fn of(&self, id: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == id)
            .map(|(_, name)| name.as_str())
    }

    /// Quotes the text as one `bash` word, with every known id replaced by its variable.
    fn word(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let next = self
                .0
                .iter()
                .flat_map(|(id, name)| {
                    let plain = rest
                        .find(id.as_str())
                        .map(|at| (at, id.len(), format!("\"${name}\"")));
                    let every_byte = percent(id);
                    // Some cases exist to test `Encoding::EveryByte`, so the variable is encoded that way, too.
                    let encoded = rest
                        .find(&every_byte)
                        .map(|at| (at, every_byte.len(), encoding(name)));
                    plain.into_iter().chain(encoded)
                })
                .min_by_key(|(at, length, _)| (*at, usize::MAX - length));
            let Some((at, length, variable)) = next else { break };
            let (before, after) = rest.split_at(at);
            if !before.is_empty() {
                out.push_str(&quoted(before));
            }
            out.push_str(&variable);
            rest = after.get(length..).unwrap_or_default();
        }
        match (out.is_empty(), rest.is_empty()) {
            (true, _) => quote(text),
            (false, true) => out,
            (false, false) => out + &quoted(rest),
        }
    }
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "%{byte:02X}");
        out
    })
}

/// The value of a variable with every byte percent-encoded.
fn encoding(name: &str) -> String {
    format!("\"$(printf %s \"${name}\" | od -An -v -tx1 | tr -d '\\n' | tr ' a-f' '%A-F')\"")
}

/// Collects the ids with this prefix that directly follow a tag, each once.
fn ids_after(tag: &str, prefix: &str, text: &str, out: &mut Vec<String>) {
    for part in text.split(tag).skip(1) {
        if !part.starts_with(prefix) {
            continue;
        }
        let id: String = part
            .chars()
            .take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')
            .collect();
        if id.len() > prefix.len() && id.len() <= 40 && !out.contains(&id) {
            out.push(id);
        }
    }
}

/// Cuts the text to at most this many bytes, at a character boundary.
fn head(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Stops the line if a variable is empty: without an instance, waiting would never end.
fn present(name: &str) -> String {
    format!(": \"${{{name}:?has no value}}\"")
}

/// The shell pipeline that picks the nth match of a pattern `tag>id`.
fn first_of(pattern: &str, nth: usize) -> String {
    let pick = if nth == 1 {
        "head -n1".to_owned()
    } else {
        format!("sed -n {nth}p")
    };
    format!("grep -o '{pattern}' | {pick} | cut -d'>' -f2")
}

#[cfg(test)]
mod tests;
