//! `stopcheck list` and `stopcheck explain`.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;

use super::args::{ExplainArgs, ListArgs};
use super::error::CliError;
use super::journal::Events;
use super::reports::{unless_closed, width};
use super::run::contract_of;
use super::scenarios::contract_with;
use crate::contract::{Contract, Edition};
use crate::journal::{Event, Phase};
use crate::plan;
use crate::plan::coverage::{self, CaseEnding};
use crate::report::list::Listed;
use crate::report::{self, exit, form, known, list, questions};
use crate::selfcheck;

pub(super) fn list(args: &ListArgs) -> Result<u8, CliError> {
    if args.coverage {
        return list_coverage(args);
    }
    if args.faults {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let written = selfcheck::write_catalogue(&mut out);
        return told(written.and_then(|()| out.flush()));
    }
    if args.variations {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let written = selfcheck::write_variations(width(), &mut out);
        return told(written.and_then(|()| out.flush()));
    }
    let contract = contract_with(
        &args.scenarios,
        args.edition.map(Edition::from).unwrap_or_default(),
    )?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = if args.clauses {
        list::clauses(&contract, &mut out)
    } else if args.questions {
        questions::list(&contract, width(), &mut out)
    } else {
        let mut plan = plan::Plan::default();
        let selection = plan::Selection {
            clauses: args.clause.clone(),
            ..plan::Selection::default()
        };
        plan.add(Phase::Scenarios, contract.scenarios.iter().cloned(), &selection);
        plan.add_wire(&contract, &selection);
        if plan.is_empty() {
            return Err(no_case_of(&args.clause));
        }
        let named = plan.cases.iter().map(|planned| Listed::from(&planned.case));
        list::cases(named.chain(plan.wire.iter().map(Listed::from)), width(), &mut out)
    };
    told(written.and_then(|()| out.flush()))
}

fn no_case_of(patterns: &[String]) -> CliError {
    CliError::Usage(format!(
        "no case covers a clause like {}\n  hint: stopcheck list --clauses shows their ids",
        patterns.join(" or ")
    ))
}

/// Lists what the coverage phase combines and, with a journal, which combinations that run reached.
fn list_coverage(args: &ListArgs) -> Result<u8, CliError> {
    let strength = usize::from(args.strength);
    let wished = args.edition.map(Edition::from);
    let run = args
        .journal
        .as_deref()
        .map(|path| ended(path, wished))
        .transpose()?;
    let edition = run.as_ref().map(|(edition, _)| *edition).or(wished);
    let contract = contract_of(edition.unwrap_or_default());
    let survey = coverage::survey(&contract, strength);
    let reach = run.map(|(_, ended)| coverage::reach(&contract, strength, &ended));
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = report::coverage::write(&survey, reach.as_ref(), width(), &mut out);
    told(written.and_then(|()| out.flush()))
}

/// Reads how the cases of a run ended, and its edition.
fn ended(path: &Path, wished: Option<Edition>) -> Result<(Edition, BTreeMap<String, CaseEnding>), CliError> {
    let mut events = Events::open(path)?;
    let edition = events.head()?.edition;
    if let Some(wished) = wished
        && wished != edition
    {
        return Err(CliError::Usage(format!(
            "{} is a run of edition {}: its cases are not those of edition {}",
            path.display(),
            edition.name(),
            wished.name()
        )));
    }
    let mut ended = BTreeMap::new();
    let mut purposes = BTreeMap::new();
    while let Some(event) = events.next()? {
        match event {
            Event::CaseStarted(started) => {
                purposes.insert(started.case, started.purpose);
            }
            Event::CaseEnded(end) => {
                let purpose = purposes.remove(&end.case).unwrap_or_default();
                let outcome = end.outcome;
                ended.insert(end.case, CaseEnding { purpose, outcome });
            }
            Event::RunStarted(_)
            | Event::FixtureReady(_)
            | Event::LaunchDeviated(_)
            | Event::StepStarted(_)
            | Event::Exchanged(_)
            | Event::Judged(_)
            | Event::Noted(_)
            | Event::Explored(_)
            | Event::Recurred(_)
            | Event::Flaky(_)
            | Event::Reproduced(_)
            | Event::RunEnded(_) => {}
        }
    }
    Ok((edition, ended))
}

pub(super) fn explain(args: &ExplainArgs) -> Result<u8, CliError> {
    if args.id.trim().eq_ignore_ascii_case(form::NAME) {
        return told(io::stdout().lock().write_all(form::explain(width()).as_bytes()));
    }
    if args.id.trim().eq_ignore_ascii_case("known") {
        return told(io::stdout().lock().write_all(known::explain(width()).as_bytes()));
    }
    if let Some(pack) = known::pack(&args.id) {
        return told(io::stdout().lock().write_all(pack.text.as_bytes()));
    }
    let mut contract = Contract::clone(&*contract_with(&args.scenarios, args.edition.into())?);
    if let Some(strength) = coverage::strength_of(&args.id) {
        contract.scenarios.extend(coverage::cases(&contract, strength));
    }
    let text = list::explain(&contract, &args.id, width())
        .map_err(|unknown| CliError::Usage(format!("could not {unknown}")))?;
    told(io::stdout().lock().write_all(text.as_bytes()))
}

fn told(written: io::Result<()>) -> Result<u8, CliError> {
    unless_closed(written)?;
    Ok(exit::CONFORMANT)
}
