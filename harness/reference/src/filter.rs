//! `Filter.N.Name` and `Filter.N.Value.M`: all filters must match, and a filter matches if one of its values does.
//!
//! In values, `*` matches any text and `?` matches any single character.

use std::collections::BTreeMap;

use super::errors::{ApiError, ApiResult};
use super::form::FormParameters;

/// The largest number of filters, and of filter values in total, in one request.
const CAP: usize = 200;

/// The filters of a request.
pub(super) struct Filters<'a>(Vec<(&'a str, Vec<&'a str>)>);

impl<'a> Filters<'a> {
    /// Reads the filters; an unknown name is refused (tags are always known).
    pub(super) fn read(form: &'a FormParameters<'_>, known: &[&str]) -> ApiResult<Self> {
        let mut filters = Vec::new();
        let groups = form.groups("Filter");
        let mut values = 0;
        if groups.len() > CAP {
            return Err(too_many());
        }
        for n in groups {
            let name = form.get(&format!("Filter.{n}.Name")).unwrap_or("null");
            let of_tags = name.starts_with("tag:") || matches!(name, "tag-key" | "tag-value");
            if !of_tags && !known.contains(&name) {
                return Err(ApiError::new(
                    400,
                    "InvalidParameterValue",
                    format!("The filter '{name}' is invalid"),
                ));
            }
            let wanted = form.list(&format!("Filter.{n}.Value"));
            values += wanted.len();
            if values > CAP {
                return Err(too_many());
            }
            filters.push((name, wanted));
        }
        Ok(Self(filters))
    }

    /// Whether all filters match a resource with these tags and, for each filter name, these values.
    pub(super) fn accept<'v>(
        &self,
        tags: &'v BTreeMap<String, String>,
        values: impl Fn(&str) -> Vec<&'v str>,
    ) -> bool {
        self.0.iter().all(|(name, wanted)| {
            let given = match (*name, name.strip_prefix("tag:")) {
                (_, Some(key)) => tags.get(key).map(String::as_str).into_iter().collect(),
                ("tag-key", None) => tags.keys().map(String::as_str).collect(),
                ("tag-value", None) => tags.values().map(String::as_str).collect(),
                (name, None) => values(name),
            };
            given
                .iter()
                .any(|given| wanted.iter().any(|wanted| like(wanted, given)))
        })
    }
}

fn too_many() -> ApiError {
    ApiError::new(
        400,
        "FilterLimitExceeded",
        format!("The maximum number of filter values specified on a single call is {CAP}"),
    )
}

/// Whether a text matches a pattern. Backtracks only to the last `*`, so the time stays bounded.
fn like(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut retry = None;
    loop {
        let there = text.clone();
        match (pattern.next(), text.next()) {
            (Some('*'), _) => {
                retry = Some((pattern.clone(), there.clone()));
                text = there;
            }
            (None, None) => return true,
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => {
                let Some((after_star, mut from)) = retry.take() else {
                    return false;
                };
                if from.next().is_none() {
                    return false;
                }
                retry = Some((after_star.clone(), from.clone()));
                (pattern, text) = (after_star, from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_text() {
        for (pattern, text) in [
            ("running", "running"),
            ("*", ""),
            ("*", "x"),
            ("amzn*-x86", "amzn2-ami-x86"),
            ("a?c", "abc"),
            ("*b*d", "abcbd"),
            ("", ""),
        ] {
            assert!(like(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("running", "Running"),
            ("a?c", "ac"),
            ("*b", "abc"),
            ("", "x"),
            ("?", ""),
            ("a*b*c", "acb"),
        ] {
            assert!(!like(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_of_stars_takes_no_time() {
        let pattern = "*a".repeat(1_000);
        let text = "b".repeat(10_000);
        assert!(!like(&pattern, &text));
    }
}
