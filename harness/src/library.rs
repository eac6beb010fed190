//! The library's front: judges a server from a test of the server.
//!
//! [`Run`] takes a URL and what is played, [`Report`] has what the server violates. Everything else of this crate may
//! change in any release, so these types hold texts and no types of other modules, apart from [`Phase`] and [`Edition`].

use std::fmt;
use std::fs;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::runtime;
use tokio::sync::watch;

use crate::check::time;
use crate::contract::{self, Contract, Edition};
use crate::embedded;
use crate::endpoint::{Endpoint, EndpointError, HttpOptions, looks_like_aws};
use crate::journal::{Outcome, Phase};
use crate::model::ReadLag;
use crate::plan::{Plan, Random, Selection, concurrent, coverage};
use crate::report::known::{self, KnownDeviations, KnownFile, KnownMistake, KnownOn, MissingReasons, pack};
use crate::report::repeat::DEFAULT_SEED;
use crate::report::tally::Cause;
use crate::report::text::visible;
use crate::report::{Policy, ReportKind, Style, Tally, exit, write_report};
use crate::runner::{self, Options, PreflightError};
use crate::sign::Credentials;
use crate::verdict::Verdict;

/// The width of a report in columns: that of a test's output.
const WIDTH: usize = 100;

/// What the cases of a run need at a server over HTTP; the same as for `stopcheck run`.
const WORKERS: usize = 4;
const OPEN_CASES: usize = 8 * WORKERS;
const CONNECTIONS: usize = 8;
const LARGEST_BODY: usize = 16 * 1024 * 1024;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);
const MOST_REQUESTS: usize = 100_000;
const OVERLAPS: u64 = 8;
const CALLERS: usize = 8;
const OVERLAP_REQUESTS: usize = 400;
const SCRIPTS: u64 = 20;
const SHRINK_REQUESTS: usize = 1_000;

/// A run against a server: what is played, and where.
///
/// Unless phases are named, the named cases are played (`scenarios`), which takes a mock a few seconds. Credentials are
/// a dummy pair, since a mock takes any. A host that looks like real AWS is refused: use the command there.
#[derive(Debug, Clone)]
#[must_use = "a run does nothing until `run` is called"]
pub struct Run {
    /// `None` for the embedded reference.
    url: Option<String>,
    credentials: Credentials,
    region: String,
    edition: Edition,
    phases: Vec<Phase>,
    selection: Selection,
    known: Vec<String>,
    seed: u64,
    time_limit: Option<Duration>,
    read_lag: Option<Duration>,
    wait: Duration,
}

impl Run {
    /// A run against the server at this URL, for instance `http://127.0.0.1:5000`.
    pub fn against(url: impl Into<String>) -> Run {
        Run {
            url: Some(url.into()),
            ..Run::reference()
        }
    }

    /// A run against the reference that this crate contains, in this process. It conforms. The wire phase needs a
    /// socket and has no cases here.
    pub fn reference() -> Run {
        Run {
            url: None,
            credentials: Credentials {
                access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
                secret: "not-a-secret".to_owned(),
                session_token: None,
            },
            region: "us-east-1".to_owned(),
            edition: Edition::Current,
            phases: Vec::new(),
            selection: Selection::default(),
            known: Vec::new(),
            seed: DEFAULT_SEED,
            time_limit: None,
            read_lag: None,
            wait: Duration::ZERO,
        }
    }

    /// Plays this phase; several calls add up.
    pub fn phase(mut self, phase: Phase) -> Run {
        self.phases.push(phase);
        self
    }

    /// Plays only cases whose name matches, for instance `dry-run/*`; several calls add up.
    pub fn case(mut self, pattern: impl Into<String>) -> Run {
        self.selection.cases.push(pattern.into());
        self
    }

    /// Leaves out cases whose name matches; several calls add up.
    pub fn skip(mut self, pattern: impl Into<String>) -> Run {
        self.selection.skipped.push(pattern.into());
        self
    }

    /// Plays only cases that cover a clause whose id matches, for instance `DRY-*`; several calls add up.
    pub fn clause(mut self, pattern: impl Into<String>) -> Run {
        self.selection.clauses.push(pattern.into());
        self
    }

    /// Accepts known deviations: a file, or a pack such as `moto@5.2.5`; several calls add up. What is new fails the run,
    /// and so does an entry that is gone or has expired. `stopcheck explain known` documents the format.
    pub fn known(mut self, file_or_pack: impl Into<String>) -> Run {
        self.known.push(file_or_pack.into());
        self
    }

    /// The credentials that sign requests.
    pub fn credentials(mut self, access_key_id: impl Into<String>, secret: impl Into<String>) -> Run {
        self.credentials.access_key = access_key_id.into();
        self.credentials.secret = secret.into();
        self
    }

