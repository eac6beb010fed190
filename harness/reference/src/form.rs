//! The parameters of a request. The only file that uses `form_urlencoded`.
//!
//! Parameters are read from the query string and, for POST, from the body as well, whatever its content type. If a name
//! occurs twice, the first value counts, and the query string comes before the body. Bytes that are not UTF-8 are
//! replaced.

use std::borrow::Cow;

use bytes::Bytes;
use http::{Method, Request};

use super::errors::{ApiError, ApiResult};
use super::variation::{Variation, Variations};

/// The longest value that is stored.
const SHORT: usize = 255;

/// The decoded parameters, in the order in which they were sent.
pub(super) struct FormParameters<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    reading: FormReading,
}

/// How booleans and list indices are read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FormReading(Variations);

impl From<Variations> for FormReading {
    fn from(variations: Variations) -> Self {
        Self(variations)
    }
}

impl FormReading {
    /// A list index: a positive decimal number without leading zeros.
    pub(super) fn index(self, text: &str) -> Option<u32> {
        let is_plain = !text.starts_with('0') || self.0.contains(Variation::OddIndicesAccepted);
        let is_number = text.bytes().all(|b| b.is_ascii_digit());
        if is_plain && is_number {
            text.parse().ok()
        } else {
            None
        }
    }

    /// A boolean: by default only `true` and `false` are recognised, ignoring case.
    fn flag(self, text: &str) -> Option<bool> {
        let sensitive = self.0.contains(Variation::BooleansCaseSensitive);
        let liberal = self.0.contains(Variation::BooleansLiberal);
        match text.to_ascii_lowercase().as_str() {
            lower if sensitive && lower != text => None,
            "true" => Some(true),
            "false" => Some(false),
            "1" | "yes" if liberal => Some(true),
            "" | "0" | "no" if liberal => Some(false),
            // `DryRun=1` once launched an instance; refusing an unknown value is the safe reading.
            _ => None,
        }
    }
}

impl<'a> FormParameters<'a> {
    /// Reads the parameters of a request.
    pub(super) fn read(request: &'a Request<Bytes>, reading: impl Into<FormReading>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let mut pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        if request.method() == Method::POST {
            pairs.extend(form_urlencoded::parse(request.body()));
        }
        let reading = reading.into();
        Self { pairs, reading }
    }

    /// The first value with exactly this name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_ref())
    }

    /// The first value with this name, if it is not empty. Some clients send unset options as empty values.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The same for a value that is stored, which limits its length.
    pub(super) fn short(&self, name: &str) -> ApiResult<Option<&str>> {
        match self.given(name) {
            Some(text) if text.len() > SHORT => Err(ApiError::invalid_value(
                "…",
                name,
                "It is longer than 255 characters.",
            )),
            value => Ok(value),
        }
    }

    /// The value with this name, which must exist and must not be empty.
    pub(super) fn required(&self, name: &str) -> ApiResult<&str> {
        self.given(name).ok_or_else(|| ApiError::missing(name))
    }

    /// A boolean, `None` if it is absent.
    pub(super) fn flag(&self, name: &str) -> ApiResult<Option<bool>> {
        match self.get(name) {
            None => Ok(None),
            Some(text) => match self.reading.flag(text) {
                Some(on) => Ok(Some(on)),
                None => Err(ApiError::invalid_value(text, name, "Expected 'true' or 'false'.")),
            },
        }
    }

    /// A whole number, `None` if it is absent.
    pub(super) fn number(&self, name: &str) -> ApiResult<Option<u64>> {
        self.get(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| ApiError::invalid_value(text, name, "Expected an integer."))
            })
            .transpose()
    }

    /// The values of `name.1`, `name.2`, … in numeric order. Gaps are skipped.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let mut found: Vec<(u32, &str)> = self
            .pairs
            .iter()
            .filter_map(|(key, value)| {
                let rest = key.strip_prefix(name)?.strip_prefix('.')?;
                Some((self.reading.index(rest)?, value.as_ref()))
            })
            .collect();
        found.sort_by_key(|(n, _)| *n);
        found.dedup_by_key(|(n, _)| *n);
        found.into_iter().map(|(_, value)| value).collect()
    }

    /// The numbers under which `name.N.…` occurs, ascending.
    pub(super) fn groups(&self, name: &str) -> Vec<u32> {
        let mut found: Vec<u32> = self
            .pairs
            .iter()
            .filter_map(|(key, _)| {
                let rest = key.strip_prefix(name)?.strip_prefix('.')?;
                self.reading.index(rest.split('.').next()?)
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Every parameter, in the order in which they were sent.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(query: &str, body: &'static str) -> Request<Bytes> {
        Request::post(format!("/?{query}"))
            .body(Bytes::from_static(body.as_bytes()))
            .expect("the request is valid")
    }

    #[test]
    fn lists_come_in_numeric_order_and_gaps_are_passed_over() {
        let request = post("", "Id.10=c&Id.2=b&Id.1=a&Id.0=x&Id=y&Id.01=z&Id.=w&Id.1=later");
        assert_eq!(
            FormParameters::read(&request, FormReading::default()).list("Id"),
            ["a", "b", "c"]
        );
    }

    #[test]
    fn the_query_string_comes_before_the_body() {
        let request = post("DryRun=true", "DryRun=false");
        assert_eq!(
            FormParameters::read(&request, FormReading::default()).flag("DryRun"),
            Ok(Some(true))
        );
    }

    #[test]
    fn a_boolean_is_one_of_two_words() {
        let request = post("a=TRUE&b=false&c=1&d=&e=yes", "");
        let form = FormParameters::read(&request, FormReading::default());
        assert_eq!(form.flag("a"), Ok(Some(true)));
        assert_eq!(form.flag("b"), Ok(Some(false)));
        assert_eq!(form.flag("absent"), Ok(None));
        for name in ["c", "d", "e"] {
            assert!(form.flag(name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_index_is_positive_and_plain() {
        let index = |text| FormReading::default().index(text);
        assert_eq!(index("1"), Some(1));
        for text in ["", "0", "01", "-1", "+1", "x", "4294967296"] {
            assert_eq!(index(text), None, "{text}");
        }
    }
}
