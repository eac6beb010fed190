use super::*;
use crate::fuzzing::goldens as fuzzing;

const STOP: &str = "\
fixture a <instance:1> running

step 1: call
> POST /
> Action=StopInstances
> InstanceId.1=<instance:1>
< 200
< content-type: text/xml;charset=UTF-8
< x-amzn-requestid: <request:1>
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<StopInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">
  <instancesSet>
    <item>
      <currentState><code>64</code><name>stopping</name></currentState>
      <instanceId><instance:1></instanceId>
      <previousState><code>16</code><name>running</name></previousState>
    </item>
  </instancesSet>
  <requestId><request:1></requestId>
</StopInstancesResponse>
";

#[test]
fn a_transcript_stays_as_it_is() {
    assert_eq!(normal(STOP), STOP);
}

#[test]
fn what_must_not_matter_does_not() {
    for (from, to) in [
        // White space.
        ("      <instanceId>", "<instanceId>"),
        ("<code>64</code><name>", "<code> 64\n</code>\n\n  <name>"),
        ("> Action=", ">   Action="),
        ("\n\nstep", "\nstep"),
        // Ids and dates in any form.
        ("<request:1>", "724f3a5a-a070-4d51-8883-6afa15daa139"),
        ("<instance:1>", "i-0a1b2c3d4e5f67890"),
        ("<instance:1>", "<instance:7>"),
        // The case and the order of header names.
        ("content-type:", "Content-Type:"),
        ("x-amzn-requestid:", "X-Amzn-RequestId:"),
        // The order of members, the prefix of a namespace, comments.
        (
            "<code>64</code><name>stopping</name>",
            "<name>stopping</name><!-- so --><code>64</code>",
        ),
        (
            "<code>16</code>",
            "<e:code xmlns:e=\"http://ec2.amazonaws.com/doc/2016-11-15/\">16</e:code>",
        ),
        ("<code>16</code>", "<code><![CDATA[16]]></code>"),
    ] {
        let changed = STOP.replace(from, to);
        assert_ne!(changed, STOP, "{from}");
        let expected = match to.contains("xmlns:e") {
            // A namespace declaration is kept like any other attribute.
            true => STOP.replace(
                "<code>16</code>",
                "<code xmlns:e=\"http://ec2.amazonaws.com/doc/2016-11-15/\">16</code>",
            ),
            false => STOP.to_owned(),
        };
        assert_eq!(normal(&changed), expected, "{from} → {to}");
    }
    let swapped = STOP.replace(
        "< content-type: text/xml;charset=UTF-8\n< x-amzn-requestid: <request:1>\n",
        "< x-amzn-requestid: <request:1>\n< content-type: text/xml;charset=UTF-8\n",
    );
    assert_ne!(swapped, STOP);
    assert_eq!(normal(&swapped), STOP);
}

#[test]
fn it_does_not_matter_how_instances_were_launched_together() {
    let described = |reservations: &str| {
        STOP.split_once("<StopInstancesResponse")
            .expect("it is there")
            .0
            .to_owned()
            + "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><reservationSet>"
            + reservations
            + "</reservationSet></DescribeInstancesResponse>\n"
    };
    let instance = |number: u8| format!("<item><instanceId><instance:{number}></instanceId></item>");
    let apart =
        [1, 2, 3].map(|number| format!("<item><instancesSet>{}</instancesSet></item>", instance(number)));
    let together = format!(
        "<item><instancesSet>{}{}</instancesSet></item><item><instancesSet>{}</instancesSet></item>",
        instance(3),
        instance(1),
        instance(2)
    );
    let normal_apart = normal(&described(&apart.concat()));
    assert_eq!(normal(&described(&together)), normal_apart);
    assert_eq!(normal_apart.matches("<instancesSet>").count(), 3);
}

#[test]
fn what_matters_does() {
    for (from, to) in [
        ("<code>64</code>", "<code>80</code>"),
        ("<name>stopping</name>", "<name>stopped</name>"),
        (
            "<currentState><code>64</code><name>stopping</name></currentState>",
            "<currentstate><code>64</code><name>stopping</name></currentstate>",
        ),
        ("< 200", "< 412"),
        ("charset=UTF-8", "charset=UTF-16"),
        ("2016-11-15/\"", "2016-11-15\""),
        ("InstanceId.1=<instance:1>", "InstanceId.1=<instance:2>"),
        ("<requestId><request:1>", "<requestId><request:2>"),
        ("<item>", "<item k=\"v\">"),
    ] {
        let changed = STOP.replacen(from, to, 1);
        assert_ne!(changed, STOP, "{from}");
        assert_ne!(normal(&changed), STOP, "{from} → {to}");
    }
}