    /// The Region that requests are signed for; `us-east-1` by default.
    pub fn region(mut self, region: impl Into<String>) -> Run {
        self.region = region.into();
        self
    }

    /// The state of Amazon's documentation to judge by; today's by default.
    pub fn edition(mut self, edition: Edition) -> Run {
        self.edition = edition;
        self
    }

    /// The seed of everything random.
    pub fn seed(mut self, seed: u64) -> Run {
        self.seed = seed;
        self
    }

    /// How long the run may take; no limit by default. The named cases are always played.
    pub fn time_limit(mut self, limit: Duration) -> Run {
        self.time_limit = Some(limit);
        self
    }

    /// How long a read may lag behind an answer; five seconds by default. A server whose reads never lag is judged
    /// faster with less.
    pub fn read_lag(mut self, lag: Duration) -> Run {
        self.read_lag = Some(lag);
        self
    }

    /// How long to wait for a server that is still starting; not at all by default.
    pub fn wait(mut self, wait: Duration) -> Run {
        self.wait = wait;
        self
    }

    /// Plays the run and waits for its end. May be called anywhere, also within a runtime; where the server runs in
    /// the same single-threaded runtime, use [`run_async`](Run::run_async), since it could not answer meanwhile.
    pub fn run(self) -> Result<Report, RunError> {
        // A runtime cannot be started in a thread that runs another one.
        let played = thread::spawn(move || {
            let runtime = runtime::Builder::new_multi_thread().enable_all().build();
            runtime.map_err(Reason::Runtime)?.block_on(self.run_async())
        });
        match played.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Plays the run in the Tokio runtime of the caller.
    pub async fn run_async(self) -> Result<Report, RunError> {
        let contract = Arc::new(contract::embedded(self.edition));
        let plan = self.plan(&contract);
        if plan.is_empty() {
            return Err(Reason::NothingSelected.into());
        }
        let known = self.known_deviations(&contract)?;
        let today = today();
        let mut options = self.options()?;
        options.known = KnownOn::new(known.clone(), &today);
        let mut tally = Tally::new(&contract);
        let (_stop, interrupted) = watch::channel(false);
        let take = |event| tally.take(&event);
        runner::run_with(&contract, plan, options, interrupted, take)
            .await
            .map_err(Reason::Preflight)?;
        if !known.is_empty() {
            tally.set_known(&known, &contract, &today);
        }
        Ok(Report::of(&tally, &contract))
    }

    fn plan(&self, contract: &Contract) -> Plan {
        let plays = |phase| match self.phases.as_slice() {
            [] => phase == Phase::Scenarios,
            wished => wished.contains(&phase),
        };
        let selection = &self.selection;
        let mut plan = Plan::default();
        if plays(Phase::Scenarios) {
            plan.add(Phase::Scenarios, contract.scenarios.iter().cloned(), selection);
        }
        if plays(Phase::Coverage) {
            plan.add(
                Phase::Coverage,
                coverage::cases(contract, coverage::LEAST),
                selection,
            );
        }
        if plays(Phase::Wire) && self.url.is_some() {
            plan.add_wire(contract, selection);
        }
        if plays(Phase::Concurrent) {
            // A case that is named is played, whatever its number.
            let numbers = selection.cases.iter().filter_map(|case| concurrent::number(case));
            let count = numbers
                .map(|number| number.saturating_add(1))
                .max()
                .unwrap_or_default();
            let cases = runner::concurrent_cases(contract, self.seed, 0..count.max(OVERLAPS), CALLERS);
            plan.add(Phase::Concurrent, cases, selection);
        }
        if plays(Phase::Random) {
            let random = Random {
                scripts: SCRIPTS,
                max_time: None,
                max_shrink_requests: SHRINK_REQUESTS,
                selection: selection.clone(),
            };
            plan.random = random.filtered();
        }
        plan
    }

    fn known_deviations(&self, contract: &Contract) -> Result<KnownDeviations, Reason> {
        let mut texts = Vec::new();
        for name in &self.known {
            let text = match pack(name) {
                Some(pack) => pack.text.to_owned(),
                None => fs::read_to_string(name).map_err(|source| Reason::KnownFile {
                    name: name.clone(),
                    source,
                })?,
            };
            texts.push((name, text));
        }
        let file = |(name, text)| KnownFile {
            name,
            text,
            missing_reasons: MissingReasons::Refused,
        };
        let files: Vec<KnownFile<'_>> = texts
            .iter()
            .map(|(name, text)| file((name.as_str(), text.as_str())))
            .collect();
        known::load(&files, contract, &[], None).map_err(Reason::Known)
    }

    fn options(self) -> Result<Options, RunError> {
        let mut options = embedded::options(self.edition);
        options.seed = self.seed;
        options.time_limit = self.time_limit;
        options.wait = self.wait;
        options.overlap_requests = OVERLAP_REQUESTS;
        if let Some(lag) = self.read_lag {
            options.read_lag = ReadLag::from(lag);
        }
        let Some(url) = self.url else { return Ok(options) };
        if looks_like_aws(&url) {
            return Err(Reason::RealAws(url).into());
        }
        options.endpoint = Endpoint::http(HttpOptions {
            url,
            request_timeout: REQUEST_TIMEOUT,
            max_body: LARGEST_BODY,
            connections: CONNECTIONS,
        })
        .map_err(Reason::Endpoint)?;
        options.region = self.region;
        options.keys.main = self.credentials;
        options.keys.denied = None;
        options.keys.session = None;
        options.keys.expired = None;
        options.workers = WORKERS;
        options.open_cases = OPEN_CASES;
        options.shares_instances = true;
        options.settle_timeout = SETTLE_TIMEOUT;
        options.max_requests = MOST_REQUESTS;
        Ok(options)
    }
}

/// The day by which known deviations expire.
fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    time::day(ms).unwrap_or_default()
}

