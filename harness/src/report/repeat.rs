//! How to see a finding again: as a run of one case, as one `bash` line of `curl`, as a line of `aws` commands.
//!
//! Pure: a case's fixtures, steps and exchanges come in, text to paste goes out. The lines arrange what the case
//! arranged, so they work on a fresh endpoint; ids travel in shell variables. For the reproduction of a dry run:
//!
//! ```text
//! a=$(curl -sS … --data-raw 'Action=RunInstances&…' http://127.0.0.1:5000/ | grep -o 'instanceId>i-[0-9a-f]\{8,17\}' | head -n1 | cut -d'>' -f2); : "${a:?has no value}";
//! until curl -s … --data-raw 'Action=DescribeInstances&…&InstanceId.1='"$a"'' … | grep -q '<name>running</name>'; do sleep 1; done;
//! curl -i -sS … --data-raw 'Action=StopInstances&…&InstanceId.1='"$a"'&DryRun=true' http://127.0.0.1:5000/
//! ```
//!
//! All of it is one line. Whatever came from an endpoint or a request is quoted: no text leaves its quotes. What a
//! tool cannot say (a wrong signature, an empty list of ids) is not said almost; the reason is given instead.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::call::{API_VERSION, Auth, Call, Form};
use crate::contract::{FixtureKind, State};
use crate::journal::{Answer, Bytes, Exchanged, FixtureReady, Intent, Role, RunStarted};

/// A line beyond this is of no use in a shell.
const LONGEST_LINE: usize = 100_000;

/// How much of an answer is kept for display, in bytes.
const ANSWER_KEPT: usize = 1200;

/// Three ways to see a finding again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// The command of stopcheck.
    pub run: String,
    /// One line for `bash` with `curl`, or why there is none.
    pub curl: Result<String, String>,
    /// One line for `bash` with the `aws` command, or why there is none.
    pub aws: Result<String, String>,
}

/// What a reproduction needs of a case.
#[derive(Debug, Clone, Copy)]
pub struct Story<'a> {
    /// The head of the run.
    pub run: &'a RunStarted,
    /// The name of the case.
    pub case: &'a str,
    /// Its instances.
    pub fixtures: &'a [FixtureReady],
    /// What its steps were meant to do, by number.
    pub steps: &'a [(usize, Intent)],
    /// Its exchanges, in order.
    pub sent: &'a [Sent],
}

/// What a reproduction needs of an exchange.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// The step.
    pub step: usize,
    /// Why it was sent.
    pub role: Role,
    /// What was meant.
    pub call: Call,
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// The status, or what failed.
    pub answer: Result<u16, String>,
    /// The beginning of the answer's body, empty if it is not UTF-8.
    pub answer_head: String,
    /// The instance ids in the answer of an arranging call, in order.
    pub made: Vec<String>,
}

impl Sent {
    /// Keeps of an exchange what a reproduction and a report need.
    pub fn of(exchange: &Exchanged) -> Self {
        let (answer, body) = match &exchange.answer {
            Answer::Response { status, body, .. } => (Ok(*status), text_of(body).unwrap_or_default()),
            Answer::Failed { why } => (Err(why.clone()), ""),
        };
        let mut made = Vec::new();
        if exchange.role == Role::Arrange && !is_question(&exchange.call) {
            ids_after("instanceId>", "i-", body, &mut made);
        }
        Sent {
            step: exchange.step,
            role: exchange.role,
            call: exchange.call.clone(),
            method: exchange.request.method.clone(),
            target: exchange.request.target.clone(),
            headers: exchange.request.headers.0.clone(),
            body: exchange.request.body.clone(),
            answer,
            answer_head: head(body, ANSWER_KEPT).to_owned(),
            made,
        }
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

/// The exchange that shows a finding of this step: its last judged call, or else what it last asked.
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
            .and_then(|plan| Curl::new(story)?.line(plan)),
        aws: plan.and_then(|plan| aws_line(story, &plan)),
    }
}

/// The command that plays one case again.
pub fn run_command(run: &RunStarted, case: &str) -> String {
    let mut out = String::from("stopcheck run");
    if run.endpoint != "reference" {
        let _ = write!(out, " --endpoint-url {}", quote(&run.endpoint));
    }
    if run.region != DEFAULT_REGION {
        let _ = write!(out, " --region {}", quote(&run.region));
    }
    if run.edition != Default::default() {
        let _ = write!(out, " --edition {}", run.edition.name());
    }
    // Decoys and generated cases follow from the seed.
    if run.seed != DEFAULT_SEED {
        let _ = write!(out, " --seed {}", run.seed);
    }
    let _ = write!(out, " --case {}", quote(case));
    out
}

/// The region of a run that was told none.
pub const DEFAULT_REGION: &str = "us-east-1";

/// The seed of a run that was told none.
pub const DEFAULT_SEED: u64 = 0;

/// The text as one word of `bash`, bare where that is safe. A NUL cannot be in a word and is left out.
pub fn quote(text: &str) -> String {
    let bare = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@' | '%' | '+' | ',')
    };
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(bare) {
        return text.to_owned();
    }
    quoted(text)
}

