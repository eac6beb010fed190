//! The samples: bodies as captured, or the captured envelope around what was quoted.

use crate::call::{Auth, Call, Form, Method};
use crate::contract::{FixtureKind, Market, Root, State};

pub(super) const R01_ID: &str = "i-03fe236b187a898b6";
const R01: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<StopInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
    <requestId>8fb2652c-2944-48cd-a035-7580571e5499</requestId>
    <instancesSet>
        <item>
            <instanceId>i-03fe236b187a898b6</instanceId>
            <currentState>
                <code>64</code>
                <name>stopping</name>
            </currentState>
            <previousState>
                <code>16</code>
                <name>running</name>
            </previousState>
        </item>
    </instancesSet>
</StopInstancesResponse>
"#;
pub(super) const R12_ID: &str = "i-0cfb1e75e74229968";
const R12: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<StopInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>4d95ee67-fcd8-4235-a004-4b8ad0917b5a</requestId><instancesSet><item><instanceId>i-0cfb1e75e74229968</instanceId><currentState><code>64</code><name>stopping</name></currentState><previousState><code>16</code><name>running</name></previousState></item></instancesSet></StopInstancesResponse>"#;
const R14: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>DryRunOperation</Code><Message>Request would have succeeded, but DryRun flag is set.</Message></Error></Errors><RequestID>2ac97f48-830a-4917-b882-ed3369f848da</RequestID></Response>"#;
const R33: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>InvalidAction</Code><Message>The action DescribeLoadBalancers is not valid for this web service.</Message></Error></Errors><RequestID>90bfbc36-febb-42f9-ace9-2c582765b938</RequestID></Response>"#;
const R34: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>UnknownParameter</Code><Message>The parameter ImageType is not recognized</Message></Error></Errors><RequestID>15d5b5ac-d58d-464a-b03c-302ea46383d5</RequestID></Response>"#;
const R38: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>MissingParameter</Code><Message>The request must contain the parameter AWSAccessKeyId</Message></Error></Errors><RequestID>[REDACTED]</RequestID></Response>"#;

const HEADERS_2017: &[(&str, &str)] = &[
    ("Content-Type", "text/xml;charset=UTF-8"),
    ("Transfer-Encoding", "chunked"),
    ("Vary", "Accept-Encoding"),
    ("Date", "Sat, 15 Jul 2017 14:02:41 GMT"),
    ("Server", "AmazonEC2"),
];
/// R14 and all errors until 2020: no content type at all.
const HEADERS_OF_OLD_ERRORS: &[(&str, &str)] = &[
    ("Transfer-Encoding", "chunked"),
    ("Date", "Sat, 15 Jul 2017 14:02:40 GMT"),
    ("Server", "AmazonEC2"),
];

/// An instance that a sample is about.
pub(crate) type Fixture = (&'static str, FixtureKind);

/// One recorded answer and the call it fits.
pub(crate) struct Sample {
    pub(crate) source: &'static str,
    pub(crate) fixtures: Vec<Fixture>,
    pub(crate) call: Call,
    pub(crate) status: u16,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) body: String,
    /// Whether the edition of 2017 knows of it.
    pub(crate) in_2017: bool,
}

fn running(id: &'static str) -> Fixture {
    (id, FixtureKind::default())
}

fn being(id: &'static str, state: State) -> Fixture {
    (
        id,
        FixtureKind {
            state,
            ..FixtureKind::default()
        },
    )
}

fn stop(ids: &[&str]) -> Call {
    let names = (1..).map(|n| format!("InstanceId.{n}"));
    Call::new(
        "StopInstances",
        names.zip(ids.iter().copied()).collect::<Vec<(String, &str)>>(),
    )
}

fn with(mut call: Call, params: &[(&str, &str)]) -> Call {
    let more = params
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    call.params.extend(more);
    call
}

fn signed(mut call: Call, auth: Auth) -> Call {
    call.form.auth = auth;
    call
}

/// A success that was recorded as parsed values.
fn success(source: &'static str, ids: &[&'static str], body: String) -> Sample {
    Sample {
        source,
        fixtures: ids.iter().copied().map(running).collect(),
        call: stop(ids),
        status: 200,
        headers: HEADERS_2017,
        body,
        in_2017: true,
    }
}

