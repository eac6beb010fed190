//! The files that a work tree may contain: text, except for fuzzer inputs, no leftovers of tools, and at the root only
//! the expected files.

use super::Complaint;

/// The expected files at the root. A new one is added here in the commit that adds the file.
const AT_THE_ROOT: &[&str] = &[
    ".gitattributes",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "clippy.toml",
    "deny.toml",
    "rust-toolchain.toml",
    "rustfmt.toml",
];

/// Path prefixes below which a file may contain any bytes.
const ANY_BYTES: &[&str] = &["fuzz/corpus/", "fuzz/regressions/"];

/// Endings of files that a tool left behind, or that were downloaded or packed.
const LEFTOVERS: &[&str] = &[
    ".gz",
    ".log",
    ".orig",
    ".pending-snap",
    ".profdata",
    ".profraw",
    ".rej",
    ".snap.new",
    ".tmp",
    ".whl",
    ".zip",
];

/// Complaints about one file, from its path and its bytes.
pub(super) fn check(path: &str, bytes: &[u8]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    if !path.contains('/') && !AT_THE_ROOT.contains(&path) {
        complaints.push(Complaint::new(
            path,
            "not a file that is expected at the root: move it, or add it to the list of the rule",
        ));
    }
    if let Some(ending) = LEFTOVERS.iter().find(|ending| path.ends_with(**ending)) {
        complaints.push(Complaint::new(
            path,
            format!("`{ending}` is a leftover of a tool or a packed file: remove it"),
        ));
    }
    let any_bytes = ANY_BYTES.iter().any(|folder| path.starts_with(folder));
    if !any_bytes && is_binary(bytes) {
        complaints.push(Complaint::new(
            path,
            format!(
                "not UTF-8 text, which only inputs of the fuzzers may be ({})",
                ANY_BYTES.join(", ")
            ),
        ));
    }
    complaints
}

fn is_binary(bytes: &[u8]) -> bool {
    bytes.contains(&0) || std::str::from_utf8(bytes).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, bytes: &[u8]) -> usize {
        check(path, bytes).len()
    }

    #[test]
    fn a_file_at_the_root_is_on_the_list() {
        assert_eq!(count("README.md", b"# a\n"), 0);
        assert_eq!(count("notes.md", b"# a\n"), 1);
        assert_eq!(count("specs/notes.md", b"# a\n"), 0);
    }

    #[test]
    fn a_binary_file_is_an_input_of_a_fuzzer() {
        for bytes in [&b"a\0b"[..], b"\xff"] {
            assert_eq!(count("fuzz/corpus/form/a", bytes), 0);
            assert_eq!(count("fuzz/regressions/form/a", bytes), 0);
            assert_eq!(count("fuzz/a", bytes), 1);
        }
        assert_eq!(count("fuzz/a", "ä".as_bytes()), 0);
    }

    #[test]
    fn a_leftover_of_a_tool_is_a_complaint() {
        for ending in LEFTOVERS {
            assert_eq!(count(&format!("harness/a{ending}"), b"a"), 1, "{ending}");
        }
        assert_eq!(count("golden/snapshots/a.snap", b"a"), 0);
        assert_eq!(count("harness/src/log.rs", b"a"), 0);
    }

    #[test]
    fn a_profile_at_the_root_breaks_every_rule() {
        assert_eq!(count("default_1_0_2.profraw", b"\xfflprofr\x81"), 3);
    }
}
