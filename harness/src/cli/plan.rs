//! The plan of a run: `--plan` prints it and sends nothing, and a run on real AWS prints it and asks before it begins.

use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::time::Duration;

use super::args::{EndpointArgs, PlanArgs, PlanFormat, RunArgs};
use super::error::CliError;
use super::keys;
use super::reports::{unless_closed, width};
use super::run::{self, url};
use crate::endpoint::{self, looks_like_aws};
use crate::journal::Phase;
use crate::plan::Plan;
use crate::plan::estimate::{Means, TransitionTimes, Width};
use crate::report::exit;
use crate::report::plan::{Launching, PlanReport};
use crate::report::repeat::DEFAULT_REGION;

/// The most bytes that are read of an answer to the question.
const LONGEST_ANSWER: u64 = 64;

/// The options that a plan depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlanOptions<'a> {
    pub(super) endpoint: &'a EndpointArgs,
    pub(super) planning: &'a PlanArgs,
    pub(super) workers: Option<u16>,
    /// Whether the phases are those that are played by default.
    pub(super) has_usual_phases: bool,
}

impl<'a> From<&'a RunArgs> for PlanOptions<'a> {
    fn from(args: &'a RunArgs) -> Self {
        PlanOptions {
            endpoint: &args.endpoint,
            planning: &args.planning,
            workers: args.workers,
            has_usual_phases: args.phase.is_empty(),
        }
    }
}

/// Prints the plan instead of a run.
pub(super) fn print(options: PlanOptions<'_>, plan: &Plan, format: PlanFormat) -> Result<u8, CliError> {
    let mut out = io::stdout().lock();
    let report = report(options, plan);
    let written = match format {
        PlanFormat::Text => report.write(width(), &mut out),
        PlanFormat::Json => report.write_json(&mut out),
    };
    unless_closed(written.and_then(|()| out.flush()))?;
    Ok(exit::CONFORMANT)
}

/// Prints the plan of a run on real AWS. The run may begin with `--yes`, or if a person at the terminal answers so.
pub(super) fn consent(options: PlanOptions<'_>, plan: &Plan, out: &mut dyn Write) -> Result<(), CliError> {
    let written = report(options, plan).write(width(), out);
    unless_closed(written.and_then(|()| out.flush()))?;
    if options.planning.yes {
        return Ok(());
    }
    let is_person_there = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !is_person_there {
        return Err(CliError::Usage(
            "nothing was sent: a run on real AWS costs money, and needs --yes after this plan was read"
                .to_owned(),
        ));
    }
    eprint!("\nLaunch these instances? Only yes is accepted: ");
    match is_yes(io::stdin().lock())? {
        true => Ok(()),
        false => Err(CliError::Usage(
            "nothing was sent: the plan was not accepted".to_owned(),
        )),
    }
}

/// Whether the first line is `yes`.
fn is_yes(input: impl io::BufRead) -> io::Result<bool> {
    let mut answer = String::new();
    input.take(LONGEST_ANSWER).read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

fn report(options: PlanOptions<'_>, plan: &Plan) -> PlanReport {
    let endpoint = options.endpoint;
    let url = url(endpoint);
    let is_aws = url.as_deref().is_some_and(looks_like_aws);
    // Without credentials a run cannot begin, but a plan can be made.
    let has = |caller| url.is_none() || keys::are_named(&endpoint.credentials, caller);
    let raw_socket = url
        .as_deref()
        .is_none_or(|url| endpoint::raw_address(url).is_some());
    let mut means = run::launch(endpoint).means(has, raw_socket);
    if is_aws {
        // There a run is refused that names no image, and none is looked up.
        means = Means {
            looks_up_images: false,
            instance_store_image: endpoint.instance_store_image.is_some(),
            ..means
        };
    }
    let settle_ms = ms(run::settle_timeout(endpoint, url.as_deref()));
    let lag_ms = run::read_lag(endpoint, url.as_deref()).ms();
    let workers = options
        .workers
        .map_or(run::usual_workers(url.as_deref()), usize::from);
    let max_instances = run::max_instances(endpoint, url.as_deref());
    let width = Width {
        open_cases: run::open_cases(url.as_deref(), workers, max_instances),
        max_instances,
        shares_instances: run::shares_instances(url.as_deref()),
    };
    let estimate = plan.estimate(
        &means,
        width,
        TransitionTimes::always(settle_ms.saturating_add(lag_ms)),
    );
    PlanReport {
        region: run::region(endpoint, url.as_deref()).unwrap_or_else(|| DEFAULT_REGION.to_owned()),
        is_aws,
        phases_left_out: phases_left_out(plan, is_aws && options.has_usual_phases),
        longest_settle_ms: settle_ms,
        longest_lag_ms: lag_ms,
        max_requests: run::max_requests(endpoint, url.as_deref()),
        launching: Launching {
            account: endpoint.account.clone(),
            instance_type: endpoint.instance_type.clone(),
            ebs_image: endpoint.ebs_image.clone(),
            instance_store_image: endpoint.instance_store_image.clone(),
            subnet: endpoint.subnet.clone(),
        },
        endpoint: url.unwrap_or_else(|| "the embedded reference".to_owned()),
        estimate,
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The phases that are not played on real AWS unless they are named, or never.
fn phases_left_out(plan: &Plan, by_default: bool) -> Vec<Phase> {
    let all = [Phase::Coverage, Phase::Wire, Phase::Concurrent, Phase::Random];
    let sizes = plan.sizes();
    let is_out = |phase: &Phase| by_default && !sizes.contains_key(phase);
    all.into_iter().filter(is_out).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_word_is_consent() {
        for (answer, accepted) in [
            ("yes\n", true),
            (" yes \r\n", true),
            ("yes", true),
            ("y\n", false),
            ("YES\n", false),
            ("\nyes\n", false),
            ("", false),
        ] {
            assert_eq!(
                is_yes(answer.as_bytes()).expect("it can be read"),
                accepted,
                "{answer:?}"
            );
        }
        let endless = io::BufReader::new(io::repeat(b'y'));
        assert!(!is_yes(endless).expect("it can be read"), "the line is cut");
    }
}