#[test]
fn the_order_of_ids_matters_in_a_request_and_not_in_an_answer() {
    let batch = |sent: [&str; 2], answered: [&str; 2]| {
        let [one, other] = answered;
        normal(&format!(
            "fixture a i-00000001 running\nfixture b i-00000002 running\nstep 1: call\n> POST /\n\
             > InstanceId.1={}\n> InstanceId.2={}\n< 200\n\
             <r><s><item><instanceId>{one}</instanceId></item><item><instanceId>{other}</instanceId></item></s></r>",
            sent[0], sent[1],
        ))
    };
    let (a, b) = ("i-00000001", "i-00000002");
    assert_eq!(batch([a, b], [a, b]), batch([a, b], [b, a]));
    assert_ne!(batch([a, b], [a, b]), batch([b, a], [a, b]));
}

#[test]
fn answers_that_came_at_once_stand_in_no_order() {
    let step = |first: &str, second: &str| {
        normal(&format!(
            "step 1: the same call several times at once\n> POST /\n< 200\n<s>{first}</s>\n> POST /\n< 200\n<s>{second}</s>\n"
        ))
    };
    assert_eq!(step("running", "stopping"), step("stopping", "running"));
    let apart = |first: &str, second: &str| {
        normal(&format!(
            "step 1: call\n> POST /\n< 200\n<s>{first}</s>\nstep 2: call\n> POST /\n< 200\n<s>{second}</s>\n"
        ))
    };
    assert_ne!(apart("running", "stopping"), apart("stopping", "running"));
}

#[test]
fn a_name_that_an_endpoint_made_up_is_none_of_ours() {
    let told = normal("<a>&lt;instance:1&gt; i-00000001</a>");
    assert_eq!(told, "<a>&lt;instance:1&gt; <instance:1></a>\n");
    assert_eq!(normal(&told), told);
    fuzzing::golden(b"<instance:1 xmlns:instance='u'/>");
    fuzzing::golden("<a>\u{e000}instance:1\u{e001}</a>".as_bytes());
    fuzzing::golden(b"<a>&#xe000;instance:1&#xe001; i-00000001</a>");
}

#[test]
fn lists_in_lists_cost_no_more_the_deeper_they_are() {
    // If an item were laid out again for every list around it, this would not end in a reasonable time.
    let deep = format!("{}{}", "<item>".repeat(60), "</item>".repeat(60));
    assert_eq!(
        normal(&deep),
        format!("{}<item/>{}\n", "<item>".repeat(59), "</item>".repeat(59))
    );
    let wide = format!(
        "{}<a/><b/>{}",
        "<item><x/><item/>".repeat(60),
        "</item>".repeat(60)
    );
    fuzzing::golden(wide.as_bytes());
}

#[test]
fn a_body_that_is_no_document_is_kept_line_by_line() {
    let told = normal("step 1: call\n> POST /\n< 500\n<!doctype html>\n<html lang=en>\n");
    assert_eq!(
        told,
        "step 1: call\n> POST /\n< 500\n| <!doctype html>\n| <html lang=en>\n"
    );
}

/// Pieces that inputs are made of: parts of transcripts, parts of XML, and mistakes between them.
const PIECES: &[&str] = &[
    "step 1: call\n",
    "step 2: the same call several times at once\n",
    "fixture a i-0a1b2c3d4e5f67890 running\n",
    "> POST /\n",
    "> GET /\n",
    "> Action=DescribeInstances\n",
    "< 200\n",
    "< X-Amzn-RequestId: abc\n",
    "< Content-Type: text/xml\n",
    "= unsupported: x\n",
    "| body\n",
    "|\n",
    "\n",
    "  ",
    "\t",
    "\r\n",
    "text ",
    "<a>",
    "</a>",
    "<a/>",
    "<item>",
    "</item>",
    "<time>",
    "</time>",
    "<instance:1>",
    "<instance:2>",
    "<INSTANCE:1>",
    "<request:3>",
    "<requestId>",
    "</requestId>",
    "i-00000001",
    "i-0A1B2C3D",
    "724f3a5a-a070-4d51-8883-6afa15daa139",
    "2026-01-01T00:00:00.000Z",
    "10.0.0.1",
    "ip-10-0-0-1",
    "&lt;",
    "&amp;",
    "&#xe000;",
    "&#10;",
    "&#x202e;",
    "\u{e000}",
    "\u{e001}",
    "\u{202e}",
    "\u{85}",
    "\u{2028}",
    "<!-- c -->",
    "<![CDATA[<]]>",
    "<?xml version=\"1.0\"?>\n",
    "<?pi x?>",
    "<x:b xmlns:x='u'>",
    "</x:b>",
    "<b xmlns='v' k='i-00000001' a=\"<time>\">",
    "</b>",
    "<DescribeInstancesResponse>",
    "<reservationSet><item><instancesSet><item><instanceId>i-00000001</instanceId><x/></item></instancesSet></item></reservationSet>",
    "</DescribeInstancesResponse>",
    "\\",
    "<",
    ">",
    "é",
    "\u{1F600}",
];

#[test]
fn any_text_ends_in_a_transcript_that_stays_as_it_is() {
    for seed in 0..1_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let text: String = (0..random.usize(0..24))
            .filter_map(|_| random.choice(PIECES).copied())
            .collect();
        let ended = std::panic::catch_unwind(|| fuzzing::golden(text.as_bytes()));
        assert!(ended.is_ok(), "seed {seed}: {text:?}");
    }
}