fn items(ids: &[&str]) -> String {
    let items: String = ids
        .iter()
        .map(|id| {
            format!(
                "<item><instanceId>{id}</instanceId><currentState><code>64</code><name>stopping</name></currentState>\
                 <previousState><code>16</code><name>running</name></previousState></item>"
            )
        })
        .collect();
    let (head, _) = R12.split_once("<item>").expect("the capture has an item");
    format!("{head}{items}</instancesSet></StopInstancesResponse>")
}

/// A refusal that was quoted by its code and message.
fn quoted(
    source: &'static str,
    fixtures: &[Fixture],
    call: Call,
    status: u16,
    code: &str,
    message: &str,
) -> Sample {
    Sample {
        source,
        fixtures: fixtures.to_vec(),
        call,
        status,
        headers: HEADERS_OF_OLD_ERRORS,
        body: R14
            .replace("DryRunOperation", code)
            .replace("Request would have succeeded, but DryRun flag is set.", message),
        in_2017: true,
    }
}

fn captured(source: &'static str, fixtures: &[Fixture], call: Call, status: u16, body: &str) -> Sample {
    Sample {
        body: body.to_owned(),
        ..quoted(source, fixtures, call, status, "", "")
    }
}

fn later(sample: Sample) -> Sample {
    Sample {
        in_2017: false,
        ..sample
    }
}

fn successes() -> Vec<Sample> {
    const R03_ASKED: &[&str] = &["i-9206fe54", "i-7b5241a3", "i-242dd4f9"];
    const R03_TOLD: &[&str] = &["i-242dd4f9", "i-9206fe54", "i-7b5241a3"];
    const R04: &[&str] = &["i-0fd6bd23de18b49b0", "i-0e2a65fcc30f05c39"];
    const R06: &str = "i-0b368f4b8fbd34f3a";
    let hibernating = FixtureKind {
        hibernation: true,
        ..FixtureKind::default()
    };
    vec![
        Sample {
            call: with(stop(&[R01_ID]), &[("DryRun", "false")]),
            ..success("R01", &[R01_ID], R01.to_owned())
        },
        success("R02", &["i-1aebf7c0"], items(&["i-1aebf7c0"])),
        success("R03", R03_ASKED, items(R03_TOLD)),
        success("R04", R04, items(R04)),
        later(Sample {
            fixtures: vec![(R06, hibernating)],
            call: with(stop(&[R06]), &[("Hibernate", "true")]),
            ..success("R06", &[R06], R01.replace(R01_ID, R06))
        }),
        success("R12", &[R12_ID], R12.to_owned()),
    ]
}

