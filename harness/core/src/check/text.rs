//! Prepares text from outside for a finding: one line, bounded, without control characters.

/// The text on one line, with control characters escaped, cut after `most` characters.
pub(super) fn one_line(text: &str, most: usize) -> String {
    let mut line: String = text
        .chars()
        .take(most)
        .flat_map(|character| {
            let escape = character.is_control();
            let escaped = escape.then(|| character.escape_default());
            let plain = (!escape).then_some(character);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect();
    if text.chars().nth(most).is_some() {
        line.push('…');
    }
    line
}

/// The text in quotation marks, escaped and shortened by [`one_line`].
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", one_line(text, 200))
}

/// The most texts of one list that a finding shows.
const FEW: usize = 12;

/// Joins the first of these texts, with a mark if there are more: one answer may cause a hundred thousand of them.
pub(super) fn few(mut texts: impl Iterator<Item = String>) -> String {
    let first: Vec<String> = texts.by_ref().take(FEW).collect();
    let more = if texts.next().is_some() { ", …" } else { "" };
    format!("{}{more}", first.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_length_do_not_pass() {
        assert_eq!(one_line("a\u{1b}[31mb\n", 20), "a\\u{1b}[31mb\\n");
        assert_eq!(one_line("aaaa", 4), "aaaa");
        assert_eq!(one_line("aaaaa", 4), "aaaa…");
    }

    #[test]
    fn of_many_texts_a_dozen_are_told() {
        let texts = |count: usize| few((0..count).map(|at| at.to_string()));
        assert_eq!(texts(12), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11");
        assert_eq!(texts(13), texts(12) + ", …");
        assert_eq!(texts(0), "");
    }
}
