//! `stopcheck list` and `stopcheck explain`.

use std::io::{self, Write as _};

use super::args::{ExplainArgs, ListArgs};
use super::error::CliError;
use super::reports::width;
use super::scenarios::contract_with;
use crate::plan;
use crate::report::list::Listed;
use crate::report::{exit, form, list};

pub(super) fn list(args: &ListArgs) -> Result<u8, CliError> {
    let contract = contract_with(&args.scenarios, args.edition.into())?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = if args.clauses {
        list::clauses(&contract, &mut out)
    } else {
        let (raw, _) = plan::wire::generate(&[]);
        let named = contract.scenarios.iter().map(Listed::from);
        list::cases(named.chain(raw.iter().map(Listed::from)), width(), &mut out)
    };
    told(written.and_then(|()| out.flush()))
}

pub(super) fn explain(args: &ExplainArgs) -> Result<u8, CliError> {
    if args.id.trim().eq_ignore_ascii_case(form::NAME) {
        return told(io::stdout().lock().write_all(form::explain(width()).as_bytes()));
    }
    let contract = contract_with(&args.scenarios, args.edition.into())?;
    let text = list::explain(&contract, &args.id, width())
        .map_err(|unknown| CliError::Usage(format!("could not {unknown}")))?;
    told(io::stdout().lock().write_all(text.as_bytes()))
}

/// A reader that closes our output early, as `head` does, is no error.
fn told(written: io::Result<()>) -> Result<u8, CliError> {
    match written {
        Ok(()) => Ok(exit::CONFORMANT),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(exit::CONFORMANT),
        Err(error) => Err(error.into()),
    }
}