fn refusals_of_stops() -> Vec<Sample> {
    let kind = FixtureKind::default();
    let protected = FixtureKind {
        stop_protected: true,
        ..kind
    };
    let store = FixtureKind {
        root: Root::InstanceStore,
        ..kind
    };
    let one_time = FixtureKind {
        market: Market::OneTimeSpot,
        ..kind
    };
    let hibernating = FixtureKind {
        hibernation: true,
        ..kind
    };
    let (r15, r16, r17, r19) = (
        "i-000b2f5125402eb55",
        "i-2851bbea",
        "i-0c763e339f70bdb29",
        "i-b2acfb92",
    );
    let not_stoppable = "This instance 'i-2851bbea' is not in a state from which it can be stopped.";
    let hibernate = with(stop(&[R01_ID]), &[("Hibernate", "true")]);
    vec![
        captured(
            "R14",
            &[running(R01_ID)],
            with(stop(&[R01_ID]), &[("DryRun", "true")]),
            412,
            R14,
        ),
        later(quoted(
            "R15",
            &[(r15, protected)],
            stop(&[r15]),
            400,
            "OperationNotPermitted",
            "The instance 'i-000b2f5125402eb55' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.",
        )),
        quoted(
            "R16",
            &[being(r16, State::Terminated)],
            stop(&[r16]),
            400,
            "IncorrectInstanceState",
            not_stoppable,
        ),
        quoted(
            "R16, shutting down",
            &[being(r16, State::ShuttingDown)],
            stop(&[r16]),
            400,
            "IncorrectInstanceState",
            not_stoppable,
        ),
        quoted(
            "R17",
            &[being(r17, State::Pending)],
            stop(&[r17]),
            400,
            "IncorrectInstanceState",
            "Instance 'i-0c763e339f70bdb29' cannot be stopped as it has never reached the 'running' state.",
        ),
        quoted(
            "R19",
            &[(r19, store)],
            stop(&[r19]),
            400,
            "UnsupportedOperation",
            "The instance 'i-b2acfb92' does not have an 'ebs' root device type and cannot be stopped.",
        ),
        later(quoted(
            "R20",
            &[(R01_ID, one_time)],
            stop(&[R01_ID]),
            400,
            "UnsupportedOperation",
            "You can't stop the Spot Instance 'i-03fe236b187a898b6' because it is associated with a one-time Spot Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests.",
        )),
        later(quoted(
            "R22",
            &[(R01_ID, hibernating)],
            hibernate.clone(),
            400,
            "UnsupportedOperation",
            "Instance is not ready to hibernate yet, retry in a few minutes",
        )),
        later(quoted(
            "R24",
            &[running(R01_ID)],
            hibernate,
            400,
            "UnsupportedHibernationConfiguration",
            "The instance can't be hibernated because it was not configured at launch for hibernation: i-03fe236b187a898b6",
        )),
        quoted(
            "R25",
            &[],
            stop(&["ma1"]),
            400,
            "InvalidInstanceID.Malformed",
            "Invalid id: \"ma1\"",
        ),
        quoted(
            "R26",
            &[],
            stop(&[""]),
            400,
            "InvalidInstanceID.Malformed",
            "Invalid id: \"\" (expecting \"i-...\")",
        ),
        quoted(
            "R27",
            &[running("i-c6464a3f")],
            stop(&["i-c6464a3f "]),
            400,
            "InvalidInstanceID.NotFound",
            "The instance ID 'i-c6464a3f ' does not exist",
        ),
        quoted(
            "R28, one",
            &[],
            stop(&[R01_ID]),
            400,
            "InvalidInstanceID.NotFound",
            "The instance ID 'i-03fe236b187a898b6' does not exist",
        ),
        quoted(
            "R28, two",
            &[],
            stop(&[R01_ID, R12_ID]),
            400,
            "InvalidInstanceID.NotFound",
            "The instance IDs 'i-03fe236b187a898b6, i-0cfb1e75e74229968' do not exist",
        ),
        quoted(
            "R28, border",
            &[],
            stop(&["i-ffffff"]),
            400,
            "InvalidInstanceID.NotFound",
            "The instance ID 'i-ffffff' does not exist",
        ),
        quoted(
            "R32",
            &[running(R01_ID), being(r16, State::Terminated)],
            stop(&[R01_ID, r16]),
            400,
            "IncorrectInstanceState",
            not_stoppable,
        ),
        quoted(
            "R49",
            &[],
            stop(&["ma1"]),
            400,
            "InvalidInstanceID.Malformed",
            "The instance ID 'ma1' is malformed",
        ),
    ]
}

