//! Runs that are divided over several machines: which slice this is, and what all slices must have in common.
//!
//! Cases are dealt like cards: slice `m` of `n` plays every `n`th case of the plan, beginning with the `m`th. Slices of
//! the same plan are disjoint, together they are the plan, and neighbours, which cost about the same, are spread evenly.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::RunStarted;

/// One of the equal parts into which a run is divided: `2/4` is the second of four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Slice {
    /// From 1 to `of`.
    number: u16,
    of: u16,
}

/// Why a text names no slice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("m/n is needed, with m from 1 to n and n at most 65535, not {0:?}")]
pub struct SliceError(String);

impl Slice {
    /// The only slice of a run that is not divided.
    pub const WHOLE: Slice = Slice { number: 1, of: 1 };

    /// The slice with this number, from 1, of so many.
    pub fn new(number: u16, of: u16) -> Option<Slice> {
        (1..=of).contains(&number).then_some(Slice { number, of })
    }

    /// Its number, from 1.
    pub fn number(self) -> u16 {
        self.number
    }

    /// The number of all slices.
    pub fn of(self) -> u16 {
        self.of
    }

    /// Whether the case at this position of the plan, from 0, belongs to the slice.
    pub fn has(self, position: usize) -> bool {
        position % usize::from(self.of) == usize::from(self.number - 1)
    }
}

impl Default for Slice {
    fn default() -> Slice {
        Slice::WHOLE
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Slice {
    type Err = SliceError;

    fn from_str(text: &str) -> Result<Slice, SliceError> {
        let parts = text.split_once('/');
        let numbers = parts.and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        numbers
            .and_then(|(number, of)| Slice::new(number, of))
            .ok_or_else(|| SliceError(text.to_owned()))
    }
}

impl TryFrom<String> for Slice {
    type Error = SliceError;

    fn try_from(text: String) -> Result<Slice, SliceError> {
        text.parse()
    }
}

impl From<Slice> for String {
    fn from(slice: Slice) -> String {
        slice.to_string()
    }
}

/// What the journal of a slice says about the whole run. All but the slice must be equal in journals that are merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Partition {
    /// The slice that was played.
    pub slice: Slice,
    /// The setup of the whole run.
    #[serde(flatten)]
    pub setup: RunSetup,
}

/// What decides which cases a run plays, and how they are judged. It must be equal in the journals of all slices, and
/// in a run that is resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunSetup {
    /// A digest that distinguishes the program from others, which may judge differently.
    pub build: String,
    /// A digest of the contract, scenarios of the user included.
    pub contract: String,
    /// The options that select cases and decide how they are played, by name, with the values in effect.
    pub options: BTreeMap<String, String>,
}

impl RunStarted {
    /// What decides the cases and how they are judged; `None` if the journal does not record it.
    pub fn setup(&self) -> Option<&RunSetup> {
        let of_slice = self.partition.as_ref().map(|partition| &partition.setup);
        of_slice.or(self.setup.as_ref())
    }

    /// Whether this is another start of the run that began with `first`.
    pub fn continues(&self, first: &RunStarted) -> bool {
        self.run_id.is_some() && self.run_id == first.run_id
    }

    /// The settings that must be equal in all parts of a run, by name; `None` if the journal does not record its setup.
    pub(super) fn common_settings(&self) -> Option<Vec<(String, String)>> {
        let setup = self.setup()?;
        let slices = self
            .partition
            .as_ref()
            .map_or(1, |partition| partition.slice.of());
        let settings = [
            ("number of slices", slices.to_string()),
            ("version", self.stopcheck.clone()),
            ("build", setup.build.clone()),
            ("contract", setup.contract.clone()),
            ("edition", self.edition.name().to_owned()),
            ("seed", self.seed.to_string()),
            ("min-confidence", self.min_confidence.word().to_owned()),
            ("region", self.region.clone()),
            ("read-lag", format!("{} ms", self.read_lag_ms)),
            ("server", self.server.join(" ")),
        ];
        let settings = settings.map(|(what, value)| (what.to_owned(), value));
        Some(settings.into_iter().chain(setup.options.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_read_as_it_is_written() {
        for text in ["1/1", "2/4", "65535/65535"] {
            assert_eq!(
                text.parse::<Slice>().map(|slice| slice.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in [
            "", "1", "0/1", "2/1", "1/0", "1/65536", "-1/2", "a/b", "1/2/3", " 1/2",
        ] {
            assert_eq!(text.parse::<Slice>(), Err(SliceError(text.to_owned())));
        }
        assert!(
            serde_json::from_str::<Slice>("\"5/4\"").is_err(),
            "a journal may hold anything"
        );
    }

    #[test]
    fn slices_are_disjoint_complete_and_balanced() {
        for of in 1..=9 {
            for count in [0, 1, 7, 8, 9, 10, 100] {
                let mut sizes = vec![0; usize::from(of)];
                for position in 0..count {
                    let owners: Vec<u16> = (1..=of)
                        .filter(|number| Slice::new(*number, of).is_some_and(|slice| slice.has(position)))
                        .collect();
                    let [owner] = owners.as_slice() else {
                        unreachable!("position {position} of {count} is in {owners:?} of {of}")
                    };
                    if let Some(size) = sizes.get_mut(usize::from(owner - 1)) {
                        *size += 1;
                    }
                }
                let (least, most) = (sizes.iter().min(), sizes.iter().max());
                let spread = most
                    .zip(least)
                    .map(|(most, least): (&usize, &usize)| most - least);
                assert!(spread.is_some_and(|spread| spread <= 1), "{sizes:?}");
                assert_eq!(sizes.iter().sum::<usize>(), count);
            }
        }
    }
}
