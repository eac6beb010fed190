//! Content that no tracked file may have: unfinished work, paths of one machine, names of package hosts, excessive
//! length.

use super::Complaint;

const LINES_MAX: usize = 700;

/// Markers of unfinished work. Written in two halves, so that this file does not contain them.
const UNFINISHED: &[&str] = &[
    concat!("to", "do!("),
    concat!("#[ig", "nore"),
    concat!("FIX", "ME"),
];

/// Folders that exist on one machine only.
const MACHINE: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
];

/// The package registry is the developer's setting, not ours.
const HOSTS: &[&str] = &[
    concat!("pypi.", "org"),
    concat!("python", "hosted.org"),
    concat!("registry.", "npmjs"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("deb.", "debian.org"),
];

/// Settings that put a package host into a file.
const HOST_SETTINGS: &[&str] = &[
    concat!("--index", "-url"),
    concat!("--extra-index", "-url"),
    concat!("\"reso", "lved\": \"http"),
];

/// Path prefixes of third-party content that is kept unchanged.
const FOREIGN: &[&str] = &["fuzz/corpus/", "LICENSE-"];

pub(super) fn check(path: &str, text: &str) -> Vec<Complaint> {
    if FOREIGN.iter().any(|foreign| path.starts_with(foreign)) {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let place = || format!("{path}:{}", index + 1);
        for word in UNFINISHED.iter().filter(|word| line.contains(**word)) {
            complaints.push(Complaint::new(place(), format!("`{word}` is unfinished work")));
        }
        for folder in MACHINE.iter().filter(|folder| begins_a_path(line, folder)) {
            complaints.push(Complaint::new(
                place(),
                format!("`{folder}` is a path of one machine"),
            ));
        }
        for host in HOSTS
            .iter()
            .chain(HOST_SETTINGS)
            .filter(|host| line.contains(**host))
        {
            complaints.push(Complaint::new(place(), format!("`{host}` names a package host")));
        }
    }
    let lines = text.lines().count();
    if lines > LINES_MAX && is_written_by_hand(path) {
        complaints.push(Complaint::new(
            path,
            format!("{lines} lines, more than {LINES_MAX}: does it have two reasons to change?"),
        ));
    }
    complaints
}

/// Whether the folder is at the beginning of a path, and not in the middle of a path or URL.
fn begins_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        line.get(..at)
            .and_then(|before| before.chars().next_back())
            .is_none_or(|before| !before.is_alphanumeric() && !"._-}~".contains(before))
    })
}

fn is_written_by_hand(path: &str) -> bool {
    [".rs", ".py", ".sh", ".mjs", ".js"]
        .iter()
        .any(|end| path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(path, text).len()
    }

    #[test]
    fn unfinished_work_is_a_complaint() {
        assert_eq!(count("a.rs", concat!("fn f() { to", "do!() }")), 1);
        assert_eq!(count("a.rs", concat!("#[ig", "nore = \"slow\"]")), 1);
        assert_eq!(count("a.rs", "// A list of things to do."), 0);
    }

    #[test]
    fn a_path_of_one_machine_is_a_complaint_and_an_address_is_not() {
        assert_eq!(count("a.md", concat!("see /ho", "me/somebody/x")), 1);
        assert_eq!(
            count(
                "a.md",
                concat!("https://example.com/ho", "me/x and target/ro", "ot/y")
            ),
            0
        );
    }

    #[test]
    fn a_package_host_is_a_complaint() {
        assert_eq!(count("pins.txt", concat!("--index", "-url x")), 1);
        assert_eq!(
            count("package-lock.json", concat!("\"reso", "lved\": \"https://x\"")),
            1
        );
    }

    #[test]
    fn seven_hundred_lines_are_the_most() {
        assert_eq!(count("a.rs", &"x\n".repeat(LINES_MAX)), 0);
        assert_eq!(count("a.rs", &"x\n".repeat(LINES_MAX + 1)), 1);
        assert_eq!(count("a.lock", &"x\n".repeat(LINES_MAX + 1)), 0);
    }
}
