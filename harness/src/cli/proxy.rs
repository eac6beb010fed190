//! `stopcheck proxy`: judges what clients exchange with an endpoint.

use std::io::Write as _;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::args::{ProxyArgs, ReportArgs};
use super::error::CliError;
use super::journal::JournalWriter;
use super::known::KnownUse;
use super::reports;
use super::run::{self, wait_for_signal};
use crate::endpoint::{self, Endpoint, HttpOptions, looks_like_aws};
use crate::journal::Event;
use crate::model::ReadLag;
use crate::report::Tally;
use crate::traffic::{TrafficRecorder, TrafficSettings, proxy};

/// How many exchanges wait for the judge before clients wait for it, too.
const QUEUE: usize = 64;

/// The largest answer that is passed on, in bytes.
const MAX_BODY: usize = 64 << 20;

/// How many idle connections to the endpoint are kept.
const CONNECTIONS: usize = 64;

pub(super) async fn proxy(args: ProxyArgs) -> Result<u8, CliError> {
    let is_real = looks_like_aws(&args.upstream);
    if is_real && !args.allow_real_aws {
        return Err(CliError::Usage(format!(
            "{} looks like real AWS, where the calls of clients act on real instances\n  hint: to go on, add \
             --allow-real-aws",
            args.upstream
        )));
    }
    reports::check(&args.reports)?;
    let upstream = Endpoint::http(HttpOptions {
        url: args.upstream.clone(),
        request_timeout: args.request_timeout,
        max_body: MAX_BODY,
        connections: CONNECTIONS,
    })?;
    let contract = run::contract_of(args.edition.into());
    let mut journal = args.journal.as_deref().map(JournalWriter::create).transpose()?;
    let failed = |source| CliError::Listen {
        address: args.listen.to_string(),
        source,
    };
    let listener = TcpListener::bind(args.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    announce(&args.reports, address)?;
    let usual = match is_real {
        true => ReadLag::AWS,
        false => ReadLag::USUAL,
    };
    let settings = TrafficSettings {
        endpoint: upstream.name(),
        min_confidence: run::min_confidence(&args.reports),
        read_lag_ms: args.read_lag.map_or(usual, ReadLag::from).ms(),
        exclusive: args.exclusive,
    };
    let mut progress = reports::progress(&args.reports, &contract).without_end();
    let mut tally = Tally::new(&contract);
    let mut unwritten = None;
    let mut emit = |event: Event| {
        if let (Some(journal), None) = (&mut journal, &unwritten) {
            unwritten = journal.write(&event).err();
        }
        progress.take(&event);
        tally.take(&event);
        unwritten.is_none()
    };
    let (watched, mut inbox) = mpsc::channel(QUEUE);
    let handler = proxy::handler(upstream.clone(), watched);
    let mut recorder =
        TrafficRecorder::start(&contract, settings, upstream.now_ms(), |event| _ = emit(event));
    let server = tokio::spawn(endpoint::serve_async(listener, handler, wait_for_signal()));
    // All senders are gone when the server has ended.
    while let Some(exchange) = inbox.recv().await {
        let mut goes_on = true;
        recorder.take(exchange, |event| goes_on &= emit(event));
        if !goes_on {
            // Without its journal, a run is not what was wanted.
            server.abort();
            break;
        }
    }
    recorder.finish(upstream.now_ms(), false, |event| _ = emit(event));
    drop(progress);
    if let Some(error) = unwritten {
        return Err(error);
    }
    match server.await {
        Ok(served) => served.map_err(CliError::Serve)?,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
    let known = KnownUse::of_recorded(&args.known, &contract, &tally)?;
    known.review(&mut tally, &contract);
    let code = reports::write(&args.reports, &tally, &contract)?;
    known.update(&tally, &contract, reports::policy(&args.reports))?;
    Ok(code)
}

/// Prints where clients find the proxy, as lines that a shell can evaluate.
fn announce(args: &ReportArgs, address: SocketAddr) -> Result<(), CliError> {
    let mut out = reports::terminal(args);
    writeln!(out, "listening on http://{address}; Ctrl-C ends it")?;
    writeln!(out, "export AWS_ENDPOINT_URL_EC2=http://{address}")?;
    out.flush()?;
    Ok(())
}
