//! Text as one word of a `bash` line.

use std::fmt::Write as _;

use crate::report::text::is_treacherous;

/// Quotes the text as one `bash` word, bare where that is safe. A word cannot contain NUL, so NUL is left out.
pub fn quote(text: &str) -> String {
    let bare = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@' | '%' | '+' | ',')
    };
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(bare) {
        return text.to_owned();
    }
    quoted(text)
}

/// Quotes the text as one word behind `--`, where a hyphen at its beginning means nothing to us.
pub(super) fn quote_word(text: &str) -> String {
    let rest = text.trim_start_matches('-');
    let hyphens = text.strip_suffix(rest).unwrap_or_default();
    match rest.is_empty() && !hyphens.is_empty() {
        true => hyphens.to_owned(),
        false => format!("{hyphens}{}", quote(rest)),
    }
}

/// Quotes the text as one word. Characters that control the terminal are written as escapes, so that the line is safe
/// to show and to paste.
pub(super) fn quoted(text: &str) -> String {
    if !text.chars().any(is_treacherous) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let mut out = String::from("$'");
    for c in text.chars() {
        match c {
            '\0' => {}
            '\'' => out.push_str(r"\'"),
            '\\' => out.push_str(r"\\"),
            '\n' => out.push_str(r"\n"),
            c if is_treacherous(c) => {
                let mut utf8 = [0; 4];
                for byte in c.encode_utf8(&mut utf8).bytes() {
                    let _ = write!(out, "\\x{byte:02x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}
