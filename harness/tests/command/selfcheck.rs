//! `stopcheck selfcheck`, and the faults that can be served.

use super::child::{stopcheck, text_of};

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
