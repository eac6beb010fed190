//! Limits on the size of a document, checked before a parser builds a tree of it.
//!
//! [`within`] scans the bytes once, without copying them, and counts at least as much as a parser would. It does not
//! decide whether a document is well-formed; what it cannot follow, it leaves to the XML readers.

/// The limits of a readable document.
///
/// The default is above any answer of EC2, whose largest page describes a thousand instances. It is low enough that the
/// worst document within it costs about a hundred megabytes and a second for each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The maximum length in bytes.
    pub bytes: usize,
    /// The maximum nesting depth of elements.
    pub depth: usize,
    /// The maximum number of attributes of one element.
    pub attributes: usize,
    /// The maximum number of namespace declarations in scope at one place.
    pub namespaces: usize,
    /// The maximum total number of elements, comments, processing instructions and CDATA sections.
    pub elements: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bytes: 16 << 20,
            depth: 64,
            attributes: 64,
            namespaces: 16,
            elements: 250_000,
        }
    }
}

/// Why a document exceeds the limits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Excess {
    /// It is too long.
    #[error("it is longer than {0} bytes")]
    Bytes(usize),
    /// It is nested too deeply.
    #[error("its elements are nested more than {0} deep")]
    Depth(usize),
    /// An element has too many attributes.
    #[error("an element has more than {0} attributes")]
    Attributes(usize),
    /// Too many namespaces are in scope.
    #[error("more than {0} namespace declarations are in force at one place")]
    Namespaces(usize),
    /// It has too many elements, comments, processing instructions and CDATA sections.
    #[error("it has more than {0} elements and other pieces of markup")]
    Elements(usize),
    /// It declares a document type, and with it entities, which every XML bomb needs.
    #[error("it has a document type declaration, which no answer of EC2 has")]
    Doctype,
}

/// Checks that a document is within the limits.
pub fn within(text: &str, limits: &Limits) -> Result<(), Excess> {
    if text.len() > limits.bytes {
        return Err(Excess::Bytes(limits.bytes));
    }
    let mut rest = text;
    let mut elements = 0_usize;
    // The number of namespaces that each open element declares; their sum is in scope.
    let mut open: Vec<usize> = Vec::new();
    let mut in_force = 0_usize;
    while let Some((_, markup)) = rest.split_once('<') {
        if !markup.starts_with('/') {
            elements += 1;
            if elements > limits.elements {
                return Err(Excess::Elements(limits.elements));
            }
        }
        rest = match markup.as_bytes().first() {
            Some(b'!') => after_bang(markup)?,
            Some(b'?') => after(markup, "?>"),
            Some(b'/') => {
                in_force = in_force.saturating_sub(open.pop().unwrap_or(0));
                markup.split_once('>').map_or("", |(_, rest)| rest)
            }
            Some(_) => {
                let tag = read_tag(markup);
                if tag.attributes > limits.attributes {
                    return Err(Excess::Attributes(limits.attributes));
                }
                if in_force + tag.namespaces > limits.namespaces {
                    return Err(Excess::Namespaces(limits.namespaces));
                }
                if open.len() >= limits.depth {
                    return Err(Excess::Depth(limits.depth));
                }
                if !tag.empty {
                    open.push(tag.namespaces);
                    in_force += tag.namespaces;
                }
                tag.rest
            }
            None => "",
        };
    }
    Ok(())
}

/// Returns the rest after a comment or a CDATA section. Any other `<!` belongs to a document type.
fn after_bang(markup: &str) -> Result<&str, Excess> {
    if let Some(comment) = markup.strip_prefix("!--") {
        Ok(after(comment, "-->"))
    } else if let Some(data) = markup.strip_prefix("![CDATA[") {
        Ok(after(data, "]]>"))
    } else {
        Err(Excess::Doctype)
    }
}

fn after<'a>(text: &'a str, end: &str) -> &'a str {
    text.split_once(end).map_or("", |(_, rest)| rest)
}

