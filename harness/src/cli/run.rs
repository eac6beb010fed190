//! `stopcheck run`.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::args::{EndpointArgs, GoldenArgs, PhaseArg, ReportArgs, RunArgs};
use super::error::CliError;
use super::goldens::{Finished, GoldenUse};
use super::journal::JournalWriter;
use super::keys::{KeyChoice, RunKeys, variable};
use super::known::KnownUse;
use super::partition::{self, RunFacts};
use super::resume::ResumedJournal;
use super::server::{Server, ServerPlan};
use super::{plan as plan_of_run, process_group, reports, scenarios};
use crate::check::Judge;
use crate::contract::{self, Contract, Edition};
use crate::embedded;
use crate::endpoint::{self, Endpoint, Handler, HttpOptions, is_loopback, looks_like_aws, sts_url};
use crate::journal::{Event, Phase};
use crate::model::ReadLag;
use crate::plan::{Plan, Random, Selection, concurrent, coverage, matches};
use crate::reference::{Config, Delays, Reference, Span};
use crate::report::known::KnownOn;
use crate::report::list::close;
use crate::report::repeat::{DEFAULT_REGION, quote};
use crate::report::text::visible;
use crate::report::{Tally, exit};
use crate::runner::{self, EarlierPart, Launch, Options, PreflightError, WireOptions};

/// The longest real time that a step of a script may wait.
const LONGEST_PASS: Duration = Duration::from_millis(50);

/// The time limit of a run over HTTP.
const USUAL_TIME_LIMIT: Duration = Duration::from_secs(60);

/// The most requests that are spent on making one finding of overlapping calls small.
const OVERLAP_REQUESTS: usize = 400;

/// How many cases are open at once for each that plays; the others wait for the endpoint.
const OPEN_CASES: usize = 8;

/// The most instances at once on real AWS, where each costs money and an account may have few.
const INSTANCES_ON_AWS: usize = 20;

/// How many events may be queued for writing before the run has to wait.
const QUEUE: usize = 1024;

