//! What an installation needs besides the binary: completions and manual pages.

use crate::child::{command, finish, stopcheck};

#[test]
fn every_shell_has_completions_of_all_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stopcheck(&format!("completions {shell}")).ended_with(0);
        for word in ["selfcheck", "endpoint-url", "server-log"] {
            assert!(script.stdout.contains(word), "{shell} does not complete {word}");
        }
    }
    stopcheck("completions tcsh")
        .ended_with(2)
        .complains_of(&["tcsh", "bash"]);
}

#[test]
fn bash_accepts_its_completions() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let file = scratch.path().join("stopcheck.bash");
    let script = stopcheck("completions bash").ended_with(0).stdout;
    std::fs::write(&file, script).expect("the folder takes a file");
    // What bash would offer for `stopcheck sel`.
    let ask = r#". "$1"; COMP_WORDS=(stopcheck sel); COMP_CWORD=1; _stopcheck stopcheck sel stopcheck; echo "${COMPREPLY[*]}""#;
    let offered = std::process::Command::new("bash")
        .args(["--norc", "-c", ask, "bash"])
        .arg(&file)
        .output()
        .expect("bash is there");
    assert_eq!(
        String::from_utf8_lossy(&offered.stdout),
        "selfcheck\n",
        "{offered:?}"
    );
}

#[test]
fn every_command_has_a_page() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let folder = scratch.path().join("share/man1");
    let mut man = command(["man", "--dir"]);
    man.arg(&folder);
    finish(man).ended_with(0).says_nothing();
    let help = stopcheck("--help").ended_with(0).stdout;
    let (_, commands) = help.split_once("Commands:\n").expect("it lists commands");
    let names = commands
        .lines()
        .map_while(|line| line.strip_prefix("  ")?.split(' ').next());
    let pages: Vec<String> = names
        .filter(|name| !name.is_empty() && *name != "help")
        .map(|name| format!("stopcheck-{name}.1"))
        .collect();
    assert!(pages.len() > 8, "{pages:?}");
    for page in pages {
        let text = crate::child::text_of(&folder.join(&page));
        assert!(
            text.contains(".SH OPTIONS") && text.contains(".SH SYNOPSIS"),
            "{page}: {text}"
        );
    }
    let page = crate::child::text_of(&folder.join("stopcheck.1"));
    assert_eq!(stopcheck("man").ended_with(0).stdout, page);
}

#[test]
fn pages_that_cannot_be_written_are_an_error_with_the_folder() {
    stopcheck("man --dir /dev/null/man1")
        .ended_with(2)
        .complains_of(&["could not write the manual pages to /dev/null/man1"]);
}
