//! Which cases of a plan are played: by name and by clause.

use crate::contract::ClauseId;

/// Which cases are played. Patterns are compared with [`matches()`]; the default selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Patterns of names, one of which must match; empty for any name.
    pub cases: Vec<String>,
    /// Patterns of names that are left out.
    pub skipped: Vec<String>,
    /// Patterns of clauses, one of which a case must cover; empty for any case.
    pub clauses: Vec<String>,
}

impl Selection {
    /// Selects cases by name alone.
    pub fn named(patterns: &[String]) -> Selection {
        Selection {
            cases: patterns.to_vec(),
            ..Selection::default()
        }
    }

    /// Whether a case with this name that covers these clauses is played.
    pub fn includes<'c>(&self, name: &str, clauses: impl IntoIterator<Item = &'c ClauseId>) -> bool {
        let any = |patterns: &[String], text: &str| patterns.iter().any(|pattern| matches(pattern, text));
        (self.cases.is_empty() || any(&self.cases, name))
            && !any(&self.skipped, name)
            && (self.clauses.is_empty()
                || clauses
                    .into_iter()
                    .any(|clause| any(&self.clauses, clause.as_str())))
    }
}

/// Whether a name matches a pattern in which `*` stands for any text, slashes included.
pub fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_selected_by_its_name_and_by_its_clauses() {
        let clauses = ["DRY-01".into(), "STT-04".into()];
        let texts = |patterns: &[&str]| patterns.iter().map(|text| (*text).to_owned()).collect();
        for (cases, skipped, wanted, included) in [
            (&[][..], &[][..], &[][..], true),
            (&["dry-run/*"], &[], &[], true),
            (&["state/*"], &[], &[], false),
            (&[], &["dry-run/*"], &[], false),
            (&["dry-run/*"], &["*/valid"], &[], false),
            (&[], &["state/*"], &["DRY-*"], true),
            (&[], &[], &["STT-04"], true),
            (&[], &[], &["STT-05", "ERR-*"], false),
        ] {
            let selection = Selection {
                cases: texts(cases),
                skipped: texts(skipped),
                clauses: texts(wanted),
            };
            assert_eq!(
                selection.includes("dry-run/valid", &clauses),
                included,
                "{selection:?}"
            );
        }
    }
}