pub(super) async fn run(mut args: RunArgs) -> Result<u8, CliError> {
    let resumed = args
        .resume
        .as_deref()
        .map(ResumedJournal::open)
        .transpose()?
        .flatten();
    // A resumed run goes on in its journal, unless another one is named.
    args.journal = args.journal.take().or_else(|| args.resume.clone());
    let server = ServerPlan::new(&args.server, &mut args.endpoint)?;
    let edition = Edition::from(args.edition);
    let contract = scenarios::contract_with(&args.scenarios, edition)?;
    let plan = Plan {
        slice: args.partition.unwrap_or_default(),
        ..plan_of(&args, &contract)
    };
    if plan.is_empty() {
        return Err(nothing_selected(&args, &contract));
    }
    let real = url(&args.endpoint).as_deref().is_some_and(looks_like_aws);
    let may_begin = args.endpoint.allow_real_aws || args.planning.plan.is_some();
    if real && args.phase.contains(&PhaseArg::Wire) && may_begin {
        return Err(CliError::Usage(format!(
            "{} looks like real AWS, and the wire phase sends malformed requests, which are for endpoints of \
             one's own\n  hint: leave out --phase wire",
            url(&args.endpoint).unwrap_or_default()
        )));
    }
    if let Some(format) = args.planning.plan {
        return plan_of_run::print((&args).into(), &plan, format);
    }
    reports::check(&args.reports)?;
    let known = KnownUse::of(&args.known, &contract, &[])?;
    if args.fail_fast {
        known.with_fail_fast()?;
    }
    let settings = RunSettings {
        edition,
        min_confidence: min_confidence(&args.reports),
        seed: args.seed,
        workers: args.workers.map(usize::from),
        record: args.journal.is_some(),
        time_limit: time_limit(&args),
        fail_fast: args.fail_fast,
        known: KnownOn::new(known.entries().clone(), known.today()),
        overlap_requests: args
            .max_shrink_requests
            .unwrap_or(OVERLAP_REQUESTS)
            .min(OVERLAP_REQUESTS),
    };
    let mut goldens = GoldenUse::of(&args.goldens, url(&args.endpoint).as_deref(), edition)?;
    let plays_named_cases = plan.sizes().contains_key(&Phase::Scenarios);
    let mut options = options(&args.endpoint, &settings).await?;
    if real {
        plan_of_run::consent((&args).into(), &plan, &mut reports::terminal(&args.reports))?;
    }
    if !plan.wire.is_empty() && matches!(options.endpoint, Endpoint::InProcess(_)) {
        options.wire.endpoint = Some(served_reference(&args.endpoint, &options.region, edition).await?);
    }
    // Words with secrets are left out of the journal.
    let started_by = server
        .as_ref()
        .map(|server| server.recorded(&options.keys.secrets()));
    let facts = RunFacts {
        server: started_by.unwrap_or_default(),
        ..RunFacts::of(&args, &contract, &plan, &options)?
    };
    let kept = match resumed {
        None => None,
        Some(resumed) => {
            let mut head = runner::head(&contract, &plan, &options);
            facts.complete(&mut head);
            Some(resumed.kept_in(&head)?)
        }
    };
    let (events, mut inbox) = mpsc::channel(QUEUE);
    let (stop, interrupted) = watch::channel(false);
    let mut journal = match (&args.journal, &kept) {
        (Some(path), Some(_)) => Some(JournalWriter::instead_of(path)?),
        (Some(path), None) => Some(JournalWriter::create(path)?),
        (None, _) => None,
    };
    let mut progress = reports::progress(&args.reports, &contract).without(settings.known.clone());
    let mut tally = Tally::new(&contract);
    if let Some(kept) = &kept {
        let judge = Judge::new(Arc::clone(&contract), settings.min_confidence);
        let mut earlier = EarlierPart::default();
        kept.replay(judge, journal.as_mut(), |event| {
            earlier.take(event);
            progress.take(event);
            tally.take(event);
            goldens.take(event);
        })?;
        eprintln!("note: {kept}");
        options.run_id = kept.run_id().unwrap_or(options.run_id);
        options.earlier = Some(Arc::new(earlier));
    }
    let signals = tokio::spawn(listen(stop.clone()));
    let mut server = server.map(ServerPlan::start).transpose()?;
    let watching = server.as_ref().map(|server| server.watch(stop.clone()));
    let runner = tokio::spawn(runner::run(
        Arc::clone(&contract),
        plan,
        options,
        events,
        interrupted,
    ));
    let (mut unwritten, mut has_begun) = (None, false);
    while let Some(mut event) = inbox.recv().await {
        if let Event::RunStarted(head) = &mut event {
            facts.complete(head);
            if let Some(Err(error)) = journal.as_mut().map(JournalWriter::take_place) {
                unwritten = Some(error);
                let _ = stop.send(true);
            }
        }
        if let Event::Noted(noted) = &event
            && noted.case.is_empty()
            && !has_begun
        {
            progress.suspend(|| eprintln!("note: {}", visible(&noted.text)));
        }
        has_begun |= matches!(event, Event::CaseStarted(_));
        if let Some(journal) = &mut journal
            && unwritten.is_none()
            && let Err(error) = journal.write(&event)
        {
            // A full disk must not leave instances behind: the run is interrupted, and cleans up.
            unwritten = Some(error);
            let _ = stop.send(true);
        }
        progress.take(&event);
        tally.take(&event);
        goldens.take(&event);
    }
    drop(progress);
    let outcome = match runner.await {
        Ok(outcome) => outcome,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    if let Some(watching) = watching {
        watching.abort();
    }
    if let Some(server) = &mut server {
        server.stop();
    }
    signals.abort();
    if let Err(error) = outcome {
        return not_judged(error, server.as_ref(), *stop.borrow());
    }
    if let Some(error) = unwritten {
        return Err(error);
    }
    drop(journal);
    let goldens = goldens.finish(&contract, plays_named_cases);
    let code = conclude(
        &args.reports,
        &args.goldens,
        &mut tally,
        goldens,
        &known,
        &contract,
    )?;
    if let Some(partition) = &facts.partition {
        partition::tell(partition, &args);
    }
    match server {
        Some(server) => server.conclude(code),
        None => Ok(code),
    }
}

/// Reports a run with its goldens and known deviations, and returns its exit code.
pub(super) fn conclude(
    reports: &ReportArgs,
    goldens: &GoldenArgs,
    tally: &mut Tally,
    mut finished: Finished,
    known: &KnownUse,
    contract: &Contract,
) -> Result<u8, CliError> {
    if let Some(reported) = finished.reported() {
        tally.set_goldens(reported);
    }
    known.review(tally, contract);
    let code = reports::write(reports, tally, contract)?;
    known.update(tally, contract, reports::policy(reports))?;
    reports::with_goldens(reports, &finished)?;
    if let Some(path) = &goldens.golden_changelog {
        finished.write_changelog(path, contract)?;
    }
    finished.errors()?;
    Ok(code)
}

/// What a run ends with that could not begin.
fn not_judged(error: PreflightError, server: Option<&Server>, is_ended: bool) -> Result<u8, CliError> {
    match server {
        Some(server) if server.has_ended() || !is_ended => Err(server.not_judged(error).into()),
        None if !is_ended => Err(error.into()),
        server => {
            if let Some(server) = server {
                server.remove_own_log();
            }
            Ok(exit::INTERRUPTED)
        }
    }
}

/// Explains why no case is selected.
fn nothing_selected(args: &RunArgs, contract: &Contract) -> CliError {
    if let Some(pattern) = args.clause.iter().find(|pattern| {
        let mut ids = contract.clauses.iter().map(|clause| clause.id.as_str());
        !ids.any(|id| matches(pattern, id))
    }) {
        let ids = contract.clauses.iter().map(|clause| clause.id.as_str());
        return CliError::unknown_name("clause", pattern, &close(ids, pattern));
    }
    let parts = [
        ("--case", &args.case),
        ("--skip", &args.skip),
        ("--clause", &args.clause),
    ];
    let given: Vec<String> = parts
        .iter()
        .flat_map(|(option, patterns)| {
            patterns
                .iter()
                .map(move |pattern| format!("{option} {}", quote(pattern)))
        })
        .collect();
    CliError::Usage(format!(
        "no case of the chosen phases matches {}\n  hint: stopcheck list shows the names",
        given.join(" ")
    ))
}

/// The time limit of a run: from `--time-limit`, or the default for the kind of endpoint.
fn time_limit(args: &RunArgs) -> Option<Duration> {
    let usual = (url(&args.endpoint).is_some() && args.max_time.is_none()).then_some(USUAL_TIME_LIMIT);
    args.time_limit.map_or(usual, |given| given.0)
}

/// The cases to play: the phases that the arguments name, or all. Real AWS costs money, so there only the named cases
/// are played by default.
fn plan_of(args: &RunArgs, contract: &Contract) -> Plan {
    let url = url(&args.endpoint);
    let real = url.as_deref().is_some_and(looks_like_aws);
    let plays = |phase| match args.phase.as_slice() {
        [] => !real || phase == PhaseArg::Scenarios,
        asked => asked.contains(&phase),
    };
    let selection = Selection {
        cases: args.case.clone(),
        skipped: args.skip.clone(),
        clauses: args.clause.clone(),
    };
    let mut plan = Plan::default();
    if plays(PhaseArg::Scenarios) {
        plan.add(Phase::Scenarios, contract.scenarios.iter().cloned(), &selection);
    }
    if plays(PhaseArg::Coverage) {
        // The name of a coverage case says which strength generates it.
        let named = args.case.iter().find_map(|case| coverage::strength_of(case));
        let strength = args
            .strength
            .map(usize::from)
            .or(named)
            .unwrap_or(coverage::LEAST);
        plan.add(Phase::Coverage, coverage::cases(contract, strength), &selection);
    }
    if plays(PhaseArg::Wire) {
        plan.add_wire(contract, &selection);
    }
    if plays(PhaseArg::Concurrent) {
        let usual = if url.is_some() { 8 } else { 25 };
        // A case that is named is played, whatever its number.
        let named = args
            .case
            .iter()
            .filter_map(|case| concurrent::number(case)?.checked_add(1))
            .max();
        let count = args.overlaps.unwrap_or(usual).max(named.unwrap_or_default());
        let cases = runner::concurrent_cases(contract, args.seed, 0..count, usize::from(args.callers));
        plan.add(Phase::Concurrent, cases, &selection);
    }
    if plays(PhaseArg::Random) {
        let usual = if url.is_some() { 20 } else { 500 };
        let random = Random {
            scripts: args
                .cases
                .unwrap_or(if args.max_time.is_some() { u64::MAX } else { usual }),
            max_time: args.max_time,
            max_shrink_requests: args.max_shrink_requests.unwrap_or(if url.is_some() {
                1_000
            } else {
                50_000
            }),
            selection: selection.clone(),
        };
        plan.random = random.filtered();
    }
    plan
}

/// The URL of the endpoint, from the arguments or the environment.
pub(super) fn url(args: &EndpointArgs) -> Option<String> {
    let url = args.endpoint_url.clone();
    url.or_else(|| variable("AWS_ENDPOINT_URL_EC2"))
        .or_else(|| variable("AWS_ENDPOINT_URL"))
}

/// Handles interrupts: the first ends the run after its clean-up, the second ends it at once.
pub(super) fn listen(stop: watch::Sender<bool>) -> impl Future<Output = ()> + use<> {
    let first = wait_for_signal();
    async move {
        first.await;
        eprintln!("\ninterrupted: removing what was launched; once more to stop at once");
        let _ = stop.send(true);
        wait_for_signal().await;
        process_group::kill_all();
        std::process::exit(i32::from(exit::INTERRUPTED));
    }
}

/// Waits for an interrupt, a termination signal, or a hang-up. Signals are handled as soon as this function returns:
/// what is started after that is not left behind.
pub(super) fn wait_for_signal() -> impl Future<Output = ()> + use<> {
    use tokio::signal::unix::{SignalKind, signal};
    let one = |kind| {
        let handled = signal(kind);
        async move {
            match handled {
                Ok(mut signal) => _ = signal.recv().await,
                // Without this handler the signal ends the process, as it does by default.
                Err(_) => std::future::pending().await,
            }
        }
    };
    // The last is sent when the terminal is closed.
    let (interrupt, terminate, hangup) = (
        one(SignalKind::interrupt()),
        one(SignalKind::terminate()),
        one(SignalKind::hangup()),
    );
    async move {
        tokio::select! {
            () = interrupt => {}
            () = terminate => {}
            () = hangup => {}
        }
    }
}

/// The settings of a run apart from its endpoint.
pub(super) struct RunSettings {
    pub(super) edition: Edition,
    pub(super) min_confidence: contract::Confidence,
    pub(super) seed: u64,
    /// How many cases are played at once; by default this depends on the kind of endpoint.
    pub(super) workers: Option<usize>,
    pub(super) record: bool,
    pub(super) time_limit: Option<Duration>,
    pub(super) fail_fast: bool,
    pub(super) known: KnownOn,
    /// See [`Options::overlap_requests`].
    pub(super) overlap_requests: usize,
}

/// The options of a run: at the endpoint that the arguments name, or at the embedded reference.
pub(super) async fn options(args: &EndpointArgs, settings: &RunSettings) -> Result<Options, CliError> {
    let url = url(args);
    if let Some(url) = &url {
        check_consent(args, url)?;
    }
    let choice = match &url {
        Some(url) => Some(KeyChoice::of(&args.credentials, looks_like_aws(url)).await?),
        None => None,
    };
    let region = region(args, url.as_deref())
        .or_else(|| choice.as_ref().and_then(KeyChoice::region))
        .unwrap_or_else(|| DEFAULT_REGION.to_owned());
    let workers = settings.workers.unwrap_or(usual_workers(url.as_deref()));
    let max_instances = max_instances(args, url.as_deref());
    let (endpoint, identity) = match &url {
        None => (embedded::endpoint(&region, settings.edition), None),
        Some(url) => server(args, url, &region, workers)?,
    };
    let RunKeys { keyring, renewals } = match choice {
        None => RunKeys {
            keyring: embedded::keyring(),
            renewals: Vec::new(),
        },
        Some(choice) => choice.load(&region).await?,
    };
    Ok(Options {
        run_id: runner::new_run_id(&endpoint),
        earlier: None,
        endpoint,
        region,
        keys: keyring,
        renewals,
        min_confidence: settings.min_confidence,
        seed: settings.seed,
        workers,
        open_cases: open_cases(url.as_deref(), workers, max_instances),
        shares_instances: shares_instances(url.as_deref()),
        max_instances,
        time_limit: settings.time_limit,
        fail_fast: settings.fail_fast,
        known: settings.known.clone(),
        wait: args.wait.unwrap_or_default(),
        settle_timeout: settle_timeout(args, url.as_deref()),
        read_lag: read_lag(args, url.as_deref()),
        longest_pass: LONGEST_PASS,
        record: settings.record,
        max_requests: max_requests(args, url.as_deref()),
        request_spacing: request_spacing(args, url.as_deref()),
        launch: launch(args),
        overlap_requests: settings.overlap_requests,
        account: args.account.clone(),
        identity,
        wire: WireOptions {
            endpoint: None,
            time_limit: args.request_timeout,
        },
    })
}

/// The region that requests are signed for, if an option or a variable names it.
pub(super) fn region(args: &EndpointArgs, url: Option<&str>) -> Option<String> {
    let variables = || variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    args.region.clone().or_else(|| url.and_then(|_| variables()))
}

/// How many cases play at once by default.
pub(super) fn usual_workers(url: Option<&str>) -> usize {
    if url.is_some() { 4 } else { 1 }
}

/// How many cases may be open at once.
pub(super) fn open_cases(url: Option<&str>, workers: usize, max_instances: Option<usize>) -> usize {
    match url {
        // One at a time is what a user wants who asks for one.
        Some(_) if workers > 1 => max_instances.unwrap_or(workers * OPEN_CASES),
        // A virtual clock never waits.
        Some(_) | None => workers,
    }
}

/// The most instances at once: from `--max-instances`, or the default for the kind of endpoint.
pub(super) fn max_instances(args: &EndpointArgs, url: Option<&str>) -> Option<usize> {
    let usual = url.is_some_and(looks_like_aws).then_some(INSTANCES_ON_AWS);
    args.max_instances.map(usize::from).or(usual)
}

/// Whether cases share instances.
pub(super) fn shares_instances(url: Option<&str>) -> bool {
    url.is_some_and(|url| !looks_like_aws(url))
}

/// What instances are launched from.
pub(super) fn launch(args: &EndpointArgs) -> Launch {
    Launch {
        ebs_image: args.ebs_image.clone(),
        instance_store_image: args.instance_store_image.clone(),
        instance_type: args.instance_type.clone(),
        subnet: args.subnet.clone(),
    }
}

/// How long to wait for a state: from `--settle-timeout`, or the default for the kind of endpoint. Amazon has taken 38
/// seconds for a stop, and names no longest time.
pub(super) fn settle_timeout(args: &EndpointArgs, url: Option<&str>) -> Duration {
    let usual = match url {
        Some(url) if looks_like_aws(url) => Duration::from_secs(300),
        Some(url) if is_loopback(url) => Duration::from_secs(30),
        Some(_) | None => Duration::from_secs(120),
    };
    args.settle_timeout.unwrap_or(usual)
}

/// The most requests: from `--max-requests`, or the default for the kind of endpoint.
pub(super) fn max_requests(args: &EndpointArgs, url: Option<&str>) -> usize {
    let usual = match url {
        Some(url) if looks_like_aws(url) => 10_000,
        Some(_) => 100_000,
        None => usize::MAX,
    };
    args.max_requests.unwrap_or(usual)
}

/// The least time between two requests: from `--rate`, or the default for the kind of endpoint. An account has each of
/// Amazon's token buckets in common with everything else that runs in it; those of changing actions are filled with two
/// to five tokens a second (Amazon EC2 Developer Guide, "Request throttling for the Amazon EC2 API").
fn request_spacing(args: &EndpointArgs, url: Option<&str>) -> Duration {
    let usual = match url.is_some_and(looks_like_aws) {
        true => Duration::from_millis(200),
        false => Duration::ZERO,
    };
    args.rate.map_or(usual, |rate| rate.spacing)
}

/// The read lag: from `--read-lag`, or the default for the kind of endpoint.
pub(super) fn read_lag(args: &EndpointArgs, url: Option<&str>) -> ReadLag {
    let usual = match url.is_some_and(looks_like_aws) {
        true => ReadLag::AWS,
        false => ReadLag::USUAL,
    };
    args.read_lag.map_or(usual, ReadLag::from)
}

pub(super) fn min_confidence(args: &ReportArgs) -> contract::Confidence {
    args.min_confidence.map(Into::into).unwrap_or_default()
}

/// Refuses real AWS without consent to the costs, and without what a run needs there.
fn check_consent(args: &EndpointArgs, url: &str) -> Result<(), CliError> {
    let real = looks_like_aws(url);
    if real && !args.allow_real_aws {
        return Err(CliError::Usage(format!(
            "{url} looks like real AWS, where instances cost money\n  \
             hint: to go on, name the account: --allow-real-aws --account 111122223333"
        )));
    }
    if real && args.account.is_none() {
        return Err(CliError::Usage(
            "--allow-real-aws needs the account that the caller must be in: --account 111122223333"
                .to_owned(),
        ));
    }
    if real && args.ebs_image.is_none() {
        return Err(CliError::Usage(
            "real AWS has more images than one answer holds: name the one to launch from with --ebs-image\n  \
             hint: an image whose instances can hibernate lets those cases run too"
                .to_owned(),
        ));
    }
    Ok(())
}

/// An endpoint over HTTP, and the one that is queried for the caller's identity.
fn server(
    args: &EndpointArgs,
    url: &str,
    region: &str,
    workers: usize,
) -> Result<(Endpoint, Option<Endpoint>), CliError> {
    let http = |url: &str| {
        Endpoint::http(HttpOptions {
            url: url.to_owned(),
            request_timeout: args.request_timeout,
            max_body: 16 * 1024 * 1024,
            connections: workers.max(8),
        })
    };
    let endpoint = http(url)?;
    // An emulator serves all services on one port; AWS has a host for each.
    let identity = looks_like_aws(url)
        .then(|| http(&sts_url(url, region)))
        .transpose()?;
    Ok((endpoint, identity))
}

/// Serves the reference on a loopback port until the process ends. It uses the system clock, so its instances start
/// without a pending delay.
async fn served_reference(args: &EndpointArgs, region: &str, edition: Edition) -> Result<Endpoint, CliError> {
    let reference = Reference::new(Config {
        region: region.to_owned(),
        rules: embedded::rules(edition),
        delays: Delays {
            launching: Span::exactly(0),
            starting: Span::exactly(0),
            ..Delays::default()
        },
        ..Config::default()
    });
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let failed = |source| CliError::Listen {
        address: address.to_string(),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let url = format!("http://{}", listener.local_addr().map_err(failed)?);
    let handler: Handler = Arc::new(move |request, now_ms| reference.handle(request, now_ms));
    tokio::spawn(endpoint::serve(listener, handler, std::future::pending()));
    Ok(Endpoint::http(HttpOptions {
        url,
        request_timeout: args.request_timeout,
        max_body: 16 * 1024 * 1024,
        connections: 8,
    })?)
}

/// The contract by which a run is judged.
pub(super) fn contract_of(edition: Edition) -> Arc<Contract> {
    Arc::new(contract::embedded(edition))
}
