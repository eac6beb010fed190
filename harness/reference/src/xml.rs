//! Writes answers: elements in order, compact or indented, with escaped text.
//!
//! The output is well-formed for any text; characters that XML 1.0 cannot represent are replaced.

use super::config::XmlLayout;
use super::variation::{Variation, Variations};

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// A document being written.
pub(super) struct Xml {
    out: String,
    layout: XmlLayout,
    variations: Variations,
    depth: usize,
}

impl Xml {
    /// Opens a document with its root element. Names and namespaces are ours or checked, and need no escaping.
    pub(super) fn open(layout: XmlLayout, root: &str, namespace: &str) -> Self {
        // Enough for most answers, including one complete instance.
        let mut out = String::with_capacity(4000);
        for part in [DECLARATION, "<", root, " xmlns=\"", namespace, "\">"] {
            out.push_str(part);
        }
        Self {
            out,
            layout,
            variations: Variations::default(),
            depth: 1,
        }
    }

    /// The same document, with the variations of its elements.
    pub(super) fn varied(mut self, variations: Variations) -> Self {
        self.variations = variations;
        self
    }

    /// Writes a state code: the low byte is the state, the high byte is for internal use by the service.
    pub(super) fn state_code(&mut self, code: &str) {
        if self.variations.contains(Variation::StateCodesHighByte) {
            let code: u64 = code.parse().unwrap_or_default();
            self.number("code", code | 0x100);
        } else {
            self.leaf("code", code);
        }
    }

    /// Closes the root element and returns the document.
    pub(super) fn close(mut self, root: &str) -> Vec<u8> {
        self.depth = 0;
        self.line();
        for part in ["</", root, ">"] {
            self.out.push_str(part);
        }
        if self.layout == XmlLayout::Indented {
            self.out.push('\n');
        }
        self.out.into_bytes()
    }

    /// An element with text; an empty text gives `<name/>`.
    pub(super) fn leaf(&mut self, name: &str, text: &str) {
        if text.is_empty() {
            return self.empty(name);
        }
        self.line();
        for part in ["<", name, ">"] {
            self.out.push_str(part);
        }
        push_text(&mut self.out, text);
        for part in ["</", name, ">"] {
            self.out.push_str(part);
        }
    }

    /// An element with text, omitted if there is none.
    pub(super) fn leaf_if(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    /// An element that holds a number.
    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.leaf(name, &value.to_string());
    }

    /// An element that holds `true` or `false`.
    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.leaf(name, if value { "true" } else { "false" });
    }

    /// An element with child elements; without any it is written as `<name/>`.
    pub(super) fn node(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        let before = self.out.len();
        self.line();
        for part in ["<", name, ">"] {
            self.out.push_str(part);
        }
        let opened = self.out.len();
        self.depth += 1;
        inside(self);
        if name == "item" && self.variations.contains(Variation::ExtraElements) {
            self.leaf("elementOfTomorrow", "unknown");
        }
        self.depth -= 1;
        if self.out.len() == opened {
            self.out.truncate(before);
            return self.empty(name);
        }
        self.line();
        for part in ["</", name, ">"] {
            self.out.push_str(part);
        }
    }

    /// `<name/>`.
    pub(super) fn empty(&mut self, name: &str) {
        self.line();
        for part in ["<", name, "/>"] {
            self.out.push_str(part);
        }
    }

    fn line(&mut self) {
        if self.layout == XmlLayout::Indented {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("    ", self.depth));
        }
    }
}

/// The body of an EC2 error: one line after the declaration, without a namespace, in every recorded year.
pub(super) fn ec2_error(code: &str, message: &str, request_id: &str) -> Vec<u8> {
    let mut out = String::with_capacity(320);
    out.push_str(DECLARATION);
    out.push_str("<Response><Errors><Error><Code>");
    out.push_str(code);
    out.push_str("</Code><Message>");
    push_text(&mut out, message);
    out.push_str("</Message></Error></Errors><RequestID>");
    out.push_str(request_id);
    out.push_str("</RequestID></Response>");
    out.into_bytes()
}

/// The body of an error of the token service, which uses the older Query format.
pub(super) fn sts_error(code: &str, message: &str, request_id: &str) -> Vec<u8> {
    let mut xml = Xml::open(
        XmlLayout::Indented,
        "ErrorResponse",
        super::version::STS_NAMESPACE,
    );
    xml.node("Error", |xml| {
        xml.leaf("Type", "Sender");
        xml.leaf("Code", code);
        xml.leaf("Message", message);
    });
    xml.leaf("RequestId", request_id);
    xml.close("ErrorResponse")
}

/// Appends text as element content. Quotes are not escaped, as in the recorded messages.
fn push_text(out: &mut String, text: &str) {
    // Nearly all text is plain; a loop without an early exit lets the compiler check many bytes at once.
    let plain = text.bytes().fold(true, |plain, b| {
        plain & (b' '..=b'~').contains(&b) & (b != b'&') & (b != b'<') & (b != b'>')
    });
    if plain {
        return out.push_str(text);
    }
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // Without escaping, a reader would turn it into a line feed.
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(c),
            // Not allowed in any XML 1.0 document, not even as a character reference.
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).expect("the writer holds a String")
    }

    #[test]
    fn an_error_is_one_line_as_recorded_in_2017() {
        let body = ec2_error(
            "DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
            "2ac97f48-830a-4917-b882-ed3369f848da",
        );
        assert_eq!(
            text(body),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>DryRunOperation</Code>\
             <Message>Request would have succeeded, but DryRun flag is set.</Message></Error></Errors>\
             <RequestID>2ac97f48-830a-4917-b882-ed3369f848da</RequestID></Response>"
        );
    }

    #[test]
    fn text_that_xml_cannot_carry_is_escaped_or_replaced() {
        let body = ec2_error("C", "a<b>&'\"\u{0}\u{b}\r\n\u{fffe}ü", "r");
        assert!(text(body).contains("<Message>a&lt;b&gt;&amp;'\"\u{fffd}\u{fffd}&#13;\n\u{fffd}ü</Message>"));
    }

    #[test]
    fn an_element_without_content_is_written_short() {
        let mut xml = Xml::open(XmlLayout::Compact, "R", "n");
        xml.node("tagSet", |_| {});
        xml.leaf("reason", "");
        assert!(text(xml.close("R")).ends_with("<R xmlns=\"n\"><tagSet/><reason/></R>"));
    }

    #[test]
    fn the_indented_layout_has_four_spaces_and_a_final_newline() {
        let mut xml = Xml::open(XmlLayout::Indented, "R", "n");
        xml.node("a", |xml| xml.number("b", 1));
        let body = text(xml.close("R"));
        assert!(body.ends_with("<R xmlns=\"n\">\n    <a>\n        <b>1</b>\n    </a>\n</R>\n"));
    }
}
