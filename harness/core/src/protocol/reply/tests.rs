use super::*;

/// Bodies that were recorded from EC2, and the name of their root element.
const RECORDED: [(&str, &str); 4] = [
    (
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<StopInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\n    <requestId>8fb2652c-2944-48cd-a035-7580571e5499</requestId>\n    <instancesSet>\n        <item>\n            <instanceId>i-03fe236b187a898b6</instanceId>\n            <currentState>\n                <code>64</code>\n                <name>stopping</name>\n            </currentState>\n            <previousState>\n                <code>16</code>\n                <name>running</name>\n            </previousState>\n        </item>\n    </instancesSet>\n</StopInstancesResponse>",
        "StopInstancesResponse",
    ),
    (
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<TerminateInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>eac9e215-53be-4bb7-9206-bd4019863392</requestId><instancesSet><item><instanceId>i-0cfb1e75e74229968</instanceId><currentState><code>48</code><name>terminated</name></currentState><previousState><code>80</code><name>stopped</name></previousState></item></instancesSet></TerminateInstancesResponse>",
        "TerminateInstancesResponse",
    ),
    (
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>DryRunOperation</Code><Message>Request would have succeeded, but DryRun flag is set.</Message></Error></Errors><RequestID>2ac97f48-830a-4917-b882-ed3369f848da</RequestID></Response>",
        "Response",
    ),
    (
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>InvalidAMIID.NotFound</Code><Message>The image id '[ami-fake123]' does not exist</Message></Error></Errors><RequestID>4e759009-7884-46eb-bcf9-0a238087d593</RequestID></Response>",
        "Response",
    ),
];

fn why(bytes: impl AsRef<[u8]>) -> String {
    match read_body(bytes.as_ref()) {
        Body::Unreadable { why } => why,
        Body::Empty => "empty".to_owned(),
        Body::Document(_) => "a document".to_owned(),
    }
}

#[test]
fn recorded_answers_are_documents() {
    for (text, name) in RECORDED {
        let reply = decode(Response::new(text.into()));
        assert_eq!(reply.root().map(xml::Element::name), Some(name));
    }
}

#[test]
fn no_bytes_are_empty_and_blanks_are_not() {
    assert_eq!(read_body(b""), Body::Empty);
    assert!(why(" \n").starts_with("not well-formed XML: "), "{}", why(" \n"));
}

#[test]
fn every_encoding_but_utf_8_is_named() {
    let utf_16: Vec<u8> = "\u{feff}<a/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(why(&utf_16), "encoded in UTF-16 (little endian) instead of UTF-8");
    let bare: Vec<u8> = "<a/>".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(why(&bare), "encoded in UTF-16 (big endian) instead of UTF-8");
    assert_eq!(why(b"<a>\xff</a>"), "not valid UTF-8 at byte 3");
    assert_eq!(why("\u{feff}<a/>"), "a document");
    assert_eq!(
        why("<?xml version='1.0' encoding='ISO-8859-1'?><a/>"),
        "a document"
    );
    assert_eq!(
        why("<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>"),
        "declares the encoding \"ISO-8859-1\" and holds characters beyond ASCII"
    );
}

#[test]
fn bombs_are_refused_before_a_parser_sees_them() {
    let mut laughs = String::from("<!DOCTYPE lolz [<!ENTITY lol 'lol'>");
    for i in 1..10 {
        laughs.push_str(&format!(
            "<!ENTITY lol{i} '{}'>",
            format!("&lol{};", i - 1).repeat(10)
        ));
    }
    laughs.push_str("]><lolz>&lol9;</lolz>");
    assert_eq!(
        why(&laughs),
        "it has a document type declaration, which no answer of EC2 has"
    );
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    assert_eq!(why(&deep), "its elements are nested more than 64 deep");
    let flood: String = (0..100_000).map(|i| format!(" a{i}='1'")).collect();
    assert_eq!(
        why(format!("<a{flood}/>")),
        "an element has more than 64 attributes"
    );
    let many = format!("<a>{}</a>", "<b/>".repeat(250_001));
    assert_eq!(
        why(&many),
        "it has more than 250000 elements and other pieces of markup"
    );
    assert_eq!(
        why(vec![b' '; (16 << 20) + 1]),
        "it is longer than 16777216 bytes"
    );
}

