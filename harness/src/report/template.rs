//! HTML pages from templates. Only this file uses minijinja, which escapes every value that a template does not
//! explicitly declare to be markup.

use std::io;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

/// The page that a template makes of these values. A name that is not among them is an error.
pub(crate) fn render(template: &str, values: impl Serialize) -> io::Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment
        .render_str(template, Serde(values))
        .map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Values {
        text: &'static str,
    }

    #[test]
    fn a_value_is_text_and_a_missing_one_is_an_error() {
        let values = || Values {
            text: "<b>'\"&{{ text }}",
        };
        let page = render("<p title=\"{{ text }}\">", values()).expect("the template is right");
        assert_eq!(page, "<p title=\"&lt;b&gt;&#x27;&quot;&amp;{{ text }}\">");
        assert!(render("{{ other }}", values()).is_err());
    }
}
