//! The permissions of a plan as an IAM policy.
//!
//! What changes an instance is allowed for instances with the tag `stopcheck` only, and that tag is set at launch only.
//! Actions, resources and condition keys: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>.

use serde_json::{Value, json};

use super::PlanReport;
use crate::contract::Market;
use crate::plan::estimate::Action;

/// The kinds of resources that RunInstances makes and that can be tagged by it.
const TAGGED_AT_LAUNCH: [&str; 4] = [
    "instance/*",
    "volume/*",
    "network-interface/*",
    "spot-instances-request/*",
];

/// The kinds of resources that RunInstances needs or makes, and that need no tag.
const USED_AT_LAUNCH: [&str; 3] = ["network-interface/*", "security-group/*", "volume/*"];

impl PlanReport {
    /// The policy.
    pub(super) fn policy(&self) -> Value {
        let actions = &self.estimate.actions;
        let launches = actions.contains(&Action::RunInstances);
        let statements = [
            Some(self.describing()),
            launches.then(|| self.launching_from()),
            launches.then(|| self.launching_instances()),
            (launches && self.launches_spot()).then(|| self.launching_spot_requests()),
            launches.then(|| self.tagging()),
            self.own("OwnInstances", Target::Instance, "instance/*"),
            self.own("OwnSpotRequests", Target::SpotRequest, "spot-instances-request/*"),
        ];
        json!({
            "Version": "2012-10-17",
            "Statement": statements.into_iter().flatten().collect::<Vec<Value>>(),
        })
    }

    /// EC2 has no permissions on single resources for most of these.
    fn describing(&self) -> Value {
        json!({
            "Sid": "Describe",
            "Effect": "Allow",
            "Action": self.actions(Target::Any),
            "Resource": "*",
            "Condition": { "StringEquals": { "aws:RequestedRegion": self.region } },
        })
    }

    fn launching_from(&self) -> Value {
        let launching = &self.launching;
        let images = [&launching.ebs_image, &launching.instance_store_image];
        let mut used: Vec<String> = match images.into_iter().flatten().collect::<Vec<_>>().as_slice() {
            [] => vec![self.image("*")],
            named => named.iter().map(|id| self.image(id)).collect(),
        };
        let subnet = launching.subnet.as_deref().unwrap_or("*");
        used.push(self.arn(&format!("subnet/{subnet}")));
        used.extend(USED_AT_LAUNCH.map(|resource| self.arn(resource)));
        json!({
            "Sid": "LaunchFrom",
            "Effect": "Allow",
            "Action": "ec2:RunInstances",
            "Resource": used,
        })
    }

    fn launching_instances(&self) -> Value {
        json!({
            "Sid": "LaunchTagged",
            "Effect": "Allow",
            "Action": "ec2:RunInstances",
            "Resource": self.arn("instance/*"),
            "Condition": {
                "Null": { "aws:RequestTag/stopcheck": "false" },
                "StringEquals": { "ec2:InstanceType": self.launching.instance_type },
            },
        })
    }

    fn launching_spot_requests(&self) -> Value {
        json!({
            "Sid": "RequestTagged",
            "Effect": "Allow",
            "Action": "ec2:RunInstances",
            "Resource": self.arn("spot-instances-request/*"),
            "Condition": { "Null": { "aws:RequestTag/stopcheck": "false" } },
        })
    }

    fn tagging(&self) -> Value {
        let resources = TAGGED_AT_LAUNCH.map(|resource| self.arn(resource));
        json!({
            "Sid": "TagAtLaunch",
            "Effect": "Allow",
            "Action": "ec2:CreateTags",
            "Resource": resources,
            "Condition": {
                "Null": { "aws:RequestTag/stopcheck": "false" },
                "StringEquals": { "ec2:CreateAction": "RunInstances" },
            },
        })
    }

    /// What acts on resources of the run; `None` if nothing does.
    fn own(&self, sid: &str, target: Target, resource: &str) -> Option<Value> {
        let actions = self.actions(target);
        (!actions.is_empty()).then(|| {
            json!({
                "Sid": sid,
                "Effect": "Allow",
                "Action": actions,
                "Resource": self.arn(resource),
                "Condition": { "Null": { "aws:ResourceTag/stopcheck": "false" } },
            })
        })
    }

    fn actions(&self, target: Target) -> Vec<String> {
        let all = self.estimate.actions.iter();
        let fitting = all.filter(|action| Target::of(**action) == target);
        fitting.map(|action| format!("ec2:{}", action.name())).collect()
    }

    fn launches_spot(&self) -> bool {
        let mut all = self.estimate.launches.iter();
        all.any(|one| one.market != Market::OnDemand)
    }

    pub(super) fn arn(&self, resource: &str) -> String {
        let account = self.launching.account.as_deref().unwrap_or("*");
        format!(
            "arn:{}:ec2:{}:{account}:{resource}",
            partition(&self.region),
            self.region
        )
    }

    /// Images belong to no account.
    fn image(&self, id: &str) -> String {
        format!("arn:{}:ec2:{}::image/{id}", partition(&self.region), self.region)
    }
}

/// What an action acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// Anything: it only reads.
    Any,
    /// What it launches.
    Launched,
    /// Instances that exist.
    Instance,
    /// Spot requests that exist.
    SpotRequest,
}

impl Target {
    fn of(action: Action) -> Target {
        match action {
            Action::DescribeImages
            | Action::DescribeInstanceAttribute
            | Action::DescribeInstanceStatus
            | Action::DescribeInstances
            | Action::DescribeSpotInstanceRequests => Target::Any,
            Action::RunInstances => Target::Launched,
            Action::ModifyInstanceAttribute
            | Action::RebootInstances
            | Action::StartInstances
            | Action::StopInstances
            | Action::TerminateInstances => Target::Instance,
            Action::CancelSpotInstanceRequests => Target::SpotRequest,
        }
    }
}

/// The partition of a Region, by the beginning of its name, as in the SDKs' `partitions.json`.
fn partition(region: &str) -> &'static str {
    let known = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    let found = known.iter().find(|(prefix, _)| region.starts_with(prefix));
    found.map_or("aws", |(_, partition)| partition)
}
