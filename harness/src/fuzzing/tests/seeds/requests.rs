//! Forms, requests and signatures.

use std::fmt::Write as _;

use bytes::Bytes;
use http::Request;

use super::{Made, target, text};
use crate::call::{Auth, Call};
use crate::sign;
use crate::{embedded, protocol};

/// Forms as clients and careless programs write them.
pub(super) fn forms() -> Made {
    let mut all = vec![
        text(
            "plain",
            "Action=StopInstances&Version=2016-11-15&InstanceId.1=i-0cfb1e75e74229968&DryRun=true",
        ),
        text("every byte", "Action=%53%74%6f%70&InstanceId%2E1=%69%2D%30"),
        text("pluses", "Tag.1.Value=a+b%20c%2Bd"),
        text("odd", "&&=&a&=b&a=b=c&%=%zz%4&%00=%ff&\u{e9}=\u{1F600}"),
        text("twice", "a=1&a=2&A=3"),
    ];
    all.push((
        "no utf 8".to_owned(),
        vec![b'a', b'=', 0xff, b'&', b'%', b'f', b'f'],
    ));
    all
}

/// Requests for everything that the reference does.
pub(super) fn requests() -> Made {
    let post = |body: &str| format!("POST /\nHost: localhost\n\n{body}");
    let one = |action: &str, rest: &str| {
        (
            action.to_owned(),
            post(&format!("Action={action}&Version=2016-11-15{rest}")),
        )
    };
    let stop = |rest: &str| post(&format!("Action=StopInstances&Version=2016-11-15{rest}"));
    let launch = "&ImageId=ami-0eb50000000000001&MinCount=1&MaxCount=2&InstanceType=t3.micro";
    let mut all: Made = [
        one("RunInstances", launch),
        one(
            "RunInstances",
            &format!(
                "{launch}&InstanceMarketOptions.MarketType=spot&InstanceMarketOptions.SpotOptions.SpotInstanceType=persistent\
                 &InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior=stop&ClientToken=a&KeyName=k\
                 &TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=b"
            ),
        ),
        one("RunInstances", "&ImageId=ami-015d0000000000003&MinCount=1&MaxCount=1&DisableApiStop=true&SecurityGroupId.1=sg-1"),
        one("RunInstances", "&ImageId=x&MinCount=0&MaxCount=99999999999"),
        one("DescribeInstances", "&MaxResults=5&Filter.1.Name=instance-state-name&Filter.1.Value.1=run*&Filter.1.Value.2=stopped"),
        one("DescribeInstances", "&InstanceId.1={0}&NextToken=x"),
        one("DescribeInstanceStatus", "&IncludeAllInstances=true&InstanceId.1={1}"),
        one("DescribeInstanceAttribute", "&InstanceId={0}&Attribute=disableApiStop"),
        one("DescribeInstanceCreditSpecifications", "&InstanceId.1={0}"),
        one("DescribeInstanceTypes", "&InstanceType.1=t3.micro"),
        one("DescribeImages", "&Owner.1=self&ImageId.1=ami-0eb50000000000001"),
        one("DescribeSpotInstanceRequests", "&Filter.1.Name=state&Filter.1.Value.1=active"),
        one("DescribeSubnets", ""),
        one("DescribeVpcs", ""),
        one("DescribeVolumes", "&Filter.1.Name=attachment.instance-id&Filter.1.Value.1={0}"),
        one("DescribeTags", ""),
        one("CreateTags", "&ResourceId.1={0}&ResourceId.2={1}&Tag.1.Key=a&Tag.1.Value=b"),
        one("CancelSpotInstanceRequests", "&SpotInstanceRequestId.1=sir-00000000"),
        one("ModifyInstanceAttribute", "&InstanceId={0}&DisableApiStop.Value=true"),
        one("ModifyInstanceAttribute", "&InstanceId={0}&Attribute=instanceType&Value=t3.large"),
        one("RebootInstances", "&InstanceId.1={0}"),
        one("StartInstances", "&InstanceId.1={0}"),
        one("TerminateInstances", "&InstanceId.1={0}&InstanceId.2={2}"),
        one("RegisterImage", "&Name=a&ImageLocation=b/c.xml"),
        one("Bogus", ""),
    ]
    .into_iter()
    .map(|(name, request)| text(format!("one {name} {}", request.len()), request))
    .collect();
    let series = [
        stop("&InstanceId.1={0}&InstanceId.2={1}"),
        stop("&InstanceId.1={0}&DryRun=true"),
        stop("&InstanceId.1={0}&InstanceId.2=i-0123456789abcdef0"),
        stop("&InstanceId.1={2}&Hibernate=true&Force=true"),
        stop("&InstanceId.1={2}&SkipOsShutdown=true&Bogus=1"),
        post(
            "Action=ModifyInstanceAttribute&Version=2016-11-15&InstanceId={2}&Attribute=disableApiStop&Value=true",
        ),
        stop("&InstanceId.1={2}"),
        stop("&InstanceId.1={2}&Hibernate=true"),
        post("Action=StartInstances&Version=2016-11-15&InstanceId.1={0}"),
        post("Action=TerminateInstances&Version=2016-11-15&InstanceId.1={1}"),
        stop("&InstanceId.1={1}"),
        stop("&InstanceId.1= {0} "),
        stop(""),
    ];
    all.push(text("a life", series.join("\n%\n")));
    let refused = [
        post("Action=TerminateInstances&Version=2016-11-15&InstanceId.1={2}"),
        stop("&InstanceId.1={0}&InstanceId.2={2}"),
        post("Action=ModifyInstanceAttribute&Version=2016-11-15&InstanceId={1}&DisableApiStop.Value=true"),
        stop("&InstanceId.1={0}&InstanceId.2={1}"),
        stop("&InstanceId.1={0}&InstanceId.2=i-0123456789abcdef0"),
    ];
    let denied = stop("&InstanceId.1={0}").replacen("Host:", "X-Caller: denied\nHost:", 1);
    all.push(text("denied", denied));
    all.push(text("batches refused", refused.join("\n%\n")));
    all.push(text(
        "get",
        "GET /?Action=StopInstances&Version=2016-11-15&InstanceId.1={0}\nHost: localhost\n\n",
    ));
    all.push(text("head", "HEAD /\n\n"));
    all.push(text(
        "identity",
        post("Action=GetCallerIdentity&Version=2011-06-15"),
    ));
    all.push(text("old", post("Action=DescribeInstances&Version=2010-08-31")));
    all.push(text("no version", post("Action=StopInstances")));
    let signed = |auth| {
        let call = Call::new("StopInstances", [("InstanceId.1", "{0}")]);
        let plain = protocol::encode(&call, &target()).expect("a short call");
        let request = sign::sign(
            plain,
            auth,
            &embedded::keyring(),
            "us-east-1",
            "ec2",
            1_767_225_601_000,
        );
        written(&request.expect("the keys are on the ring"))
    };
    for auth in [
        Auth::Header,
        Auth::Query,
        Auth::Session,
        Auth::Stale,
        Auth::Garbage,
        Auth::UnknownKey,
    ] {
        all.push(text(format!("signed {auth:?}"), signed(auth)));
    }
    all
}

/// A request as text, as the target `request` reads it.
fn written(request: &Request<Bytes>) -> String {
    let mut out = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        let _ = writeln!(out, "{}: {value}", protocol::title_case(name));
    }
    let _ = write!(out, "\n{}", String::from_utf8_lossy(request.body()));
    out
}

/// Bytes that make each choice of the target once.
pub(super) fn signatures() -> Made {
    let mut all = Vec::new();
    for auth in 0..10_u8 {
        let spread = [auth, 80, auth * 20, auth % 2, auth % 4, auth % 3, auth % 4];
        let params = [
            3, 0, 4, b'i', b'-', b'0', b'a', 3, 5, b'a', b' ', b'+', b'&', 0xc3, 4, 0,
        ];
        let mut bytes: Vec<u8> = spread.into_iter().chain(params).collect();
        bytes.extend([auth % 5, auth % 6, 0, auth * 7, 1, auth]);
        bytes.extend(
            b"AWS4-HMAC-SHA256 Credential=AKIAEXAMPLESTOPCHECK/20260101/us-east-1/ec2/aws4_request, ",
        );
        bytes.extend(b"SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000");
        all.push((format!("auth {auth}"), bytes));
    }
    all
}