/// What a run shows about a server. Its `Display` is the report that the command prints.
#[derive(Debug, Clone)]
pub struct Report {
    is_conformant: bool,
    failures: Vec<Violation>,
    warnings: Vec<Violation>,
    errors: Vec<String>,
    cases: usize,
    text: String,
    json: String,
}

impl Report {
    fn of(tally: &Tally, contract: &Contract) -> Report {
        let causes = tally.causes();
        let with = |verdict| {
            let these = causes.all().iter().filter(move |cause| cause.verdict == verdict);
            these
                .filter_map(|cause| Violation::of(cause, tally, contract))
                .collect()
        };
        let policy = Policy::default();
        let style = Style {
            color: false,
            width: WIDTH,
            verbose: false,
        };
        let written = |kind| {
            let mut bytes = Vec::new();
            write_report(kind, tally, contract, policy, &mut bytes).expect("a vector takes everything");
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let error_of = |case: &crate::report::tally::Case| match &case.outcome {
            Some(Outcome::Error { what }) => Some(format!("{}: {}", case.name, visible(what))),
            Some(Outcome::Judged { .. } | Outcome::Unsupported { .. }) | None => None,
        };
        Report {
            is_conformant: tally.exit_code(policy) == exit::CONFORMANT,
            failures: with(Verdict::Fail),
            warnings: with(Verdict::Warn),
            errors: tally.cases().filter_map(error_of).collect(),
            cases: tally.counts().cases.all(),
            text: written(ReportKind::Terminal(style)),
            json: written(ReportKind::Json),
        }
    }

    /// Whether cases were judged, all could be finished, nothing that decides is violated but what is known, and nothing
    /// known is gone. Warnings do not decide.
    pub fn is_conformant(&self) -> bool {
        self.is_conformant
    }

    /// What is violated and decides, one for each root cause, in the order of the contract, without what is known.
    pub fn failures(&self) -> &[Violation] {
        &self.failures
    }

    /// What is violated and does not decide: a SHOULD, or a requirement with too little evidence.
    pub fn warnings(&self) -> &[Violation] {
        &self.warnings
    }

    /// The cases that stopcheck could not finish, each with the reason. They are no verdict on the server.
    pub fn errors(&self) -> &[String] {
        &self.errors
    }

    /// The number of cases that were judged.
    pub fn cases(&self) -> usize {
        self.cases
    }

    /// The report as `stopcheck run --report json=FILE` writes it.
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A clause of the contract that the server violates. Texts of the server in it are escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    clause: String,
    statement: String,
    sources: Vec<String>,
    expected: String,
    observed: String,
    cases: Vec<String>,
    repeat: String,
    explains: Vec<String>,
}

impl Violation {
    fn of(cause: &Cause<'_>, tally: &Tally, contract: &Contract) -> Option<Violation> {
        let group = cause.groups.first()?;
        let clause = contract.clause(cause.clause)?;
        let source = |citation: &String| match contract.url(citation) {
            Some(url) => format!("{citation} {url}"),
            None => citation.clone(),
        };
        let consequences = cause.consequences.iter();
        Some(Violation {
            clause: clause.id.to_string(),
            statement: clause.statement.clone(),
            sources: clause.sources.iter().map(source).collect(),
            expected: visible(&tally.expected_text(group.first)),
            observed: visible(&tally.observed_text(group.first)),
            cases: cause.cases().into_iter().map(str::to_owned).collect(),
            repeat: tally.repeat_command(group.case),
            explains: consequences.map(|one| one.clause.to_string()).collect(),
        })
    }

