//! The exit codes of the command and their meanings.
//!
//! They are part of the interface: scripts branch on them. A finding and an error never share a code, so a script can
//! distinguish "the endpoint is wrong" from "we failed" without parsing output.

/// Nothing that was judged fails the run: there are no deviations that decide, or only known ones.
pub const CONFORMANT: u8 = 0;

/// A finding fails the run, a golden changed, or a known deviation is gone or has expired.
pub const FINDINGS: u8 = 1;

/// Invalid usage or configuration, or an endpoint that cannot be reached: there are no verdicts.
pub const USAGE: u8 = 2;

/// An error of the harness, so a part of the contract was not tested. Findings take precedence.
pub const INTERNAL: u8 = 3;

/// Nothing was judged: every case was excluded or unsupported.
pub const NOTHING_TESTED: u8 = 4;

/// The run was interrupted; its findings up to then are in the journal. Takes precedence over all other codes.
pub const INTERRUPTED: u8 = 130;

/// The exit code for two runs together. The codes are not ordered by severity: a finding in one run counts even if the
/// other run could not be judged.
pub fn of_both(one: u8, other: u8) -> u8 {
    const LEAST_TO_WORST: [u8; 6] = [CONFORMANT, NOTHING_TESTED, INTERNAL, USAGE, FINDINGS, INTERRUPTED];
    let rank = |code: u8| LEAST_TO_WORST.iter().position(|known| *known == code);
    if rank(one) < rank(other) { other } else { one }
}

/// The meaning of a code, worded to follow "exit code N: ".
pub fn meaning(code: u8) -> &'static str {
    match code {
        CONFORMANT => "the endpoint conforms, as far as it was examined",
        FINDINGS => "the endpoint deviates from the contract",
        USAGE => "the run could not begin",
        INTERNAL => "the harness failed on a part of the run",
        NOTHING_TESTED => "nothing was tested",
        INTERRUPTED => "the run was interrupted",
        _ => "an unknown exit code",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_in_one_run_is_not_hidden_by_what_kept_another_from_being_judged() {
        for other in [CONFORMANT, NOTHING_TESTED, INTERNAL, FINDINGS] {
            assert_eq!(of_both(FINDINGS, other), FINDINGS);
            assert_eq!(of_both(other, FINDINGS), FINDINGS);
        }
        assert_eq!(of_both(INTERRUPTED, FINDINGS), INTERRUPTED);
        assert_eq!(of_both(CONFORMANT, NOTHING_TESTED), NOTHING_TESTED);
        assert_eq!(of_both(INTERNAL, NOTHING_TESTED), INTERNAL);
    }
}
