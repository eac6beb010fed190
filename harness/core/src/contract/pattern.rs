//! Patterns of error messages: regular expressions with placeholders for values of the request.
//!
//! Input: a template of the specs, in which `{id}` matches any of the call's instance ids and `{value}` one value of
//! the request. Output: a matcher. This is the only file that uses `regex-lite`.

use regex_lite::{Regex, escape};

/// A compiled message pattern.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a template. What fills its holes is taken literally; the problem is returned as text.
    ///
    /// ```
    /// use stopcheck_core::contract::Pattern;
    ///
    /// let pattern = Pattern::new(r#"^Invalid id: "{id}"$"#, &["ma1", "i.2"], "")?;
    /// assert!(pattern.is_match("Invalid id: \"i.2\""));
    /// assert!(!pattern.is_match("Invalid id: \"i-2\""));
    /// # Ok::<(), String>(())
    /// ```
    pub fn new(template: &str, id: &[&str], value: &str) -> Result<Pattern, String> {
        let ids = match id {
            // An empty character class, which matches nothing: no message names an id if the call has none.
            [] => r"[^\s\S]".to_owned(),
            ids => {
                let escaped: Vec<String> = ids.iter().map(|id| escape(id)).collect();
                format!("(?:{})", escaped.join("|"))
            }
        };
        // `escape` puts a backslash before each brace, so an inserted value never contains another placeholder.
        let text = template
            .replace("{id}", &ids)
            .replace("{value}", &format!("(?:{})", escape(value)));
        Regex::new(&text).map(Pattern).map_err(|error| error.to_string())
    }

    /// Whether the pattern matches somewhere in this message. Templates have their own anchors.
    pub fn is_match(&self, message: &str) -> bool {
        self.0.is_match(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(template: &str, id: &[&str], value: &str, message: &str) -> bool {
        Pattern::new(template, id, value)
            .expect("the templates of these tests are valid")
            .is_match(message)
    }

    #[test]
    fn a_hole_takes_any_of_the_ids_and_nothing_else() {
        let template = "^The instance ID '{id}' does not exist$";
        assert!(matches(
            template,
            &["i-1", "i-12"],
            "",
            "The instance ID 'i-12' does not exist"
        ));
        assert!(!matches(
            template,
            &["i-1", "i-12"],
            "",
            "The instance ID 'i-2' does not exist"
        ));
    }

    #[test]
    fn several_ids_may_be_joined_by_the_template() {
        let template = "^The instance IDs '{id}(, {id})*' do not exist$";
        assert!(matches(
            template,
            &["i-a", "i-b"],
            "",
            "The instance IDs 'i-b, i-a' do not exist"
        ));
        assert!(!matches(
            template,
            &["i-a", "i-b"],
            "",
            "The instance IDs 'i-b, i-c' do not exist"
        ));
    }

    #[test]
    fn a_call_without_ids_matches_no_message_that_names_one() {
        assert!(!matches("^'{id}'$", &[], "", "''"));
        assert!(matches("^'{id}'$", &[""], "", "''"));
    }

    #[test]
    fn what_the_request_said_is_taken_literally() {
        let template = "^The parameter {value} is not recognized$";
        assert!(matches(
            template,
            &[],
            "a.*b",
            "The parameter a.*b is not recognized"
        ));
        assert!(!matches(
            template,
            &[],
            "a.*b",
            "The parameter axxb is not recognized"
        ));
    }

    #[test]
    fn an_id_that_looks_like_a_hole_stays_an_id() {
        assert!(matches("^{id}$", &["{value}", "{id}"], "x", "{value}"));
        assert!(!matches("^{id}$", &["{value}"], "x", "x"));
    }

    #[test]
    fn counted_repetition_is_not_a_hole() {
        assert!(matches(r"^\d{4}$", &["i-1"], "", "2026"));
        assert!(!matches(r"^\d{4}$", &["i-1"], "", "202"));
    }

    #[test]
    fn a_broken_template_is_told_and_a_whole_one_is_not() {
        assert!(Pattern::new("^(a$", &[], "").is_err());
        assert!(Pattern::new("^(a)$", &[], "").is_ok());
    }
}
