//! Tests of plans, with the named cases of the contract.

use super::*;
use crate::contract::{Edition, embedded};
use crate::plan::estimate::{Means, TransitionTimes, Width};
use crate::plan::{Selection, generate};

const WIDTH: Width = Width {
    open_cases: 4,
    max_instances: None,
    shares_instances: false,
};

fn report(cases: &[&str]) -> PlanReport {
    let cases: Vec<String> = cases.iter().map(|name| (*name).to_owned()).collect();
    let plan = generate(&embedded(Edition::Current), &Selection::named(&cases));
    PlanReport {
        endpoint: "https://ec2.eu-west-1.amazonaws.com".to_owned(),
        is_aws: true,
        region: "eu-west-1".to_owned(),
        phases_left_out: Vec::new(),
        longest_settle_ms: 300_000,
        longest_lag_ms: 300_000,
        max_requests: 100_000,
        launching: Launching {
            account: Some("111122223333".to_owned()),
            instance_type: "t3.micro".to_owned(),
            ebs_image: Some("ami-0123456789abcdef0".to_owned()),
            instance_store_image: None,
            subnet: None,
        },
        estimate: plan.estimate(&Means::default(), WIDTH, TransitionTimes::always(600_000)),
    }
}

fn statement<'p>(policy: &'p Value, sid: &str) -> Option<&'p Value> {
    let mut all = policy["Statement"].as_array()?.iter();
    all.find(|statement| statement["Sid"] == sid)
}

#[test]
fn what_changes_an_instance_is_allowed_for_tagged_ones_only() {
    let policy = report(&["*"]).policy();
    let changing = ["Stop", "Start", "Terminate", "Reboot", "Modify", "Cancel"];
    let mut seen = 0;
    for statement in policy["Statement"].as_array().expect("there are some") {
        let actions = statement["Action"].to_string();
        if changing.iter().any(|verb| actions.contains(verb)) {
            seen += 1;
            assert_eq!(
                statement["Condition"]["Null"]["aws:ResourceTag/stopcheck"],
                "false"
            );
        }
        if actions.contains("CreateTags") {
            assert_eq!(
                statement["Condition"]["Null"]["aws:RequestTag/stopcheck"],
                "false"
            );
            assert_eq!(
                statement["Condition"]["StringEquals"]["ec2:CreateAction"],
                "RunInstances"
            );
        }
        assert!(!actions.contains('*'), "{actions}");
    }
    assert_eq!(seen, 2, "instances and Spot requests");
    let launched = statement(&policy, "LaunchTagged").expect("instances are launched");
    assert_eq!(launched["Condition"]["Null"]["aws:RequestTag/stopcheck"], "false");
    assert_eq!(
        launched["Resource"],
        "arn:aws:ec2:eu-west-1:111122223333:instance/*"
    );
}

#[test]
fn the_policy_has_what_the_planned_cases_call_and_no_more() {
    let policy = report(&["stop/running"]).policy();
    assert_eq!(
        statement(&policy, "OwnInstances").expect("they are stopped")["Action"],
        json!(["ec2:StopInstances", "ec2:TerminateInstances"])
    );
    assert_eq!(statement(&policy, "OwnSpotRequests"), None);
    assert_eq!(statement(&policy, "RequestTagged"), None);
    let mut other = report(&["stop/running"]);
    other.region = "cn-north-1".to_owned();
    other.launching.account = None;
    let arn = other.arn("instance/*");
    assert_eq!(arn, "arn:aws-cn:ec2:cn-north-1:*:instance/*");
}

#[test]
fn a_plan_is_a_page_of_text() {
    let mut out = Vec::new();
    report(&["stop/running", "auth/denied"])
        .write(80, &mut out)
        .expect("memory can be written");
    let text = String::from_utf8(out).expect("it is text");
    let (page, _) = text
        .split_once("\nThe permissions")
        .expect("the policy comes last");
    insta::assert_snapshot!(page, @r#"
    PLAN: 1 case at https://ec2.eu-west-1.amazonaws.com; nothing is sent yet.
      instances    2 of type t3.micro: 2 On-Demand
      at once      at most 2: 2 On-Demand, 0 Spot
      time         about 2 min, if states change as slowly as in the captures of
                   real EC2
                   at most 1 h 0 min, if every wait lasts as long as it may
                   (--settle-timeout 300 s and --read-lag 300 s)
      uses         about 0.1 instance-hours
                   at most 2.0 instance-hours; each start counts for a minute at
                   least, as Amazon bills it
      requests     at most 100000, and those of the clean-up
      left out     1 case: the run has no credentials of a caller that may describe
                   but not stop (STOPCHECK_DENIED_ACCESS_KEY_ID,
                   STOPCHECK_DENIED_SECRET_ACCESS_KEY): auth/denied
      quota        4 vCPUs of "Running On-Demand Standard (A, C, D, H, I, M, R, T,
                   Z) instances" (L-1216C47A), https://docs.aws.amazon.com/AWSEC2/la
                   test/UserGuide/ec2-on-demand-instances.html#ec2-on-demand-instanc
                   es-limits
    "#);
    assert!(
        page.lines()
            .all(|line| line.contains("https://") || line.chars().count() <= 80),
        "{page}"
    );
}
