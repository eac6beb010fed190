//! Identifies a run: in the head of its journal, and in the tags of everything that it creates.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The id of a run: `run-` and sixteen hexadecimal digits. By default that of runs on the embedded reference, which
/// ends with its cases, so that a run on it is the same every time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct RunId(u64);

/// Why a text is not the id of a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("run- and sixteen hexadecimal digits are needed, not {0:?}")]
pub struct RunIdError(String);

/// What an id begins with.
const PREFIX: &str = "run-";
/// The number of its digits.
const DIGITS: usize = 16;

impl RunId {
    /// The id with this number, which must be random: ids distinguish the runs of one account.
    pub const fn new(random: u64) -> RunId {
        RunId(random)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{:016x}", self.0)
    }
}

impl FromStr for RunId {
    type Err = RunIdError;

    /// Reads an id in the one form in which it is written: another one is not ours.
    fn from_str(text: &str) -> Result<RunId, RunIdError> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        let digits = text.strip_prefix(PREFIX);
        digits
            .filter(|digits| digits.len() == DIGITS && digits.bytes().all(is_digit))
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .map(RunId)
            .ok_or_else(|| RunIdError(text.to_owned()))
    }
}

impl TryFrom<String> for RunId {
    type Error = RunIdError;

    fn try_from(text: String) -> Result<RunId, RunIdError> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> String {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_in_the_form_in_which_it_is_written_and_in_no_other() {
        for number in [0, 7, u64::MAX] {
            let id = RunId::new(number);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for text in [
            "",
            "run-",
            "run-0123456789abcde",
            "run-0123456789abcdef0",
            "run-0123456789ABCDEF",
            "run-+123456789abcdef",
            "Run-0123456789abcdef",
            " run-0123456789abcdef",
            "stop/running/a",
        ] {
            assert_eq!(text.parse::<RunId>(), Err(RunIdError(text.to_owned())));
        }
        assert!(serde_json::from_str::<RunId>("\"run-x\"").is_err());
    }
}
