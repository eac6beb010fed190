//! `stopcheck selfcheck`, and serving a planted fault.

use super::child::{command, finish, stopcheck, text_of};

#[test]
fn a_fault_that_is_planted_is_found_and_told_by_name() {
    stopcheck("selfcheck --fault dry-run-stops --fault success-202 --scripts 2")
        .ended_with(0)
        .says(&[
            "baseline   left out",
            "2 of 2 killed",
            "ablation   left out",
            "PROVEN",
        ]);
}

#[test]
fn a_fault_that_nobody_knows_is_told_with_its_neighbours() {
    stopcheck("selfcheck --fault dry-run-stop")
        .ended_with(2)
        .complains_of(&[
            "no fault called \"dry-run-stop\"",
            "dry-run-stops",
            "stopcheck list --faults",
        ]);
}

#[test]
fn the_faults_are_listed_with_what_they_violate_and_where_they_were_seen() {
    stopcheck("list --faults").ended_with(0).says(&[
        "protection-ignored",
        "stop protection is not looked at (",
        "seen in moto 5.0.28",
        "overlapping-stops-lose-one",
    ]);
}

#[test]
fn a_matrix_that_is_not_as_reviewed_is_shown_line_by_line_and_can_be_blessed() {
    let folder = tempfile::tempdir().expect("a scratch folder can be made");
    let golden = folder.path().join("matrix.txt");
    std::fs::write(&golden, "success-202: scenarios -;\n").expect("the scratch folder can be written to");
    let words = format!(
        "selfcheck --fault success-202 --scripts 2 --golden {}",
        golden.display()
    );
    stopcheck(&words).ended_with(1).says(&[
        "PROVEN",
        "not as it was reviewed",
        "-success-202: scenarios -;",
        "+success-202: scenarios RSP-01",
    ]);
    stopcheck(&format!("{words} --bless")).ended_with(0);
    assert!(text_of(&golden).contains("success-202: scenarios RSP-01"));
}

#[test]
fn variations_are_listed_with_their_source_and_what_they_exclude() {
    let mut list = command(["list", "--variations"]);
    list.env("COLUMNS", "80");
    let listed = finish(list).ended_with(0).says(&[
        "stale-reads-4s\n    For 4 s, descriptions show the world as it was before a change.",
        "source: captures: the first look after a stop was stale in 14 of 16",
        "not with: stale-reads-300ms",
    ]);
    assert!(
        listed.stdout.lines().all(|line| line.chars().count() <= 80),
        "{}",
        listed.stdout
    );
}

#[test]
fn a_variation_that_is_unknown_or_excluded_is_refused_with_a_way_out() {
    for command in ["serve --port 0", "selfcheck"] {
        stopcheck(&format!("{command} --variation slow-stop"))
            .ended_with(2)
            .complains_of(&[
                "no variation called \"slow-stop\"",
                "slow-stops",
                "stopcheck list --variations",
            ]);
    }
    stopcheck("serve --port 0 --variation stale-reads-4s --variation stale-reads-300ms")
        .ended_with(2)
        .complains_of(&["stale-reads-4s and stale-reads-300ms exclude each other"]);
}

#[test]
fn a_variation_is_played_alone_and_seen_to_change_an_answer() {
    let played = stopcheck("selfcheck --variation indented-layout --scripts 1");
    for part in [
        "baseline   left out",
        "faults     left out",
        "of 1 without a failure, each seen to change an answer",
    ] {
        assert!(played.stdout.contains(part), "{}", played.stdout);
    }
}