fn refusals_of_requests() -> Vec<Sample> {
    let a = &[running(R01_ID)];
    let plain = || stop(&[R01_ID]);
    let mut other_action = plain();
    other_action.action = Some("DescribeLoadBalancers".to_owned());
    let mut old_version = plain();
    old_version.form.version = Some("2010-03-31".to_owned());
    let mut unsigned = plain();
    unsigned.form = Form {
        method: Method::Get,
        auth: Auth::Unsigned,
        ..Form::default()
    };
    let denied = || signed(plain(), Auth::Denied);
    let failure = "AWS was not able to validate the provided access credentials";
    vec![
        quoted(
            "R29",
            a,
            denied(),
            403,
            "UnauthorizedOperation",
            "You are not authorized to perform this operation. User: arn:aws:iam::111122223333:user/USER is not authorized to perform: ec2:StopInstances on resource: arn:aws:ec2:us-east-1:111122223333:instance/i-057bbcd4a3311762a with an explicit deny in an identity-based policy: arn:…",
        ),
        quoted(
            "R30",
            a,
            denied(),
            403,
            "UnauthorizedOperation",
            "You are not authorized to perform this operation. Encoded authorization failure message: …",
        ),
        quoted(
            "R31",
            a,
            signed(plain(), Auth::ExpiredSession),
            400,
            "RequestExpired",
            "Request has expired.",
        ),
        quoted(
            "R31, stale",
            a,
            signed(plain(), Auth::Stale),
            400,
            "RequestExpired",
            "Request has expired.",
        ),
        captured("R33", a, other_action, 400, R33),
        captured("R34", a, with(plain(), &[("ImageType", "machine")]), 400, R34),
        quoted(
            "R34, case",
            a,
            with(plain(), &[("dryRun", "true")]),
            400,
            "UnknownParameter",
            "The parameter dryRun is not recognized",
        ),
        quoted(
            "R35",
            a,
            old_version,
            400,
            "NoSuchVersion",
            "The requested version (2010-03-31) of service AmazonEC2 does not exist",
        ),
        quoted(
            "R36",
            a,
            signed(plain(), Auth::WrongSignature),
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
        ),
        quoted(
            "R37, signature",
            a,
            signed(plain(), Auth::WrongSignature),
            401,
            "AuthFailure",
            failure,
        ),
        quoted(
            "R37, key",
            a,
            signed(plain(), Auth::UnknownKey),
            401,
            "AuthFailure",
            failure,
        ),
        quoted(
            "R37, clock",
            a,
            signed(plain(), Auth::Stale),
            401,
            "AuthFailure",
            failure,
        ),
        captured("R38", a, unsigned, 400, R38),
        quoted(
            "R40, 2015",
            a,
            plain(),
            503,
            "RequestLimitExceeded",
            "Request limit exceeded.",
        ),
        quoted(
            "R40, 2026",
            a,
            plain(),
            503,
            "RequestLimitExceeded",
            "Request limit exceeded. Account xxxxxxxxxxxx has been throttled on ec2:RunInstances because it exceeded its request rate limit.",
        ),
        quoted(
            "R41",
            a,
            plain(),
            503,
            "Unavailable",
            "The service is unavailable. Please try again shortly.",
        ),
        quoted(
            "R43",
            &[],
            stop(&[""]),
            400,
            "MissingParameter",
            "The request must contain the parameter InstanceId",
        ),
        quoted(
            "R43, no ids",
            &[],
            stop(&[]),
            400,
            "MissingParameter",
            "The request must contain the parameter InstanceId",
        ),
        quoted(
            "R44",
            &[],
            stop(&[]),
            400,
            "InvalidParameterCombination",
            "No instances specified",
        ),
    ]
}

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = Sample> {
    [successes(), refusals_of_stops(), refusals_of_requests()]
        .into_iter()
        .flatten()
}

/// The one with this number.
pub(super) fn find(source: &str) -> Sample {
    all()
        .find(|sample| sample.source == source)
        .expect("the tests name samples")
}

/// A sample about a terminated instance, answered as if the instance had been purged.
pub(super) fn purged(source: &str) -> Sample {
    let sample = find(source);
    let id = sample.fixtures.first().map(|(id, _)| *id).unwrap_or_default();
    let message = format!("The instance ID '{id}' does not exist");
    Sample {
        body: quoted(
            sample.source,
            &[],
            stop(&[]),
            400,
            "InvalidInstanceID.NotFound",
            &message,
        )
        .body,
        ..sample
    }
}

/// A description of one instance, with a reason and a stateReason (without its `Client.`) if they are not empty.
pub(super) fn description(id: &str, state: &str, reason: &str, why: &str) -> String {
    let why = match why.split_once(':') {
        Some((code, _)) => {
            format!("<stateReason><code>Client.{code}</code><message>Client.{why}</message></stateReason>")
        }
        None => String::new(),
    };
    format!(
        "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
         <reservationSet><item><instancesSet><item><instanceId>{id}</instanceId><instanceState><code>0</code>\
         <name>{state}</name></instanceState><reason>{reason}</reason>{why}</item></instancesSet></item>\
         </reservationSet></DescribeInstancesResponse>"
    )
}
