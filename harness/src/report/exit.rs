//! The exit codes of the command, each with its meaning.
//!
//! They are part of the interface: scripts branch on them. A finding and an error never share a code, so that
//! "the endpoint is wrong" and "we failed" can be told apart without reading a line of output.

/// Everything that was judged is allowed, or known to deviate.
pub const CONFORMANT: u8 = 0;

/// There are findings that decide the run, a golden changed, or a known deviation no longer deviates.
pub const FINDINGS: u8 = 1;

/// Wrong usage, wrong configuration, or an endpoint that cannot be reached: there are no verdicts.
pub const USAGE: u8 = 2;

/// Something of ours failed, so a part of the contract was not examined. Findings take precedence.
pub const INTERNAL: u8 = 3;

/// Nothing was judged: every case was left out or unsupported.
pub const NOTHING_TESTED: u8 = 4;

/// The run was interrupted; what it had found until then is in the journal. Takes precedence over all others.
pub const INTERRUPTED: u8 = 130;

/// What a code means, as the end of a sentence that begins with "exit code N: ".
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
