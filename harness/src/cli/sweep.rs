//! `stopcheck sweep`: removes what earlier runs have left at an endpoint.

use std::fmt::Write as _;
use std::io::Write as _;

use tokio::sync::watch;

use super::args::{EndpointArgs, SweepArgs};
use super::error::CliError;
use super::run;
use crate::check::time;
use crate::contract::{Confidence, Edition};
use crate::report::exit;
use crate::report::known::KnownOn;
use crate::report::text::{plural, visible};
use crate::runner::{LeftInstance, SweepScope, Sweeper};

pub(super) async fn sweep(args: &SweepArgs) -> Result<u8, CliError> {
    let edition = Edition::default();
    let endpoint = EndpointArgs {
        // Nothing is launched, so no image has to be named.
        ebs_image: Some(String::new()),
        ..args.endpoint.clone()
    };
    if run::url(&endpoint).is_none() {
        return Err(CliError::Usage(
            "there is nothing to sweep: the embedded reference ends with its run\n  \
             hint: name an endpoint with --endpoint-url"
                .to_owned(),
        ));
    }
    let settings = run::RunSettings {
        edition,
        min_confidence: Confidence::default(),
        seed: 0,
        workers: Some(1),
        record: false,
        time_limit: None,
        fail_fast: false,
        known: KnownOn::default(),
        overlap_requests: 0,
    };
    let scope = match (args.run, args.older_than) {
        (Some(run), _) => SweepScope::Run(run),
        (None, Some(age)) => SweepScope::OlderThan(age),
        (None, None) => SweepScope::Expired,
    };
    let options = run::options(&endpoint, &settings).await?;
    let (stop, interrupted) = watch::channel(false);
    let signals = tokio::spawn(run::listen(stop));
    let contract = run::contract_of(edition);
    let sweeper = Sweeper::open(contract, options, interrupted.clone()).await?;
    print(&found(&sweeper, scope, args.dry_run))?;
    let count = sweeper.instances(scope, true).count() + sweeper.spot_requests(scope).count();
    let remaining = match args.dry_run {
        true => Vec::new(),
        false => sweeper.remove(scope).await,
    };
    signals.abort();
    print(&conclusion(args.dry_run, count, &remaining))?;
    Ok(match () {
        () if *interrupted.borrow() => exit::INTERRUPTED,
        () if (args.dry_run && count > 0) || !remaining.is_empty() => exit::FINDINGS,
        () => exit::CONFORMANT,
    })
}

/// What is there: a line for each instance and Spot request.
fn found(sweeper: &Sweeper, scope: SweepScope, dry_run: bool) -> String {
    let mut out = String::new();
    let verb = if dry_run { "would remove" } else { "removing" };
    for one in sweeper.instances(scope, true) {
        let _ = writeln!(out, "{verb} {}", line(one));
    }
    for one in sweeper.spot_requests(scope) {
        let _ = writeln!(out, "{verb} {} of {}", one.id, one.tags.run);
    }
    for one in sweeper.instances(scope, false) {
        let _ = writeln!(out, "keeping {}", line(one));
    }
    if let Some(note) = sweeper.note() {
        let _ = writeln!(out, "note: {}", visible(note));
    }
    out
}

fn line(one: &LeftInstance) -> String {
    let moment = |ms| time::moment(ms).unwrap_or_default();
    format!(
        "{} of {}, {}\n  launched {}, expires {}",
        one.id,
        one.tags.run,
        visible(&one.state),
        moment(one.tags.created_ms),
        moment(one.tags.expires_ms)
    )
}

fn conclusion(dry_run: bool, count: usize, remaining: &[String]) -> String {
    let all = plural(count, "resource");
    match (count, remaining) {
        (0, _) => "Nothing to remove.\n".to_owned(),
        _ if dry_run => format!("{all} to remove; nothing was changed (--dry-run).\n"),
        (_, []) => format!("Removed {all}.\n"),
        (_, remaining) => format!(
            "Removed {} of {all}; not removed: {}\n",
            count.saturating_sub(remaining.len()),
            remaining.join(", ")
        ),
    }
}

fn print(text: &str) -> Result<(), CliError> {
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}