/// A start tag, parsed only as far as counting needs.
struct Tag<'a> {
    attributes: usize,
    namespaces: usize,
    empty: bool,
    rest: &'a str,
}

/// Counts the equals signs outside quotes; every attribute has one.
fn read_tag(markup: &str) -> Tag<'_> {
    let mut tag = Tag {
        attributes: 0,
        namespaces: 0,
        empty: false,
        rest: "",
    };
    let mut quote = None;
    let mut word_start = 0;
    let mut last = b' ';
    for (i, byte) in markup.bytes().enumerate() {
        match quote {
            Some(end) => {
                if byte == end {
                    quote = None;
                    word_start = i + 1;
                }
            }
            None => match byte {
                b'"' | b'\'' => quote = Some(byte),
                b'=' => {
                    tag.attributes += 1;
                    let name = markup.get(word_start..i).unwrap_or_default();
                    tag.namespaces += usize::from(name.trim_start().starts_with("xmlns"));
                }
                b'>' => {
                    tag.empty = last == b'/';
                    tag.rest = markup.get(i + 1..).unwrap_or_default();
                    break;
                }
                // White space may precede the equals sign, so only a word after white space begins a new name.
                byte if byte.is_ascii_whitespace() => {}
                _ if last.is_ascii_whitespace() => word_start = i,
                _ => {}
            },
        }
        last = byte;
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Limits = Limits {
        bytes: 200,
        depth: 3,
        attributes: 2,
        namespaces: 2,
        elements: 4,
    };

    #[test]
    fn the_last_good_value_passes_and_the_first_bad_one_does_not() {
        let good = [
            "<a><b><c/></b></a>",
            "<a><b/><b/><b/></a>",
            "<a x='1' y='2'/>",
            "<a><!-- <b><b><b><b> --></a>",
        ];
        for text in good {
            assert_eq!(within(text, &SMALL), Ok(()), "{text}");
        }
        assert_eq!(within("<a><b><c><d/></c></b></a>", &SMALL), Err(Excess::Depth(3)));
        assert_eq!(
            within("<a><b/><b/><b/><b/></a>", &SMALL),
            Err(Excess::Elements(4))
        );
        assert_eq!(
            within("<a x='1' y='2' z='3'/>", &SMALL),
            Err(Excess::Attributes(2))
        );
        assert_eq!(within(&" ".repeat(201), &SMALL), Err(Excess::Bytes(200)));
    }

    #[test]
    fn namespaces_count_where_they_are_in_force() {
        let siblings = "<a xmlns='u'><b xmlns:p = 'v'/><b xmlns:p='v'></b><b  xmlns\n='v'/></a>";
        assert_eq!(within(siblings, &SMALL), Ok(()));
        let nested = "<a xmlns='u'><b xmlns:p ='v'><c k='1' xmlns:q\t= 'w'/></b></a>";
        assert_eq!(within(nested, &SMALL), Err(Excess::Namespaces(2)));
    }

    #[test]
    fn quotes_comments_and_cdata_hide_what_is_in_them() {
        assert_eq!(
            within("<a x='>====' y=\"'=\"><![CDATA[<b><b><b><b><b>]]></a>", &SMALL),
            Ok(())
        );
    }

    #[test]
    fn a_document_type_is_refused_in_any_spelling() {
        for text in ["<!DOCTYPE a><a/>", "<!doctype html>", "<a/><!ENTITY", "<!"] {
            assert_eq!(within(text, &SMALL), Err(Excess::Doctype), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_followed_is_left_to_the_judges() {
        for text in [
            "",
            "<",
            "<a",
            "<a x='",
            "</a></a>",
            "<?",
            "<!--",
            "a<b",
            "<\u{e9}",
            "<a\u{1F600}='\u{1F600}'",
        ] {
            assert_eq!(within(text, &SMALL), Ok(()), "{text}");
        }
    }
}
