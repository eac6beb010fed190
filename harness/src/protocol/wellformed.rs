//! The strict judge: is this text an XML document at all?
//!
//! The fast reader beside it passes documents that are not XML, so its word counts only after this one's. This is
//! the one file that speaks to roxmltree. The text must have passed the [limits](crate::protocol::limits) before.

use roxmltree::{Document, ParsingOptions};

/// Whether a text is a well-formed document with namespaces, or the reason why not.
pub fn judge(text: &str) -> Result<(), String> {
    // A document type could bring entities, and no answer of EC2 has one.
    let options = ParsingOptions {
        allow_dtd: false,
        ..ParsingOptions::default()
    };
    match Document::parse_with_options(text, options) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
