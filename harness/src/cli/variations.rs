//! Variations of the reference, by their names on the command line.

use super::error::CliError;
use crate::reference::{Variation, Variations};
use crate::report::list::close;
use crate::selfcheck::ALL_VARIATIONS;

/// The variation of this name.
pub(super) fn named(name: &str) -> Result<Variation, CliError> {
    Variation::named(name).ok_or_else(|| {
        let known = Variation::ALL.iter().map(|variation| variation.name());
        CliError::unknown_name("variation", name, &close(known, name))
    })
}

/// The set of the named variations; `all` stands for as many as can be combined.
pub(super) fn set_of(names: &[String]) -> Result<Variations, CliError> {
    if names.iter().any(|name| name == ALL_VARIATIONS) {
        if names.len() > 1 {
            return Err(CliError::Usage(
                "--variation all includes every variation that can be added".to_owned(),
            ));
        }
        return Ok(Variations::compatible());
    }
    let mut set = Variations::default();
    for name in names {
        let variation = named(name)?;
        if let Some(other) = set.conflict(variation) {
            return Err(CliError::Usage(format!(
                "the variations {} and {name} exclude each other",
                other.name()
            )));
        }
        set = set.with(variation);
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> Result<Variations, String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        set_of(&names).map_err(|error| error.to_string())
    }

    #[test]
    fn names_make_a_set_unless_they_are_unknown_or_exclude_each_other() {
        assert_eq!(set(&[]), Ok(Variations::default()));
        assert_eq!(set(&["all"]), Ok(Variations::compatible()));
        assert_eq!(
            set(&["slow-stops", "purge-soon"]),
            Ok(Variations::from(Variation::SlowStops).with(Variation::PurgeSoon))
        );
        assert!(set(&["slow-stop"]).is_err_and(|error| error.contains("slow-stops")));
        assert_eq!(
            set(&["stale-reads-4s", "stale-reads-300ms"]),
            Err("the variations stale-reads-4s and stale-reads-300ms exclude each other".to_owned())
        );
        assert!(set(&["all", "slow-stops"]).is_err());
    }
}
