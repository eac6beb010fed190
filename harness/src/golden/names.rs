//! Replaces what differs from run to run by names: ids, request ids, addresses, times.
//!
//! Takes a text and returns it with `<instance:1>`, `<request:1>`, `<time>` … in the place of what varies. An id has
//! the same name throughout a case, and names are numbered in the order in which they appear. A text that already has
//! names keeps them, so a reviewed transcript is returned unchanged.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// The prefixes of ids, and the kind of each. A longer prefix comes before one that it begins with.
const KINDS: &[(&str, &str)] = &[
    ("eni-attach-", "attachment"),
    ("i-", "instance"),
    ("r-", "reservation"),
    ("sir-", "spot-request"),
    ("vol-", "volume"),
    ("ami-", "image"),
    ("eni-", "interface"),
    ("snap-", "snapshot"),
    ("subnet-", "subnet"),
    ("vpc-", "vpc"),
    ("sg-", "group"),
];

/// The kind of an instance whose id is in upper case.
const SHOUTED: &str = "INSTANCE";
const REQUEST: &str = "request";
const ADDRESS: &str = "address";
const TIME: &str = "<time>";

/// Begins a name within an XML document, where `<` would begin a tag. Text from an endpoint never contains it: it is
/// replaced before the text gets here.
pub(super) const OPENING: char = '\u{e000}';
/// Ends a name; see [`OPENING`].
pub(super) const CLOSING: char = '\u{e001}';

/// The most characters of a name. Searching further for its end would cost more the longer the text is.
const LONGEST_NAME: usize = 24;

/// Assigns names.
#[derive(Debug, Clone, Default)]
pub(super) struct NameAllocator {
    known: HashMap<(&'static str, String), usize>,
    counts: HashMap<&'static str, usize>,
}

/// Something that varies, found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found<'t> {
    /// An id of this kind.
    Id(&'static str, &'t str),
    /// A point in time.
    Time,
}

impl NameAllocator {
    /// Replaces what varies by names.
    pub(super) fn named<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        replace(text, |found| match found {
            Found::Time => TIME.to_owned(),
            Found::Id(kind, id) => self.name(kind, id),
        })
    }

    /// The name of a request id of any shape. Empty text stays empty.
    pub(super) fn request<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        let text = text.trim();
        if text.is_empty() {
            return Cow::Borrowed(text);
        }
        let id = match placeholder(text) {
            Some((Found::Id(REQUEST, id), "")) => id,
            Some(_) | None => text,
        };
        Cow::Owned(self.name(REQUEST, id))
    }

    /// The lowest number among the instances in this text that already have a name.
    pub(super) fn first_instance(&self, text: &str) -> Option<usize> {
        let mut first: Option<usize> = None;
        let _ = replace(text, |found| {
            if let Found::Id(kind @ ("instance" | SHOUTED), id) = found
                && let Some(&number) = self.known.get(&key(kind, id))
            {
                first = Some(first.map_or(number, |first| first.min(number)));
            }
            String::new()
        });
        first
    }

    fn name(&mut self, kind: &'static str, id: &str) -> String {
        let key = key(kind, id);
        let number = match self.known.get(&key) {
            Some(number) => *number,
            None => {
                let count = self.counts.entry(key.0).or_default();
                *count += 1;
                let number = *count;
                self.known.insert(key, number);
                number
            }
        };
        format!("<{kind}:{number}>")
    }
}

/// The key of an id. An id in upper case is the same id, and an address in a host name is the same address.
fn key(kind: &'static str, id: &str) -> (&'static str, String) {
    match kind {
        SHOUTED => ("instance", id.to_ascii_lowercase()),
        ADDRESS => (kind, id.replace('-', ".")),
        _ => (kind, id.to_owned()),
    }
}

/// Reduces all that varies to its kind: the results are equal for texts that differ only in ids and times.
pub(super) fn masked(text: &str) -> Cow<'_, str> {
    replace(text, |found| match found {
        Found::Time => TIME.to_owned(),
        Found::Id(kind, _) => format!("<{kind}>"),
    })
}

