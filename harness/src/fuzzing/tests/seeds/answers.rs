//! Bodies of answers, and documents of every kind.

use std::fmt::Write as _;

use bytes::Bytes;
use http::Response;

use super::{Made, target, text};
use crate::call::Call;
use crate::contract::{Edition, embedded};
use crate::fuzzing::tree::{Texts, TreeLayout, TreePart};
use crate::protocol::{self, Body};
use crate::reference::{Config, Reference, keys};

/// Bodies that AWS sent, and bodies that the reference sends.
pub(super) fn answers() -> Made {
    let recorded = embedded(Edition::Current).recorded.into_iter();
    let recorded = recorded.map(|recorded| text(format!("recorded {}", recorded.name), recorded.body));
    let reference = answers_of_reference()
        .into_iter()
        .map(|(action, body)| (format!("reference {action}"), body));
    let odd = [
        ("nothing", ""),
        ("no xml", "Bad gateway"),
        ("page", "<!DOCTYPE html><html><body>503</body></html>"),
        ("json", "{\"__type\":\"InternalFailure\"}"),
        ("utf 16", "<\0a\0/\0>\0"),
        (
            "latin 1",
            "<?xml version='1.0' encoding='ISO-8859-1'?><a>\u{e9}</a>",
        ),
        (
            "sister's error",
            "<ErrorResponse><Error><Type>Sender</Type><Code>A</Code><Message>b</Message></Error></ErrorResponse>",
        ),
        (
            "lone error",
            "<Error><Code>A</Code><Message>b</Message><RequestId>1</RequestId></Error>",
        ),
        ("empty errors", "<Response><Errors/><x/></Response>"),
        (
            "odd item",
            "<StopInstancesResponse xmlns='u'>t<instancesSet><member>x<instanceId> i-0a </instanceId><instanceId><b/>\
             </instanceId><currentState><code>x</code><p:name xmlns:p='v'>running</p:name><y/></currentState></member>\
             </instancesSet></StopInstancesResponse>",
        ),
    ];
    recorded
        .chain(reference)
        .chain(odd.into_iter().map(|(name, body)| text(name, body)))
        .chain([("broken utf 8".to_owned(), vec![b'<', 0xff, b'>'])])
        .collect()
}

/// One answer of the reference to each kind of call.
fn answers_of_reference() -> Vec<(&'static str, Vec<u8>)> {
    let reference = Reference::new(Config::default());
    let mut now_ms = 1_767_225_600_000;
    let mut ask = |action: &'static str, params: &[(&str, &str)]| {
        now_ms += 5_000;
        let mut call = Call::new(action, params.iter().copied());
        if action == "GetCallerIdentity" {
            call.form.version = Some("2011-06-15".to_owned());
        }
        let request = protocol::encode(&call, &target()).expect("a short call");
        let answer = reference.handle_vouched(&request, keys::MAIN.access_key, now_ms);
        (action, answer)
    };
    let launch = |image, count: &'static str| {
        [
            ("ImageId", image),
            ("MinCount", count),
            ("MaxCount", count),
            ("InstanceType", "t3.micro"),
        ]
    };
    let mut all = vec![ask("RunInstances", &launch("ami-0eb50000000000001", "2"))];
    let ids: Vec<String> = all.first().map(|(_, answer)| ids_of(answer)).unwrap_or_default();
    let id = ids.first().map(String::as_str).unwrap_or_default();
    let spot = [
        ("InstanceMarketOptions.MarketType", "spot"),
        ("InstanceMarketOptions.SpotOptions.SpotInstanceType", "persistent"),
        (
            "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior",
            "stop",
        ),
    ];
    let one = [("InstanceId.1", id)];
    all.push(ask(
        "RunInstances",
        &[&launch("ami-0eb50000000000001", "1")[..], &spot[..]].concat(),
    ));
    all.push(ask("RunInstances", &launch("ami-015d0000000000003", "1")));
    all.push(ask(
        "CreateTags",
        &[("ResourceId.1", id), ("Tag.1.Key", "a"), ("Tag.1.Value", "<&>")],
    ));
    all.push(ask("StopInstances", &one));
    for action in [
        "DescribeInstances",
        "DescribeImages",
        "DescribeSpotInstanceRequests",
        "DescribeTags",
        "DescribeVolumes",
        "DescribeSubnets",
        "GetCallerIdentity",
    ] {
        all.push(ask(action, &[]));
    }
    all.push(ask("DescribeInstances", &[("MaxResults", "5")]));
    all.push(ask("DescribeInstanceStatus", &[("IncludeAllInstances", "true")]));
    all.push(ask(
        "DescribeInstanceAttribute",
        &[("InstanceId", id), ("Attribute", "disableApiStop")],
    ));
    all.push(ask("StartInstances", &one));
    all.push(ask("RebootInstances", &one));
    all.push(ask("TerminateInstances", &one));
    all.push(ask("StopInstances", &one));
    all.into_iter()
        .map(|(action, answer)| (action, answer.into_body().into()))
        .collect()
}