/// The text as one quoted word. Characters that act on a terminal are written as escapes, so that the line can be
/// shown and pasted without harm.
fn quoted(text: &str) -> String {
    if !text.chars().any(super::text::is_treacherous) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let mut out = String::from("$'");
    for c in text.chars() {
        match c {
            '\0' => {}
            '\'' => out.push_str(r"\'"),
            '\\' => out.push_str(r"\\"),
            '\n' => out.push_str(r"\n"),
            c if super::text::is_treacherous(c) => {
                let mut utf8 = [0; 4];
                for byte in c.encode_utf8(&mut utf8).bytes() {
                    let _ = write!(out, "\\x{byte:02x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// A case as a list of things to do, the same for every tool.
struct Plan<'a> {
    names: Names,
    doings: Vec<Doing<'a>>,
}

/// One thing to do.
enum Doing<'a> {
    /// Send a call, and take the ids that its answer makes into variables.
    Send { sent: &'a Sent, how: How },
    /// Send calls at once, and wait for all.
    Together(Vec<&'a Sent>),
    /// Wait until an instance is in a state.
    Wait { id: String, state: &'a str },
    /// Wait until an instance can no longer be seen.
    WaitGone { id: String },
    /// Give a change some time.
    Pause,
    /// Learn the Spot request of an instance.
    AskSpot { request: String, id: String },
}

/// What is done with the answer of a call.
#[derive(Clone, Copy, PartialEq)]
enum How {
    /// Its ids are taken, or it is ignored.
    Quiet,
    /// It is shown with status and headers: the finding is in it.
    Shown,
    /// The states in it are shown: the proof that something changed, or did not.
    Proof,
}

impl<'a> Plan<'a> {
    fn new(story: &Story<'a>, step: usize) -> Result<Self, String> {
        let mut names = Names::default();
        let mut doings = Vec::new();
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
                arrange(story, &arranging, at, &names, &mut doings);
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
                    arrange(story, &arranging, at, &names, &mut doings);
                }
            }
            let intent = story
                .steps
                .iter()
                .find(|(known, _)| *known == number)
                .map(|(_, intent)| intent);
            play(story, number, intent, number == step, &mut doings);
        }
        match doings
            .iter()
            .any(|doing| matches!(doing, Doing::Send { how: How::Shown, .. } | Doing::Together(_)))
        {
            true => Ok(Plan { names, doings }),
            false => Err("no request of the case shows it".to_owned()),
        }
    }
}

/// Adds an arranging call, and the wait that makes its effect certain.
fn arrange<'a>(
    story: &Story<'a>,
    arranging: &[&'a Sent],
    at: usize,
    names: &Names,
    doings: &mut Vec<Doing<'a>>,
) {
    let Some(sent) = arranging.get(at).copied() else {
        return;
    };
    doings.push(Doing::Send {
        sent,
        how: How::Quiet,
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
            doings.push(Doing::Wait {
                id: id.clone(),
                state,
            });
        }
        if last && wished == State::Gone {
            doings.push(Doing::WaitGone { id: id.clone() });
        }
        let request = fixture.and_then(|fixture| fixture.spot_request.as_ref());
        if let Some(request) = request
            && names.of(request).is_some()
            && sent.made.contains(id)
        {
            doings.push(Doing::AskSpot {
                request: request.clone(),
                id: id.clone(),
            });
        }
    }
}

/// Adds what a step did.
fn play<'a>(
    story: &Story<'a>,
    number: usize,
    intent: Option<&'a Intent>,
    last: bool,
    doings: &mut Vec<Doing<'a>>,
) {
    let of_step = || story.sent.iter().filter(move |sent| sent.step == number);
    match intent {
        // Waiting for what did not happen would never end.
        Some(Intent::Settle { .. }) if last => doings.push(Doing::Pause),
        Some(Intent::Settle { ids, state }) => {
            doings.extend(ids.iter().map(|id| Doing::Wait {
                id: id.clone(),
                state,
            }));
        }
        Some(Intent::Call | Intent::Together | Intent::Observe) | None => {}
    }
    let acts: Vec<&Sent> = of_step().filter(|sent| sent.role == Role::Act).collect();
    if matches!(intent, Some(Intent::Together)) && acts.len() > 1 {
        doings.push(Doing::Together(acts));
        return;
    }
    let count = acts.len();
    for (position, sent) in acts.into_iter().enumerate() {
        let shown = last && position + 1 == count;
        doings.push(Doing::Send {
            sent,
            how: if shown { How::Shown } else { How::Quiet },
        });
    }
    if last && let Some(look) = of_step().rfind(|sent| matches!(sent.role, Role::Look | Role::Ask)) {
        let how = if count == 0 { How::Shown } else { How::Proof };
        doings.push(Doing::Send { sent: look, how });
    } else if last
        && count == 0
        && let Some(act) = telling(story.sent, number)
    {
        // The finding is about the case as a whole: the last call is shown in its own place.
        if let Some(Doing::Send { how, .. }) = doings
            .iter_mut()
            .rev()
            .find(|doing| matches!(doing, Doing::Send { sent, .. } if std::ptr::eq(*sent, act)))
        {
            *how = How::Shown;
        }
    }
}

/// The state that an accepted call of this action leads to, and the one in between.
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
    fn mentions(&self, id: &str) -> bool {
        self.call.params.iter().any(|(_, value)| value.contains(id))
    }
}

/// Which shell variable holds which id.
#[derive(Default)]
struct Names(Vec<(String, String)>);

impl Names {
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

    fn of(&self, id: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == id)
            .map(|(_, name)| name.as_str())
    }

    /// The text as one word of `bash` in which every known id is taken from its variable.
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
                    // `Encoding::EveryByte` is the point of some cases, so the variable is encoded likewise.
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

/// A variable with every byte percent-encoded.
fn encoding(name: &str) -> String {
    format!("\"$(printf %s \"${name}\" | od -An -v -tx1 | tr -d '\\n' | tr ' a-f' '%A-F')\"")
}

/// Collects the ids with this beginning that directly follow a tag, each once.
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

/// At most this many bytes of the text, cut at a character.
fn head(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The writer of `curl` lines.
struct Curl<'a> {
    origin: &'a str,
    region: &'a str,
    path: &'a str,
}

impl<'a> Curl<'a> {
    fn new(story: &Story<'a>) -> Result<Self, String> {
        let endpoint = story.run.endpoint.as_str();
        if endpoint == "reference" {
            return Err("the embedded reference has no address; `stopcheck serve` gives it one".to_owned());
        }
        let Some((scheme, rest)) = endpoint.split_once("://") else {
            return Err(format!("the endpoint {} is no URL", quote(endpoint)));
        };
        let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let origin = endpoint.get(..scheme.len() + 3 + authority).unwrap_or(endpoint);
        let target = story
            .sent
            .iter()
            .find(|sent| sent.role == Role::Arrange || sent.role == Role::Look);
        let path = target.map_or("/", |sent| sent.target.split('?').next().unwrap_or("/"));
        Ok(Curl {
            origin,
            region: &story.run.region,
            path,
        })
    }

    fn line(&self, plan: &Plan<'_>) -> Result<String, String> {
        let names = &plan.names;
        let mut parts = Vec::new();
        for doing in &plan.doings {
            parts.push(match doing {
                Doing::Send {
                    sent,
                    how: How::Quiet,
                } => self.taking(sent, names)?,
                Doing::Send {
                    sent,
                    how: How::Shown,
                } => self.call(sent, names, "curl -i -sS")?,
                Doing::Send {
                    sent,
                    how: How::Proof,
                } => {
                    format!(
                        "echo; {} | grep -o '<name>[^<]*</name>'",
                        self.call(sent, names, "curl -sS")?
                    )
                }
                Doing::Together(sent) => {
                    let calls: Result<Vec<_>, _> = sent
                        .iter()
                        .map(|sent| self.call(sent, names, "curl -i -sS"))
                        .collect();
                    format!("{} & wait", calls?.join(" & "))
                }
                Doing::Wait { id, state } => format!(
                    "until {} | grep -q {}; do sleep 1; done",
                    self.describe(id, names),
                    quoted(&format!("<name>{state}</name>"))
                ),
                Doing::WaitGone { id } => {
                    format!(
                        "while {} | grep -q 'instanceId>'; do sleep 5; done",
                        self.describe(id, names)
                    )
                }
                Doing::Pause => "sleep 10".to_owned(),
                Doing::AskSpot { request, id } => format!(
                    "{}=$({} | {})",
                    names.of(request).unwrap_or("spot"),
                    self.describe(id, names),
                    first_of("potInstanceRequestId>sir-[0-9a-z]\\{1,20\\}", 1)
                ),
            });
        }
        bounded(parts.join("; "))
    }

    /// A call whose answer is not shown: the ids in it are taken into their variables.
    fn taking(&self, sent: &Sent, names: &Names) -> Result<String, String> {
        if sent.made.is_empty() || sent.role != Role::Arrange {
            return self.call(sent, names, "curl -sS -o /dev/null");
        }
        let call = self.call(sent, names, "curl -sS")?;
        let instance = |nth| first_of("instanceId>i-[0-9a-f]\\{8,17\\}", nth);
        let variable = |id: &String| names.of(id).unwrap_or("id").to_owned();
        if let [id] = sent.made.as_slice() {
            let name = variable(id);
            return Ok(format!("{name}=$({call} | {}); {}", instance(1), present(&name)));
        }
        let takes: Vec<String> = sent
            .made
            .iter()
            .enumerate()
            .map(|(at, id)| {
                let name = variable(id);
                let take = instance(at + 1);
                format!("{name}=$(printf %s \"$answer\" | {take}); {}", present(&name))
            })
            .collect();
        Ok(format!("answer=$({call}); {}", takes.join("; ")))
    }

    /// One call exactly as it was sent, with ids from variables.
    fn call(&self, sent: &Sent, names: &Names, curl: &str) -> Result<String, String> {
        let mut out = String::from(curl);
        match sent.call.form.auth {
            Auth::Header => out.push_str(&self.signing()),
            Auth::Unsigned => {}
            Auth::Query => return Err("signed in the query string, which curl does not do".to_owned()),
            Auth::Session => return Err("signed with temporary credentials of its own".to_owned()),
            Auth::ExpiredSession => return Err("signed with credentials that have expired".to_owned()),
            Auth::WrongSignature => return Err("the signature is wrong on purpose".to_owned()),
            Auth::UnknownKey => return Err("signed with a key that nobody issued".to_owned()),
            Auth::Stale => return Err("signed with an old time, which curl does not do".to_owned()),
            Auth::Garbage => return Err("the Authorization header is no signature on purpose".to_owned()),
            Auth::Denied => return Err("signed by a caller with fewer rights".to_owned()),
        }
        let Some(body) = text_of(&sent.body).filter(|body| !body.contains('\0')) else {
            return Err("the body is not text that a shell can hold".to_owned());
        };
        let posts = sent.method == "POST" || (sent.method != "GET" && !body.is_empty());
        match sent.method.as_str() {
            "GET" if !body.is_empty() => return Err("a GET with a body".to_owned()),
            "GET" | "POST" => {}
            "HEAD" => out.push_str(" --head"),
            other => {
                let _ = write!(out, " -X {}", quote(other));
            }
        }
        out.push_str(&content_type(sent, posts)?);
        if posts {
            let _ = write!(out, " --data-raw {}", names.word(&without_token(sent, body)));
        } else if sent.target.contains(['[', ']', '{', '}']) {
            out.push_str(" -g");
        }
        let _ = write!(out, " {}", names.word(&format!("{}{}", self.origin, sent.target)));
        Ok(out)
    }

    fn signing(&self) -> String {
        format!(
            " --aws-sigv4 {} --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" \
             ${{AWS_SESSION_TOKEN:+-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"}}",
            double_quoted(&format!("aws:amz:{}:ec2", self.region))
        )
    }

    fn describe(&self, id: &str, names: &Names) -> String {
        format!(
            "curl -s{} --data-raw {} {}",
            self.signing(),
            names.word(&format!(
                "Action=DescribeInstances&Version={API_VERSION}&InstanceId.1={id}"
            )),
            quote(&format!("{}{}", self.origin, self.path)),
        )
    }
}

/// Ends the line if a variable is empty: without an instance, waiting would never end.
fn present(name: &str) -> String {
    format!(": \"${{{name}:?has no value}}\"")
}

/// The pipe that picks the nth match of a pattern `tag>id`.
fn first_of(pattern: &str, nth: usize) -> String {
    let pick = if nth == 1 {
        "head -n1".to_owned()
    } else {
        format!("sed -n {nth}p")
    };
    format!("grep -o '{pattern}' | {pick} | cut -d'>' -f2")
}

/// The header options that make a request the one that was sent, or why curl cannot send it.
fn content_type(sent: &Sent, posts: bool) -> Result<String, String> {
    // What curl sends with `--data-raw` when it is told nothing.
    const OF_CURL: &str = "application/x-www-form-urlencoded";
    let mut out = String::new();
    let mut told = None;
    for (name, value) in &sent.headers {
        match name.to_ascii_lowercase().as_str() {
            "content-type" => told = Some(value.as_str()),
            "host"
            | "content-length"
            | "authorization"
            | "user-agent"
            | "accept"
            | "accept-encoding"
            | "connection"
            | "x-amz-date"
            | "x-amz-content-sha256"
            | "x-amz-security-token" => {}
            "transfer-encoding" | "expect" => {
                return Err(format!("framed with {name}, which curl decides itself"));
            }
            _ if value.contains('\0') || name.contains('\0') => {
                return Err("a header that a shell cannot hold".to_owned());
            }
            _ => {
                let _ = write!(out, " -H {}", quoted(&format!("{name}: {value}")));
            }
        }
    }
    match told {
        None if posts => out.push_str(" -H 'content-type:'"),
        Some(told) if told == OF_CURL && posts => {}
        // The media type of an arranging or asking call is not the point.
        Some(_) if sent.role != Role::Act && posts => {}
        Some(told) => {
            let _ = write!(out, " -H {}", quoted(&format!("content-type: {told}")));
        }
        None => {}
    }
    Ok(out)
}

/// The body without `ClientToken` where it only arranges: with the token, a second paste would get the first
/// instance again instead of a new one.
fn without_token(sent: &Sent, body: &str) -> String {
    if sent.role != Role::Arrange {
        return body.to_owned();
    }
    let kept: Vec<&str> = body
        .split('&')
        .filter(|pair| !pair.starts_with("ClientToken="))
        .collect();
    kept.join("&")
}

fn double_quoted(text: &str) -> String {
    let safe = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '_' | '.'));
    if safe { format!("\"{text}\"") } else { quoted(text) }
}

fn bounded(line: String) -> Result<String, String> {
    if line.len() > LONGEST_LINE {
        return Err("the request is too long for a command line".to_owned());
    }
    Ok(line)
}

/// The case as one line of `aws` commands, if the `aws` command can say all of it.
fn aws_line(story: &Story<'_>, plan: &Plan<'_>) -> Result<String, String> {
    if story.run.endpoint == "reference" {
        return Err("the embedded reference has no address; `stopcheck serve` gives it one".to_owned());
    }
    let names = &plan.names;
    let with = format!(
        " --endpoint-url {} --region {}",
        quote(&story.run.endpoint),
        quote(&story.run.region)
    );
    let wait =
        |waiter: &str, id: &str| format!("aws ec2 wait {waiter} --instance-ids {}{with}", names.word(id));
    let mut parts = Vec::new();
    for doing in &plan.doings {
        parts.push(match doing {
            Doing::Send { sent, how: How::Quiet } if !sent.made.is_empty() && sent.role == Role::Arrange => {
                let call = aws_call(sent, names, &with)?;
                let [id] = sent.made.as_slice() else {
                    return Err("one call made several things".to_owned());
                };
                let name = names.of(id).unwrap_or("id").to_owned();
                format!("{name}=$({call} --query 'Instances[0].InstanceId' --output text); {}", present(&name))
            }
            Doing::Send { sent, how: How::Quiet } => format!("{} >/dev/null", aws_call(sent, names, &with)?),
            Doing::Send { sent, how: How::Shown } => aws_call(sent, names, &with)?,
            Doing::Send { sent, how: How::Proof } => {
                let call = aws_call(sent, names, &with)?;
                match sent.action() {
                    "DescribeInstances" => {
                        format!("{call} --query 'Reservations[].Instances[].[InstanceId,State.Name]' --output text")
                    }
                    _ => call,
                }
            }
            Doing::Together(sent) => {
                let calls: Result<Vec<_>, _> = sent.iter().map(|sent| aws_call(sent, names, &with)).collect();
                format!("{} & wait", calls?.join(" & "))
            }
            Doing::Wait { id, state } => match *state {
                "running" => wait("instance-running", id),
                "stopped" => wait("instance-stopped", id),
                "terminated" => wait("instance-terminated", id),
                other => return Err(format!("aws has no waiter for {other}")),
            },
            Doing::Pause => "sleep 10".to_owned(),
            Doing::WaitGone { .. } => return Err("aws has no waiter for a purged instance".to_owned()),
            Doing::AskSpot { request, id } => format!(
                "{}=$(aws ec2 describe-instances --instance-ids {}{with} \
                 --query 'Reservations[0].Instances[0].SpotInstanceRequestId' --output text)",
                names.of(request).unwrap_or("spot"),
                names.word(id)
            ),
        });
    }
    bounded(parts.join("; "))
}

/// One call as an `aws` command.
fn aws_call(sent: &Sent, names: &Names, with: &str) -> Result<String, String> {
    let plain = Form::default();
    let form = &sent.call.form;
    let arranging = sent.role != Role::Act;
    if !arranging && *form != plain {
        return Err("the call does not travel the way aws sends it".to_owned());
    }
    let mut params = Params::new(sent)?;
    let (command, options) = match sent.action() {
        "StopInstances" => {
            let ids = params.list("InstanceId", "--instance-ids", names)?;
            let mut out = ids;
            for (name, on, off) in [
                ("Force", "--force", "--no-force"),
                ("Hibernate", "--hibernate", "--no-hibernate"),
                ("SkipOsShutdown", "--skip-os-shutdown", "--no-skip-os-shutdown"),
                ("DryRun", "--dry-run", "--no-dry-run"),
            ] {
                out.push_str(&params.flag(name, on, off)?);
            }
            ("stop-instances", out)
        }
        "StartInstances" => ("start-instances", params.ids_and_dry_run(names)?),
        "RebootInstances" => ("reboot-instances", params.ids_and_dry_run(names)?),
        "TerminateInstances" => ("terminate-instances", params.ids_and_dry_run(names)?),
        "DescribeInstances" => {
            let ids = params
                .list("InstanceId", "--instance-ids", names)
                .unwrap_or_default();
            (
                "describe-instances",
                ids + &params.flag("DryRun", "--dry-run", "--no-dry-run")?,
            )
        }
        "CancelSpotInstanceRequests" => (
            "cancel-spot-instance-requests",
            params.list("SpotInstanceRequestId", "--spot-instance-request-ids", names)?,
        ),
        "ModifyInstanceAttribute" => ("modify-instance-attribute", modify(&mut params, names)?),
        "RunInstances" => ("run-instances", launch(&mut params, names)?),
        "" => return Err("a call without an action".to_owned()),
        other => return Err(format!("the call of {} is not known to this line", quote(other))),
    };
    params.finish()?;
    Ok(format!("aws ec2 {command}{options}{with}"))
}

fn modify(params: &mut Params<'_>, names: &Names) -> Result<String, String> {
    let mut out = format!(
        " --instance-id {}",
        params.scalar("InstanceId", names)?.ok_or("no instance id")?
    );
    out.push_str(&params.flag(
        "DisableApiStop.Value",
        "--disable-api-stop",
        "--no-disable-api-stop",
    )?);
    out.push_str(&params.flag(
        "DisableApiTermination.Value",
        "--disable-api-termination",
        "--no-disable-api-termination",
    )?);
    for (name, option) in [("Attribute", "--attribute"), ("Value", "--value")] {
        if let Some(value) = params.scalar(name, names)? {
            let _ = write!(out, " {option} {value}");
        }
    }
    Ok(out)
}

fn launch(params: &mut Params<'_>, names: &Names) -> Result<String, String> {
    let mut out = String::new();
    let (least, most) = (
        params.scalar("MinCount", names)?,
        params.scalar("MaxCount", names)?,
    );
    if let (Some(least), Some(most)) = (least, most) {
        let _ = match least == most {
            true => write!(out, " --count {least}"),
            false => write!(out, " --count {least}:{most}"),
        };
    }
    for (name, option) in [
        ("ImageId", "--image-id"),
        ("InstanceType", "--instance-type"),
        ("SubnetId", "--subnet-id"),
        (
            "InstanceInitiatedShutdownBehavior",
            "--instance-initiated-shutdown-behavior",
        ),
    ] {
        if let Some(value) = params.scalar(name, names)? {
            let _ = write!(out, " {option} {value}");
        }
    }
    out.push_str(&params.flag("DisableApiStop", "--disable-api-stop", "--no-disable-api-stop")?);
    out.push_str(&params.flag(
        "DisableApiTermination",
        "--disable-api-termination",
        "--no-disable-api-termination",
    )?);
    for (prefix, option) in [
        ("HibernationOptions", "--hibernation-options"),
        ("InstanceMarketOptions", "--instance-market-options"),
    ] {
        let tree = params.tree(&format!("{prefix}."));
        if !tree.is_empty() {
            let _ = write!(out, " {option} {}", quoted(&Value::Object(tree).to_string()));
        }
    }
    let mut volumes = Vec::new();
    for number in 1..=16 {
        let tree = params.tree(&format!("BlockDeviceMapping.{number}."));
        if !tree.is_empty() {
            volumes.push(Value::Object(tree));
        }
    }
    if !volumes.is_empty() {
        let _ = write!(
            out,
            " --block-device-mappings {}",
            quoted(&Value::Array(volumes).to_string())
        );
    }
    // Tags serve our own clean-up; tokens would make a second paste return the first instance.
    params
        .left
        .retain(|(name, _)| !name.starts_with("TagSpecification.") && *name != "ClientToken");
    Ok(out)
}

/// The parameters of a call that no option has expressed yet.
struct Params<'a> {
    left: Vec<(&'a str, &'a str)>,
}

impl<'a> Params<'a> {
    fn new(sent: &'a Sent) -> Result<Self, String> {
        let left: Vec<(&str, &str)> = sent
            .call
            .params
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        for (at, (name, value)) in left.iter().enumerate() {
            if left.iter().skip(at + 1).any(|(other, _)| other == name) {
                return Err(format!("aws sends the parameter {} once only", quote(name)));
            }
            // The command reads such values as something else than text.
            let special = ["-", "[", "{", "file://", "fileb://", "http://", "https://"];
            if value.contains('\0') || special.iter().any(|start| value.starts_with(start)) {
                return Err(format!("aws would not send the value {} as it is", quote(value)));
            }
        }
        Ok(Params { left })
    }

    fn take(&mut self, name: &str) -> Option<&'a str> {
        let at = self.left.iter().position(|(known, _)| *known == name)?;
        Some(self.left.remove(at).1)
    }

    fn scalar(&mut self, name: &str, names: &Names) -> Result<Option<String>, String> {
        Ok(self.take(name).map(|value| names.word(value)))
    }

    /// A list that is written `Name.1`, `Name.2`, … in order. An empty one is refused: `aws` asks for at least one.
    fn list(&mut self, name: &str, option: &str, names: &Names) -> Result<String, String> {
        let mut out = String::new();
        let in_order: Vec<&str> = self
            .left
            .iter()
            .filter(|(known, _)| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
            .map(|(known, _)| *known)
            .collect();
        for (at, known) in in_order.iter().enumerate() {
            if *known != format!("{name}.{}", at + 1) {
                return Err(format!("aws numbers {name} itself: 1, 2, 3"));
            }
            let value = self.take(known).unwrap_or_default();
            let _ = write!(out, " {}", names.word(value));
        }
        if out.is_empty() {
            return Err(format!("aws does not send a call without {name}"));
        }
        Ok(format!(" {option}{out}"))
    }

    fn flag(&mut self, name: &str, on: &str, off: &str) -> Result<String, String> {
        match self.take(name) {
            None => Ok(String::new()),
            Some("true") => Ok(format!(" {on}")),
            Some("false") => Ok(format!(" {off}")),
            Some(_) => Err(format!("aws sends only true and false for {name}")),
        }
    }

    fn ids_and_dry_run(&mut self, names: &Names) -> Result<String, String> {
        let ids = self.list("InstanceId", "--instance-ids", names)?;
        Ok(ids + &self.flag("DryRun", "--dry-run", "--no-dry-run")?)
    }

    /// Everything under a prefix as the structure that `aws` reads as JSON.
    fn tree(&mut self, prefix: &str) -> Map<String, Value> {
        let mut root = Map::new();
        self.left.retain(|(name, value)| {
            let Some(path) = name.strip_prefix(prefix) else {
                return true;
            };
            let mut at = &mut root;
            let mut parts = path.split('.').peekable();
            while let Some(part) = parts.next() {
                if parts.peek().is_none() {
                    at.insert(part.to_owned(), typed(part, value));
                    return false;
                }
                let child = at.entry(part).or_insert_with(|| Value::Object(Map::new()));
                match child {
                    Value::Object(map) => at = map,
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                        return true;
                    }
                }
            }
            true
        });
        root
    }

    fn finish(self) -> Result<(), String> {
        match self.left.first() {
            None => Ok(()),
            Some((name, _)) => Err(format!("aws has no option for the parameter {}", quote(name))),
        }
    }
}