/// Renumbers the names in the new text to match the old text. Names are numbered in order of appearance, so otherwise
/// something new at the beginning would change every later name.
pub(super) fn aligned(
    old: &str,
    new: &str,
    same_lines: impl Fn(&[&str], &[&str]) -> Vec<(usize, usize)>,
) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let mask =
        |lines: &[&str]| -> Vec<String> { lines.iter().map(|line| masked(line).into_owned()).collect() };
    let (masked_old, masked_new) = (mask(&old), mask(&new));
    let mut renamed: HashMap<(&'static str, String), String> = HashMap::new();
    let mut taken: HashSet<(&'static str, String)> = HashSet::new();
    for (there, here) in same_lines(&as_strs(&masked_old), &as_strs(&masked_new)) {
        let (Some(there), Some(here)) = (old.get(there), new.get(here)) else {
            continue;
        };
        for (there, here) in ids(there).into_iter().zip(ids(here)) {
            if !renamed.contains_key(&here) && taken.insert(there.clone()) {
                renamed.insert(here, there.1);
            }
        }
    }
    let mut fresh: HashMap<&'static str, usize> = HashMap::new();
    let mut text = String::new();
    for line in new {
        let line = replace(line, |found| match found {
            Found::Time => TIME.to_owned(),
            Found::Id(kind, id) => {
                let key = key(kind, id);
                let number = renamed.entry(key.clone()).or_insert_with(|| {
                    // A number that no name of the old text has.
                    let next = fresh.entry(key.0).or_default();
                    loop {
                        *next += 1;
                        let number = format!(":{next}");
                        if taken.insert((key.0, number.clone())) {
                            break number;
                        }
                    }
                });
                format!("<{kind}{number}>")
            }
        });
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn as_strs(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

/// The ids in a text, in order.
fn ids(text: &str) -> Vec<(&'static str, String)> {
    let mut ids = Vec::new();
    let _ = replace(text, |found| {
        if let Found::Id(kind, id) = found {
            ids.push(key(kind, id));
        }
        String::new()
    });
    ids
}

/// Like [`masked`], for a request id of any shape.
pub(super) fn masked_request(text: &str) -> &'static str {
    if text.trim().is_empty() { "" } else { "<request>" }
}

/// Text of an endpoint, changed so that nothing in it reads as one of our names.
pub(super) fn without_names(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let is_name = c == '<' && placeholder(rest).is_some();
        out.push(match c {
            '<' if is_name => '‹',
            OPENING | CLOSING => '\u{fffd}',
            c => c,
        });
        rest = rest.strip_prefix(c).unwrap_or_default();
    }
    out
}

/// Encloses the names in a line of a transcript in [`OPENING`] and [`CLOSING`], so that the line is XML. Returns the
/// line and the number of names. The first thing on a line is a tag.
pub(super) fn protected(line: &str) -> (String, usize) {
    let mut out = String::with_capacity(line.len());
    let (mut count, mut rest) = (0, line);
    while let Some(at) = rest.find('<') {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        match placeholder(tail) {
            Some((found, after)) if found != Found::Time || !out.trim_ascii().is_empty() => {
                let name = tail.strip_suffix(after).unwrap_or_default();
                out.push(OPENING);
                out.push_str(name.trim_matches(['<', '>']));
                out.push(CLOSING);
                count += 1;
                rest = after;
            }
            Some(_) | None => {
                out.push('<');
                rest = tail.strip_prefix('<').unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    (out, count)
}

/// Replaces all that varies; the text in between stays unchanged.
fn replace(text: &str, mut with: impl FnMut(Found<'_>) -> String) -> Cow<'_, str> {
    // A shortcut, since most texts are words.
    if !text
        .bytes()
        .any(|byte| byte.is_ascii_digit() || byte == b'<' || byte >= 0x80)
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let (mut copied, mut next, mut before) = (0, 0, ' ');
    for (at, c) in text.char_indices() {
        if at < next {
            continue;
        }
        let at_edge = !before.is_ascii_alphanumeric() || !c.is_ascii_alphanumeric();
        before = c;
        if !at_edge || !may_begin(c) {
            continue;
        }
        let (earlier, rest) = text.split_at(at);
        let last = earlier.chars().next_back().unwrap_or(' ');
        if let Some((found, after)) = find(rest, last) {
            out.push_str(text.get(copied..at).unwrap_or_default());
            out.push_str(&with(found));
            next = text.len() - after.len();
            copied = next;
            before = '>';
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// Whether something that varies may begin with this character: an id by its prefix or in hexadecimal, a number, a day
/// of the week, a name.
fn may_begin(c: char) -> bool {
    c.is_ascii_hexdigit() || matches!(c, '<' | OPENING | 'i' | 'r' | 's' | 'v' | 'M' | 'T' | 'W' | 'S')
}

/// What varies at the beginning of a text, and the rest of the text.
fn find(text: &str, before: char) -> Option<(Found<'_>, &str)> {
    placeholder(text)
        .or_else(|| moment(text))
        .or_else(|| (before != '-').then(|| resource(text)).flatten())
        .or_else(|| (before != '-').then(|| uuid(text)).flatten())
        .or_else(|| (before != '.').then(|| address(text, '.')).flatten())
        .or_else(|| (before == '-').then(|| address(text, '-')).flatten())
}

/// A name that is already in the text: `<instance:1>`, or the same between the marks of a document.
fn placeholder(text: &str) -> Option<(Found<'_>, &str)> {
    let (rest, closing) = match text.strip_prefix('<') {
        Some(rest) => (rest, '>'),
        None => (text.strip_prefix(OPENING)?, CLOSING),
    };
    let (end, _) = rest
        .char_indices()
        .take(LONGEST_NAME)
        .find(|(_, c)| *c == closing)?;
    let (inside, after) = rest.split_at(end);
    let after = after.strip_prefix(closing)?;
    if inside == "time" {
        return Some((Found::Time, after));
    }
    let (kind, number) = inside.split_once(':')?;
    let known = KINDS
        .iter()
        .map(|(_, kind)| *kind)
        .chain([SHOUTED, REQUEST, ADDRESS]);
    let kind = known.into_iter().find(|known| *known == kind)?;
    let is_number =
        !number.is_empty() && number.len() <= 9 && number.bytes().all(|byte| byte.is_ascii_digit());
    // The rest of the name serves as the id: no id of an endpoint has a colon.
    is_number.then_some((Found::Id(kind, inside.strip_prefix(kind)?), after))
}

/// An id with one of the prefixes and one of the two lengths that ids have, all its letters in one case.
fn resource(text: &str) -> Option<(Found<'_>, &str)> {
    let (prefix, kind) = KINDS.iter().find(|(prefix, _)| text.starts_with(prefix))?;
    let digits = text.strip_prefix(prefix)?;
    let length = digits
        .find(|c: char| !c.is_ascii_hexdigit())
        .unwrap_or(digits.len());
    let (digits, after) = digits.split_at(length);
    let after = ended(after)?;
    let lower = digits.bytes().any(|byte| byte.is_ascii_lowercase());
    let upper = digits.bytes().any(|byte| byte.is_ascii_uppercase());
    let kind = match (upper, *kind) {
        (false, kind) => kind,
        (true, "instance") if !lower => SHOUTED,
        (true, _) => return None,
    };
    matches!(length, 8 | 17).then_some((Found::Id(kind, text.strip_suffix(after)?), after))
}

fn uuid(text: &str) -> Option<(Found<'_>, &str)> {
    let id = text.get(..36)?;
    let is_uuid = id.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    let after = ended(text.get(36..)?)?;
    is_uuid.then_some((Found::Id(REQUEST, id), after))
}

/// Four numbers of at most 255, as in `10.0.0.1` and in `ip-10-0-0-1.ec2.internal`.
fn address(text: &str, mark: char) -> Option<(Found<'_>, &str)> {
    let mut rest = text;
    for place in 0..4 {
        if place > 0 {
            rest = rest.strip_prefix(mark)?;
        }
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(length);
        number.parse::<u8>().ok()?;
        rest = after;
    }
    let more = rest
        .strip_prefix(mark)
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    (!more).then_some(())?;
    let after = ended(rest)?;
    Some((Found::Id(ADDRESS, text.strip_suffix(after)?), after))
}

/// `2026-01-01T00:00:00.000Z`, `2026-01-01 00:00:00`, `20260101T000000Z` and `Thu, 01 Jan 2026 00:00:00 GMT`.
fn moment(text: &str) -> Option<(Found<'_>, &str)> {
    const SHAPES: &[&str] = &[
        "0000-00-00T00:00:00",
        "0000-00-00 00:00:00",
        "00000000T000000Z",
        "Aaa, 00 Aaa 0000 00:00:00 GMT",
    ];
    let rest = SHAPES.iter().find_map(|shape| {
        let mut rest = text;
        for wanted in shape.chars() {
            let c = rest.chars().next()?;
            let fits = match wanted {
                '0' => c.is_ascii_digit(),
                'A' => c.is_ascii_uppercase(),
                'a' => c.is_ascii_lowercase(),
                _ => c == wanted,
            };
            rest = fits.then(|| rest.strip_prefix(c)).flatten()?;
        }
        Some(rest)
    })?;
    // A fraction, and the zone of universal time, are part of it if they follow directly.
    let digits = rest.strip_prefix('.').unwrap_or_default();
    let fraction = digits.bytes().take_while(u8::is_ascii_digit).count();
    let rest = if fraction > 0 {
        digits.get(fraction..)?
    } else {
        rest
    };
    let rest = rest.strip_prefix('Z').unwrap_or(rest);
    Some((Found::Time, ended(rest)?))
}

/// Whether a character is not displayed, but controls a terminal or the order of a text.
pub(super) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{2028}'..='\u{202e}'
            | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// The text, unless it continues the same word.
fn ended(text: &str) -> Option<&str> {
    let goes_on = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    (!goes_on).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> String {
        NameAllocator::default().named(text).into_owned()
    }

    #[test]
    fn the_same_id_has_the_same_name_and_names_are_numbered_as_they_appear() {
        assert_eq!(
            named("i-0a1b2c3d4e5f67890, i-12345678 and i-0a1b2c3d4e5f67890 in vol-12345678"),
            "<instance:1>, <instance:2> and <instance:1> in <volume:1>"
        );
        assert_eq!(
            named("'i-0ABCDEF0' 'i-0abcdef0'"),
            "'<INSTANCE:1>' '<instance:1>'"
        );
    }

    #[test]
    fn the_longest_name_is_one_and_a_text_without_its_end_costs_no_more() {
        let longest = "<spot-request:123456789>";
        assert_eq!(longest.len(), LONGEST_NAME);
        assert_eq!(masked(longest), "<spot-request>");
        // If each of these were searched to the end of the text, this would take minutes.
        let open = "<".repeat(2 << 20);
        assert_eq!(masked(&open), open);
        assert_eq!(without_names(&open), open);
    }

    #[test]
    fn what_only_resembles_an_id_stays() {
        for text in [
            "i-1234567",
            "i-123456789",
            "i-0A1b2c3d4e5f67890",
            "xi-12345678",
            "i-12345678x",
            "i-12345678_",
            "foo-i-12345678",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "10-1-1-1",
            "2016-11-15",
            "<b>",
            "<instance:>",
            "<instance:x>",
            "<thing:1>",
        ] {
            assert_eq!(named(text), text);
        }
    }

    #[test]
    fn moments_and_addresses_are_found_in_every_spelling() {
        for (text, expected) in [
            ("2026-01-01T00:00:00.000Z", "<time>"),
            ("2026-01-01T00:00:00Z", "<time>"),
            (
                "User initiated (2026-01-01 00:00:03 GMT)",
                "User initiated (<time> GMT)",
            ),
            ("20260101T000003Z", "<time>"),
            ("Thu, 01 Jan 2026 00:00:03 GMT", "<time>"),
            (
                "172.31.0.2 ip-172-31-0-2.ec2.internal",
                "<address:1> ip-<address:1>.ec2.internal",
            ),
            (
                "10.0.0.1 10.0.0.2 10.0.0.1",
                "<address:1> <address:2> <address:1>",
            ),
            ("724f3a5a-a070-4d51-8883-6afa15daa139", "<request:1>"),
        ] {
            assert_eq!(named(text), expected);
        }
    }

    #[test]
    fn a_text_that_has_its_names_keeps_them() {
        let text = "<instance:1> <INSTANCE:1> <time> <instance:2> <request:1> ip-<address:1>.x";
        assert_eq!(named(text), text);
        // Numbers follow the order in which names appear.
        assert_eq!(named("<instance:7> <instance:2>"), "<instance:1> <instance:2>");
    }

    #[test]
    fn something_new_in_front_does_not_rename_what_follows() {
        let lines = |old: &[&str], new: &[&str]| {
            let mut from = 0;
            let mut pairs = Vec::new();
            for (at, line) in old.iter().enumerate() {
                if let Some(there) = new.iter().skip(from).position(|new| new == line) {
                    pairs.push((at, from + there));
                    from += there + 1;
                }
            }
            pairs
        };
        let old = "a <request:1>\nb <request:2>\nc <request:1>\n";
        assert_eq!(
            aligned(old, "b <request:1>\nc <request:2>\n", lines),
            "b <request:2>\nc <request:1>\n"
        );
        assert_eq!(
            aligned(
                old,
                "new <request:1>\na <request:2>\nb <request:3>\nc <request:2>\n",
                lines
            ),
            "new <request:3>\na <request:1>\nb <request:2>\nc <request:1>\n"
        );
        // Two ids became one: that is a difference.
        assert_eq!(
            aligned(old, "a <request:1>\nb <request:1>\nc <request:1>\n", lines),
            "a <request:1>\nb <request:1>\nc <request:1>\n"
        );
    }

    #[test]
    fn a_request_id_may_have_any_shape() {
        let mut names = NameAllocator::default();
        assert_eq!(names.request("request-id"), "<request:1>");
        assert_eq!(names.request(" 1gQo638VpjxmlX3 "), "<request:2>");
        assert_eq!(names.request("request-id"), "<request:1>");
        assert_eq!(names.request(""), "");
        assert_eq!(NameAllocator::default().request("<request:4>"), "<request:1>");
    }

    #[test]
    fn names_in_a_line_of_xml_are_protected_and_tags_are_not() {
        let (line, count) = protected("  <a k=\"<time>\">x <instance:1></a>");
        assert_eq!(count, 2);
        assert_eq!(
            line,
            "  <a k=\"\u{e000}time\u{e001}\">x \u{e000}instance:1\u{e001}</a>"
        );
        assert_eq!(protected("  <time>1</time>"), ("  <time>1</time>".to_owned(), 0));
    }
}