fn ids_of(answer: &Response<Bytes>) -> Vec<String> {
    let reply = protocol::decode(answer.clone());
    let instances = reply.root().map(protocol::instances).unwrap_or_default();
    instances.into_iter().map(|instance| instance.id).collect()
}

/// Documents with every construct of XML, and an answer in every layout.
pub(super) fn documents() -> Made {
    let mut all: Made = [
        ("names", "<a.b-c_d><\u{e9}:x xmlns:\u{e9}='u'/></a.b-c_d>"),
        (
            "namespaces",
            "<a xmlns='u'><b xmlns=''><c xmlns:p='v'><p:d p:k='1' k='2'/></c></b><e/></a>",
        ),
        (
            "references in a namespace",
            "<a xmlns='u&#58;x' xmlns:p='&amp;'><p:b/></a>",
        ),
        ("language", "<a xml:lang='en' xml:space='preserve'> </a>"),
        (
            "references",
            "<a k='&lt;&#65;&#x42;&quot;&#10;'>&lt;&gt;&amp;&apos;&quot;&#233;&#x1F600;</a>",
        ),
        ("unknown reference", "<a>&nbsp;</a>"),
        ("forbidden reference", "<a>&#0;&#xffff;</a>"),
        ("sections", "<a>x<![CDATA[<b>&]]]]><![CDATA[>]]>y</a>"),
        ("end of a section in text", "<a>]]></a>"),
        ("comments", "<!-- - --><a><!----><b/><!-- x --></a><!-- -- -->"),
        ("instructions", "<?a b?><a><?xml-x y?></a><?z?>"),
        ("reserved instruction", "<a><?XML x?></a>"),
        (
            "declaration",
            "<?xml version='1.1' encoding='utf-8' standalone='yes'?><a/>",
        ),
        ("odd declaration", "<?xml version='1.0' standalone='maybe'?><a/>"),
        ("late declaration", " <?xml version='1.0'?><a/>"),
        (
            "white space",
            "\t\r\n<a\n k\r=\t'x\ny\r\nz'\n>\r\n<b />\rx</a\n>\n",
        ),
        ("twice", "<a k='1' k='2'/>"),
        ("undeclared", "<p:a/>"),
        ("two roots", "<a/><b/>"),
        ("crossed", "<a><b></a></b>"),
        ("open", "<a><b>"),
        ("text outside", "x<a/>"),
        ("document type", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
        ("no quotes", "<a k=1/>"),
        ("angle in a value", "<a k='<'/>"),
        ("control", "<a>\u{1}\u{7f}</a>"),
        ("mark", "\u{feff}<a/>"),
        ("mixed", "<a>1<b>2</b>3<c/> <d> </d></a>"),
        ("bad namespace", "<a xmlns:xmlns='u' xmlns:xml='v' xmlns:p=''/>"),
        (
            "plain",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a xmlns=\"http://x/\"><b>c</b>\n<d/></a>",
        ),
    ]
    .into_iter()
    .map(|(name, document)| text(name, document))
    .collect();
    all.push(text("deep", format!("{}{}", "<a>".repeat(64), "</a>".repeat(64))));
    let many: String = (0..64).fold(String::new(), |mut out, at| {
        let _ = write!(out, " k{at}='v'");
        out
    });
    all.push(text("attributes", format!("<a{many}/>")));
    let spaces: String = (0..16).fold(String::new(), |mut out, at| {
        let _ = write!(out, " xmlns:p{at}='u{at}'");
        out
    });
    all.push(text("many namespaces", format!("<a{spaces}><p15:b/></a>")));
    let body = protocol::reply::read_body(
        embedded(Edition::Current)
            .recorded
            .into_iter()
            .next()
            .map(|one| one.body)
            .unwrap_or_default()
            .as_bytes(),
    );
    if let Body::Document(document) = &body {
        let tree = TreePart::of(document);
        let layouts = [
            TreeLayout::default(),
            TreeLayout {
                comments: true,
                instructions: true,
                apostrophes: true,
                texts: Texts::Data,
                ..TreeLayout::default()
            },
            TreeLayout {
                declared: true,
                indented: true,
                long_empty: true,
                prefix: true,
                ..TreeLayout::default()
            },
        ];
        let written = layouts.map(|layout| tree.written(layout));
        all.extend(
            (0..)
                .zip(written)
                .map(|(at, written): (u8, String)| text(format!("layout {at}"), written)),
        );
    }
    all
}