/// A value as the type that `aws` asks for.
fn typed(name: &str, value: &str) -> Value {
    match (name, value) {
        (_, "true") => Value::Bool(true),
        (_, "false") => Value::Bool(false),
        ("VolumeSize" | "Iops" | "Throughput", number) => {
            number.parse::<u64>().map_or_else(|_| value.into(), Value::from)
        }
        _ => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::call::Method;
    use crate::report::sample::{self, A, B};

    fn story<'a>(
        run: &'a RunStarted,
        fixtures: &'a [FixtureReady],
        steps: &'a [(usize, Intent)],
        sent: &'a [Sent],
    ) -> Story<'a> {
        Story {
            run,
            case: "dry-run/valid",
            fixtures,
            steps,
            sent,
        }
    }

    fn bash(script: &str) -> String {
        let output = Command::new("bash")
            .args(["-c", script])
            .output()
            .expect("bash is there");
        assert!(
            output.status.success(),
            "{script}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("the tests print text")
    }

    /// Plays a line with a `curl` that prints its arguments and answers with fresh ids.
    fn played(line: &str) -> String {
        let fake = r#"
            curl() {
                printf '%s\n' "curl:" "${@:2}" | grep -v -e '^-[osH]' >>"$log"
                echo '<r><x>ami-0123456789abcdef0</x><instanceId>i-0fresh</instanceId>'
                echo '<instanceId>i-00000000000000001</instanceId><instanceId>i-00000000000000002</instanceId>'
                echo '<spotInstanceRequestId>sir-abcd1234</spotInstanceRequestId>'
                echo '<name>running</name><name>stopped</name></r>'
            }
            sleep() { :; }
            AWS_ACCESS_KEY_ID=key AWS_SECRET_ACCESS_KEY=secret
            log=$(mktemp)
        "#;
        bash(&format!(
            "{fake}\n{{ {line}; }} >/dev/null\ncat \"$log\"; rm \"$log\""
        ))
    }

    #[test]
    fn a_quoted_text_is_one_word_that_means_itself() {
        for text in [
            "plain",
            "",
            "it's",
            "'; touch /tmp/owned; echo '",
            "$(id) `id` ${HOME} \\ \" ! * ~ #",
            "-n",
            "line\nbreak\tand \x1b[31m escape ' \\",
            "right\u{202e}to left",
            "ü 日本",
        ] {
            assert_eq!(bash(&format!("printf %s {}", quote(text))), text);
            assert_eq!(bash(&format!("printf %s {}", quoted(text))), text);
        }
        assert!(!quote("a\x1b[31m").contains('\x1b'));
        assert!(!quote("a\nb").contains('\n'), "a line to paste is one line");
    }

    #[test]
    fn the_command_names_what_is_not_default() {
        let mut run = sample::run();
        assert_eq!(
            run_command(&run, "dry-run/valid"),
            "stopcheck run --endpoint-url http://127.0.0.1:5000 --case dry-run/valid"
        );
        run.endpoint = "reference".into();
        run.region = "eu-west-1".into();
        run.edition = crate::contract::Edition::October2017;
        run.seed = 7;
        assert_eq!(
            run_command(&run, "odd 'name'"),
            r"stopcheck run --region eu-west-1 --edition 2017-10 --seed 7 --case 'odd '\''name'\'''"
        );
    }

    #[test]
    fn a_dry_run_is_repeated_from_launch_to_proof() {
        let run = sample::run();
        let (fixtures, steps, sent) = sample::dry_run_story();
        let repeat = repeat(&story(&run, &fixtures, &steps, &sent), 1);
        let curl = repeat.curl.expect("curl can say it");
        insta::assert_snapshot!(curl.replace("; ", ";\n"), @r#"
        a=$(curl -sS --aws-sigv4 "aws:amz:us-east-1:ec2" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" ${AWS_SESSION_TOKEN:+-H "x-amz-security-token: $AWS_SESSION_TOKEN"} --data-raw 'Action=RunInstances&Version=2016-11-15&ImageId=ami-12345678&InstanceType=t3.micro&MinCount=1&MaxCount=1&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=stopcheck&TagSpecification.1.Tag.1.Value=run' http://127.0.0.1:5000/ | grep -o 'instanceId>i-[0-9a-f]\{8,17\}' | head -n1 | cut -d'>' -f2);
        : "${a:?has no value}";
        until curl -s --aws-sigv4 "aws:amz:us-east-1:ec2" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" ${AWS_SESSION_TOKEN:+-H "x-amz-security-token: $AWS_SESSION_TOKEN"} --data-raw 'Action=DescribeInstances&Version=2016-11-15&InstanceId.1='"$a" http://127.0.0.1:5000/ | grep -q '<name>running</name>';
        do sleep 1;
        done;
        curl -i -sS --aws-sigv4 "aws:amz:us-east-1:ec2" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" ${AWS_SESSION_TOKEN:+-H "x-amz-security-token: $AWS_SESSION_TOKEN"} -H 'content-type: application/x-www-form-urlencoded;
        charset=utf-8' --data-raw 'Action=StopInstances&Version=2016-11-15&InstanceId.1='"$a"'&DryRun=true' http://127.0.0.1:5000/;
        echo;
        curl -sS --aws-sigv4 "aws:amz:us-east-1:ec2" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" ${AWS_SESSION_TOKEN:+-H "x-amz-security-token: $AWS_SESSION_TOKEN"} --data-raw 'Action=DescribeInstances&Version=2016-11-15&InstanceId.1='"$a" http://127.0.0.1:5000/ | grep -o '<name>[^<]*</name>'
        "#);
        insta::assert_snapshot!(played(&curl), @r#"
        curl:
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        --data-raw
        Action=RunInstances&Version=2016-11-15&ImageId=ami-12345678&InstanceType=t3.micro&MinCount=1&MaxCount=1&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=stopcheck&TagSpecification.1.Tag.1.Value=run
        http://127.0.0.1:5000/
        curl:
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        --data-raw
        Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-00000000000000001
        http://127.0.0.1:5000/
        curl:
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        content-type: application/x-www-form-urlencoded; charset=utf-8
        --data-raw
        Action=StopInstances&Version=2016-11-15&InstanceId.1=i-00000000000000001&DryRun=true
        http://127.0.0.1:5000/
        curl:
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        --data-raw
        Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-00000000000000001
        http://127.0.0.1:5000/
        "#);
        insta::assert_snapshot!(repeat.aws.expect("aws can say it").replace("; ", ";\n"), @r#"
        a=$(aws ec2 run-instances --count 1 --image-id ami-12345678 --instance-type t3.micro --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Instances[0].InstanceId' --output text);
        : "${a:?has no value}";
        aws ec2 wait instance-running --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1;
        aws ec2 stop-instances --instance-ids "$a" --dry-run --endpoint-url http://127.0.0.1:5000 --region us-east-1;
        aws ec2 describe-instances --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Reservations[].Instances[].[InstanceId,State.Name]' --output text
        "#);
    }

    #[test]
    fn a_fixture_that_is_stopped_first_is_waited_for_twice() {
        let run = sample::run();
        let fixtures = [
            sample::fixture("a", A, State::Stopping),
            sample::fixture("b", B, State::Stopped),
        ];
        let sent = [
            sample::sent(0, Role::Arrange, sample::launch("a"), 200, &sample::launched(A)),
            sample::sent(0, Role::Arrange, sample::launch("b"), 200, &sample::launched(B)),
            sample::sent(0, Role::Arrange, sample::stop(&[B]), 200, ""),
            sample::sent(0, Role::Arrange, sample::stop(&[A]), 200, ""),
            sample::sent(1, Role::Act, sample::stop(&[A, B]), 200, ""),
        ];
        let repeat = repeat(&story(&run, &fixtures, &[], &sent), 1);
        insta::assert_snapshot!(repeat.aws.expect("aws can say it").replace("; ", ";\n"), @r#"
        a=$(aws ec2 run-instances --count 1 --image-id ami-12345678 --instance-type t3.micro --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Instances[0].InstanceId' --output text);
        : "${a:?has no value}";
        aws ec2 wait instance-running --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1;
        b=$(aws ec2 run-instances --count 1 --image-id ami-12345678 --instance-type t3.micro --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Instances[0].InstanceId' --output text);
        : "${b:?has no value}";
        aws ec2 wait instance-running --instance-ids "$b" --endpoint-url http://127.0.0.1:5000 --region us-east-1;
        aws ec2 stop-instances --instance-ids "$b" --endpoint-url http://127.0.0.1:5000 --region us-east-1 >/dev/null;
        aws ec2 wait instance-stopped --instance-ids "$b" --endpoint-url http://127.0.0.1:5000 --region us-east-1;
        aws ec2 stop-instances --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1 >/dev/null;
        aws ec2 stop-instances --instance-ids "$a" "$b" --endpoint-url http://127.0.0.1:5000 --region us-east-1
        "#);
    }

    #[test]
    fn a_protected_fixture_and_a_spot_fixture_are_arranged_alike() {
        let run = sample::run();
        let mut fixture = sample::fixture("a", A, State::Running);
        fixture.spot_request = Some("sir-0000abcd".into());
        let mut launch = sample::launch("a");
        launch
            .params
            .push(("InstanceMarketOptions.MarketType".into(), "spot".into()));
        launch.params.push((
            "InstanceMarketOptions.SpotOptions.SpotInstanceType".into(),
            "persistent".into(),
        ));
        let sent = [
            sample::sent(0, Role::Arrange, launch, 200, &sample::launched(A)),
            sample::sent(
                0,
                Role::Arrange,
                Call::new(
                    "ModifyInstanceAttribute",
                    [("InstanceId", A), ("DisableApiStop.Value", "true")],
                ),
                200,
                "",
            ),
            sample::sent(
                0,
                Role::Arrange,
                Call::new(
                    "CancelSpotInstanceRequests",
                    [("SpotInstanceRequestId.1", "sir-0000abcd")],
                ),
                200,
                "",
            ),
            sample::sent(1, Role::Act, sample::stop(&[A]), 200, ""),
        ];
        let repeat = repeat(&story(&run, &[fixture], &[], &sent), 1);
        insta::assert_snapshot!(repeat.aws.expect("aws can say it").replace("; ", ";\n"), @r#"
        a=$(aws ec2 run-instances --count 1 --image-id ami-12345678 --instance-type t3.micro --instance-market-options '{"MarketType":"spot","SpotOptions":{"SpotInstanceType":"persistent"}}' --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Instances[0].InstanceId' --output text);
        : "${a:?has no value}";
        aws ec2 wait instance-running --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1;
        spot_2=$(aws ec2 describe-instances --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1 --query 'Reservations[0].Instances[0].SpotInstanceRequestId' --output text);
        aws ec2 modify-instance-attribute --instance-id "$a" --disable-api-stop --endpoint-url http://127.0.0.1:5000 --region us-east-1 >/dev/null;
        aws ec2 cancel-spot-instance-requests --spot-instance-request-ids "$spot_2" --endpoint-url http://127.0.0.1:5000 --region us-east-1 >/dev/null;
        aws ec2 stop-instances --instance-ids "$a" --endpoint-url http://127.0.0.1:5000 --region us-east-1
        "#);
        insta::assert_snapshot!(played(&repeat.curl.expect("curl can say it")), @r#"
        curl:
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        --data-raw
        Action=RunInstances&Version=2016-11-15&ImageId=ami-12345678&InstanceType=t3.micro&MinCount=1&MaxCount=1&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=stopcheck&TagSpecification.1.Tag.1.Value=run&InstanceMarketOptions.MarketType=spot&InstanceMarketOptions.SpotOptions.SpotInstanceType=persistent
        http://127.0.0.1:5000/
        curl:
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        --data-raw
        Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-00000000000000001
        http://127.0.0.1:5000/
        curl:
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        --data-raw
        Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-00000000000000001
        http://127.0.0.1:5000/
        curl:
        /dev/null
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        --data-raw
        Action=ModifyInstanceAttribute&Version=2016-11-15&InstanceId=i-00000000000000001&DisableApiStop.Value=true
        http://127.0.0.1:5000/
        curl:
        /dev/null
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        --data-raw
        Action=CancelSpotInstanceRequests&Version=2016-11-15&SpotInstanceRequestId.1=sir-abcd1234
        http://127.0.0.1:5000/
        curl:
        --aws-sigv4
        aws:amz:us-east-1:ec2
        --user
        key:secret
        content-type: application/x-www-form-urlencoded; charset=utf-8
        --data-raw
        Action=StopInstances&Version=2016-11-15&InstanceId.1=i-00000000000000001
        http://127.0.0.1:5000/
        "#);
    }

    #[test]
    fn two_instances_of_one_launch_get_two_variables() {
        let run = sample::run();
        let fixtures = [
            sample::fixture("a", A, State::Pending),
            sample::fixture("PATH", B, State::Pending),
        ];
        let sent = [
            sample::sent(
                0,
                Role::Arrange,
                sample::launch("a"),
                200,
                &(sample::launched(A) + &sample::launched(B)),
            ),
            sample::sent(1, Role::Act, sample::stop(&[A, B]), 200, ""),
        ];
        let steps = [(1, Intent::Together)];
        let repeat = repeat(&story(&run, &fixtures, &steps, &sent), 1);
        let played = played(&repeat.curl.expect("curl can say it"));
        assert!(
            played.contains("InstanceId.1=i-00000000000000001&InstanceId.2=i-00000000000000002"),
            "{played}"
        );
        assert_eq!(repeat.aws, Err("one call made several things".into()));
    }

    #[test]
    fn an_id_in_percent_encoding_stays_encoded() {
        let run = sample::run();
        let mut act = sample::sent(1, Role::Act, sample::stop(&[A]), 200, "");
        act.body = Bytes::Text(format!("Action=StopInstances&InstanceId.1={}", percent(A)));
        let sent = [
            sample::sent(0, Role::Arrange, sample::launch("a"), 200, &sample::launched(A)),
            act,
        ];
        let fixtures = [sample::fixture("a", A, State::Running)];
        let repeat = repeat(&story(&run, &fixtures, &[], &sent), 1);
        let played = played(&repeat.curl.expect("curl can say it"));
        assert!(played.contains(&percent("i-00000000000000001")), "{played}");
    }

    #[test]
    fn a_hostile_request_stays_in_its_quotes() {
        let run = sample::run();
        let evil = "'; touch /tmp/stopcheck-owned; echo '$(touch /tmp/stopcheck-owned)\x1b]0;x\x07";
        let mut act = sample::sent(1, Role::Act, sample::stop(&[evil]), 400, "");
        act.body = Bytes::Text(format!("InstanceId.1={evil}"));
        act.headers.push(("X-Odd".into(), evil.into()));
        let sent = [act];
        let repeat = repeat(&story(&run, &[], &[], &sent), 1);
        let curl = repeat.curl.expect("curl can say it");
        assert!(!curl.contains('\x1b'), "{curl}");
        let played = played(&curl);
        assert!(played.contains(&format!("InstanceId.1={evil}")), "{played}");
        assert!(!std::path::Path::new("/tmp/stopcheck-owned").exists());
    }

    #[test]
    fn what_a_tool_cannot_say_has_a_reason_instead() {
        let run = sample::run();
        let reasons = |act: Sent| {
            let sent = [act];
            let repeat = repeat(&story(&run, &[], &[], &sent), 1);
            (
                repeat.curl.err().unwrap_or_default(),
                repeat.aws.err().unwrap_or_default(),
            )
        };
        let act = |call| sample::sent(1, Role::Act, call, 200, "");
        let with_auth = |auth| {
            let mut call = sample::stop(&[A]);
            call.form.auth = auth;
            reasons(act(call))
        };
        let not_plain = "the call does not travel the way aws sends it".to_owned();
        assert_eq!(
            with_auth(Auth::WrongSignature),
            ("the signature is wrong on purpose".into(), not_plain.clone())
        );
        assert_eq!(with_auth(Auth::Unsigned), (String::new(), not_plain));
        assert_eq!(
            reasons(act(sample::stop(&[]))).1,
            "aws does not send a call without InstanceId"
        );
        let call = |name: &str, value: &str| {
            let mut call = sample::stop(&[A]);
            call.params.push((name.into(), value.into()));
            reasons(act(call)).1
        };
        assert_eq!(call("Force", "yes"), "aws sends only true and false for Force");
        assert_eq!(call("Foo", "bar"), "aws has no option for the parameter Foo");
        assert_eq!(
            call("InstanceId.1", B),
            "aws sends the parameter InstanceId.1 once only"
        );
        assert_eq!(call("InstanceId.3", B), "aws numbers InstanceId itself: 1, 2, 3");
        assert_eq!(
            call("InstanceId.2", "-x"),
            "aws would not send the value '-x' as it is"
        );
        let mut binary = act(sample::stop(&[A]));
        binary.body = Bytes::Base64("/w==".into());
        assert_eq!(reasons(binary).0, "the body is not text that a shell can hold");
    }

    #[test]
    fn a_get_is_repeated_as_a_get() {
        let run = sample::run();
        let mut call = sample::stop(&[A]);
        call.form.method = Method::Get;
        let mut act = sample::sent(1, Role::Act, call, 200, "");
        act.method = "GET".into();
        act.target = format!("/?Action=StopInstances&InstanceId.1={A}");
        act.headers.clear();
        act.body = Bytes::Text(String::new());
        let sent = [act];
        let curl = repeat(&story(&run, &[], &[], &sent), 1)
            .curl
            .expect("curl can say it");
        assert!(
            curl.ends_with(&format!(
                "'http://127.0.0.1:5000/?Action=StopInstances&InstanceId.1={A}'"
            )),
            "{curl}"
        );
        assert!(!curl.contains("content-type"), "{curl}");
    }
}