    /// The id of the clause, for instance `DRY-04`. `stopcheck explain DRY-04` prints all about it.
    pub fn clause(&self) -> &str {
        &self.clause
    }

    /// What the clause says.
    pub fn statement(&self) -> &str {
        &self.statement
    }

    /// Who says so: a citation and, where there is one, its address.
    pub fn sources(&self) -> &[String] {
        &self.sources
    }

    /// The answers that are allowed.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// What the server did, in the case that shows it best.
    pub fn observed(&self) -> &str {
        &self.observed
    }

    /// The names of the cases that show it.
    pub fn cases(&self) -> &[String] {
        &self.cases
    }

    /// The command that repeats it while the server runs.
    pub fn repeat(&self) -> &str {
        &self.repeat
    }

    /// The ids of the clauses that are violated only because this one is.
    pub fn explains(&self) -> &[String] {
        &self.explains
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {}", self.clause, self.statement)?;
        for source in &self.sources {
            writeln!(f, "  source    {source}")?;
        }
        writeln!(f, "  expected  {}", self.expected)?;
        writeln!(f, "  observed  {}", self.observed)?;
        write!(f, "  repeat    {}", self.repeat)
    }
}

/// Why there is no report. `Debug` prints the same text as `Display`, so that `expect` and `?` in a test can be read.
#[derive(thiserror::Error)]
#[error(transparent)]
pub struct RunError(#[from] Reason);

/// The reasons, which are not part of the interface.
#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("could not {0}")]
    Endpoint(EndpointError),
    #[error("{0}")]
    Preflight(PreflightError),
    #[error(
        "{0} looks like real AWS, where instances cost money: use the command, which asks for the account"
    )]
    RealAws(String),
    #[error("no case of the chosen phases matches; `stopcheck list` shows the names")]
    NothingSelected,
    #[error("could not read the known deviations {name}: {source}")]
    KnownFile { name: String, source: io::Error },
    #[error("could not read the known deviations\n  {}", lines(.0))]
    Known(Vec<KnownMistake>),
    #[error("could not start: {0}")]
    Runtime(io::Error),
}

fn lines(mistakes: &[KnownMistake]) -> String {
    let lines: Vec<String> = mistakes.iter().map(KnownMistake::to_string).collect();
    lines.join("\n  ")
}

impl fmt::Debug for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_conforms_within_a_runtime_and_without() {
        let run = || Run::reference().case("dry-run/*").skip("*/twice");
        let report = run().run().expect("the reference answers");
        assert!(report.is_conformant(), "{report}");
        assert!(report.cases() > 0 && report.failures().is_empty() && report.errors().is_empty());
        assert!(
            report.json().starts_with('{') && report.to_string().contains("CONFORM"),
            "{report}"
        );
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime can be built");
        let (blocking, awaited) =
            runtime.block_on(async { (run().run().map(drop), run().run_async().await.map(drop)) });
        assert!(blocking.is_ok() && awaited.is_ok());
    }

    #[test]
    fn what_cannot_be_played_is_an_error_with_a_reason() {
        let complaint = |run: Run| {
            let error = run.run().expect_err("it cannot be played");
            assert_eq!(format!("{error}"), format!("{error:?}"));
            error.to_string()
        };
        assert!(complaint(Run::reference().case("no/such/case")).contains("no case of the chosen phases"));
        assert!(complaint(Run::reference().phase(Phase::Wire)).contains("no case of the chosen phases"));
        assert!(complaint(Run::reference().known("absent.toml")).contains("absent.toml"));
        assert!(complaint(Run::against("no URL")).starts_with("could not "));
        assert!(
            complaint(Run::against("https://ec2.us-east-1.amazonaws.com")).contains("looks like real AWS")
        );
    }

    #[test]
    fn every_phase_adds_cases() {
        let contract = contract::embedded(Edition::Current);
        for phase in [Phase::Scenarios, Phase::Coverage, Phase::Wire, Phase::Concurrent] {
            let plan = Run::against("http://127.0.0.1:1").phase(phase).plan(&contract);
            assert_eq!(plan.sizes().into_keys().collect::<Vec<_>>(), [phase]);
        }
        let plan = Run::reference().phase(Phase::Random).plan(&contract);
        assert!(plan.random.is_some_and(|random| random.scripts == SCRIPTS));
        let plan = Run::reference()
            .phase(Phase::Concurrent)
            .case("concurrent/30")
            .plan(&contract);
        assert_eq!(plan.planned(), 1);
    }
}
