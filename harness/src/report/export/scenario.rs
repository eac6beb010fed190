//! Exports a case as a scenario file, for `--scenarios` or for `specs/`.
//!
//! ```toml
//! # DRY-04: A dry run changes nothing: the instance stays running.
//! #
//! # Allowed: a stays running
//! #
//! # Observed: stopping
//! [[scenario]]
//! name = "found/dry-run/valid/dry-04"
//! purpose = "A dry run of an allowed stop is refused and changes nothing."
//! clauses = ["DRY-01", "DRY-04"]
//! fixtures = { a = "running" }
//! steps = [
//!   { call = "StopInstances", ids = ["{a}"], dry-run = "true" },
//! ]
//! ```
//!
//! The text is read back before it is returned: it gives the same case, or the reason why not is returned.

use super::{Material, commented};
use crate::contract::{self, Contract, Scenario};

pub use crate::contract::written::scenario as write;

/// The case of the finding under a new name, with the finding as a comment above it.
pub fn export(material: &Material, contract: &Contract) -> Result<String, String> {
    let case = named(material);
    let text = commented("#", &material.summary(contract)) + &write(&case);
    let file = ("export.toml".to_owned(), text.clone());
    let read = contract::extended(&[file], contract.edition)
        .map_err(|errors| format!("a file of scenarios cannot say it: {errors}"))?;
    match read.scenarios.last() {
        Some(read) if *read == case => Ok(text),
        Some(_) | None => Err("a file of scenarios cannot say it as it was".to_owned()),
    }
}

/// Renames the case so that the name is not in the contract and belongs to no phase, and adds the clause of the finding
/// to its clauses.
pub(super) fn named(material: &Material) -> Scenario {
    let mut case = material.case.clone();
    let clause = material.finding.clause.as_str().to_ascii_lowercase();
    let found = if case.name.starts_with("found/") {
        ""
    } else {
        "found/"
    };
    let end = if case.name.ends_with(&clause) {
        String::new()
    } else {
        format!("/{clause}")
    };
    case.name = format!("{found}{}{end}", case.name);
    if !case.clauses.contains(&material.finding.clause) {
        case.clauses.push(material.finding.clause.clone());
    }
    case
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::contract::{Act, ClauseId, Edition, LoadError, Step, embedded, extended};
    use crate::plan::coverage;
    use crate::plan::script::{Features, Script};

    /// Writes cases to one file and reads them back.
    #[track_caller]
    fn read_back(cases: &[Scenario]) {
        let text: String = cases.iter().map(write).collect();
        let contract = extended(&[("x.toml".to_owned(), text)], Edition::Current)
            .map_err(|errors| errors.0.first().map(LoadError::to_string))
            .expect("what is written is read");
        let own = embedded(Edition::Current).scenarios.len();
        let read: Vec<&Scenario> = contract.scenarios.iter().skip(own).collect();
        assert_eq!(read.len(), cases.len());
        for (read, case) in read.into_iter().zip(cases) {
            assert_eq!(read, case);
        }
    }

    #[test]
    fn random_scripts_are_read_back_as_they_were() {
        let mut random = fastrand::Rng::with_seed(5);
        let cases: Vec<Scenario> = (0..2000)
            .map(|number| {
                let bytes = Script::bytes(number % 12, || random.u8(..));
                let case = Script::decode(&bytes, Features::ALL).into_case(&format!("random/{number}"));
                // What is exported shows a finding.
                let clauses = vec![ClauseId::from("REQ-03")];
                Scenario { clauses, ..case }
            })
            .filter(|case| !case.steps.is_empty())
            .collect();
        assert!(cases.len() > 1000);
        read_back(&cases);
    }

    #[test]
    fn cases_of_the_contract_and_combinations_are_read_back_as_they_were() {
        let contract = embedded(Edition::Current);
        let mut cases = contract.scenarios.clone();
        cases.extend(coverage::cases(&contract, coverage::LEAST));
        let all = cases.len();
        // A brace that opens no reference cannot be written; a case at the border of an alphabet has one.
        cases.retain(|case| {
            let mut values = case
                .steps
                .iter()
                .flat_map(|step| step.act.calls())
                .flat_map(|call| &call.params);
            values.all(|(_, value)| value.matches('{').count() <= value.matches('}').count())
        });
        assert!(all - cases.len() < 5, "{} of {all}", cases.len());
        for case in &mut cases {
            case.name = format!("found/{}", case.name);
        }
        read_back(&cases);
    }

    #[test]
    fn a_case_has_a_name_of_its_own_and_the_clause_of_its_finding() {
        let contract = embedded(Edition::Current);
        let case = contract
            .scenarios
            .iter()
            .find(|case| case.name == "dry-run/valid")
            .expect("it is one of ours")
            .clone();
        let mut material = sample(case);
        material.finding.observed = crate::report::sample::said("line\nbreak \u{202e}").into();
        let text = export(&material, &contract).expect("it can be said");
        let (comments, rest) = text.split_once("[[scenario]]").expect("it holds a scenario");
        assert!(comments.lines().all(|line| line.starts_with('#')), "{comments}");
        assert!(
            comments.contains("Observed: Server \"line\\nbreak \\u{202e}\""),
            "{comments}"
        );
        assert!(
            rest.starts_with("\nname = \"found/dry-run/valid/dry-04\"\n"),
            "{rest}"
        );
        assert!(rest.contains("\"DRY-04\""), "{rest}");
    }

    #[test]
    fn what_the_form_cannot_say_is_told() {
        let contract = embedded(Edition::Current);
        let mut case = contract.scenarios.first().expect("there are cases").clone();
        case.steps = vec![Step::from(Act::Pass(0))];
        let why = export(&sample(case), &contract).expect_err("no time is too short a time");
        assert!(why.contains("\"pass\" is 0"), "{why}");
    }
}