/// Documents that are not XML. quick-xml alone accepts many of them.
const MALFORMED: &[&str] = &[
    "<a>",
    "<a></b>",
    "<a/><b/>",
    "<a/>text",
    "text<a/>",
    "<a x='<'/>",
    "<a>\u{1}</a>",
    "<a>\u{fffe}</a>",
    "<a>&#0;</a>",
    "<a>&#1;</a>",
    "<a>&#xD800;</a>",
    "<a>&nbsp;</a>",
    "<a>&</a>",
    "<a>&amp</a>",
    "<a>]]></a>",
    "<a x='1' x='2'/>",
    "<a x=1/>",
    "<a x/>",
    "<p:a/>",
    "<a p:x='1'/>",
    "<a><![CDATA[</a>",
    "<![CDATA[x]]><a/>",
    "<a/><![CDATA[x]]>",
    "<a><!-- -- --></a>",
    "<a><!-- </a>",
    "<a/><?xml version='1.0'?>",
    " <?xml version='1.0'?><a/>",
    "<?xml version='1.0'?><?xml version='1.0'?><a/>",
    "<a><?xml version='1.0'?></a>",
    "<1a/>",
    "<a b='1'c='2'/>",
    "< a/>",
    "<a/ >",
    "</a>",
    "<a>&#xFFFE;</a>",
    "<a>&#x110000;</a>",
    "<a>&#-1;</a>",
    "<a b='&#1;'/>",
    "<a b='&#xD800;'/>",
    "<a b='&nbsp;'/>",
    "<?xml encoding='UTF-8'?><a/>",
    "<?xml version='1.0' bogus='1'?><a/>",
    "<?xml version='1.0' standalone='maybe'?><a/>",
    "<a xmlns:p=''><p:b/></a>",
    "<a:b:c xmlns:a='u'/>",
    "<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>",
    "<a xmlns:xml='u'/>",
    "<a><?xMl x?></a>",
];

#[test]
fn a_malformed_document_is_never_a_document() {
    let passed: Vec<_> = MALFORMED
        .iter()
        .copied()
        .filter(|text| why(text) == "a document")
        .collect();
    assert_eq!(passed, [""; 0]);
}

#[test]
fn what_is_read_as_plain_is_what_the_judge_passes_and_reads_the_same() {
    let mut plain = 0;
    let mut hold = |text: &str| {
        if let Some(document) = xml::read_plain(text) {
            assert_eq!(wellformed::judge(text), Ok(()), "{text}");
            assert_eq!(xml::read(text).as_ref(), Ok(&document), "{text}");
            plain += 1;
        }
    };
    // Exhaustive variations of a few short documents: each byte, and each piece of markup, at each position.
    let documents = [
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a xmlns=\"u:v\"><b>c</b><d/> </a>",
        "<a><b xmlns=\"u\"><c></c></b>\n</a>",
    ];
    for text in documents {
        assert!(xml::read_plain(text).is_some(), "{text}");
        for place in 0..=text.len() {
            let (before, after) = text.split_at(place);
            for byte in 0..128_u8 {
                let byte = char::from(byte);
                hold(&format!("{before}{byte}{after}"));
                hold(&format!("{before}{byte}{}", after.get(1..).unwrap_or_default()));
            }
            let short = MALFORMED.iter().copied().filter(|piece| piece.len() < 60);
            for piece in short.chain([
                "]]>",
                "<!---->",
                "<?x?>",
                " x=\"1\"",
                "&lt;",
                " xmlns=\"v\"",
                "<a>",
                "</a>",
            ]) {
                hold(&format!("{before}{piece}{after}"));
            }
            hold(before);
            hold(after);
        }
    }
    assert!(plain > 1000, "{plain} of the changed documents were still plain");
    for text in MALFORMED {
        assert_eq!(xml::read_plain(text), None, "{text}");
    }
}

#[test]
fn the_answers_of_ec2_are_plain() {
    for (text, name) in RECORDED {
        let document = xml::read_plain(text);
        assert_eq!(
            document.as_ref().map(|document| document.root().name()),
            Some(name)
        );
    }
}

#[test]
fn the_judge_alone_would_pass_what_the_reader_refuses() {
    let passed_by_the_judge: Vec<_> = MALFORMED
        .iter()
        .copied()
        .filter(|text| wellformed::judge(text).is_ok() && xml::read(text).is_err())
        .collect();
    assert_eq!(
        passed_by_the_judge,
        [
            "<a>&#xD800;</a>",
            "<a>&#x110000;</a>",
            "<a b='&#xD800;'/>",
            "<?xml version='1.0' standalone='maybe'?><a/>",
            "<a xmlns:p=''><p:b/></a>",
            "<a><?xMl x?></a>",
        ]
    );
}

#[test]
fn both_judges_pass_what_is_well_formed() {
    let fine = [
        "<a/>",
        "<a b='1'>&#65;<!-- x --><?pi x?></a>",
        "<?xml version='1.0'?>\n<a><![CDATA[<]]></a>\n",
    ];
    for text in fine {
        assert_eq!(why(text), "a document", "{text}");
    }
}

#[test]
fn pages_of_other_services_are_unreadable_or_documents_and_never_a_panic() {
    assert!(why("<!DOCTYPE html><html><body>Bad gateway<br></body></html>").contains("document type"));
    assert!(why("<html><body>Bad gateway<br></body></html>").starts_with("not well-formed XML: "));
    assert_eq!(why("<html><body>502</body></html>"), "a document");
    assert!(why("{\"message\": \"Forbidden\"}").starts_with("not well-formed XML: "));
}

#[test]
fn no_piece_and_no_change_of_a_recorded_answer_makes_us_panic() {
    for (text, _) in RECORDED {
        for cut in 0..text.len() {
            let _ = read_body(text.as_bytes().get(..cut).unwrap_or_default());
            for byte in [0, b'<', b'>', b'&', b'"', 0xff] {
                let mut changed = text.as_bytes().to_vec();
                if let Some(place) = changed.get_mut(cut) {
                    *place = byte;
                }
                let _ = read_body(&changed);
            }
        }
    }
}
