//! The tables of actions and their parameters, and how a parameter name is matched against them.
//!
//! Names are case-sensitive. In a pattern, `N` stands for the number of a list item.

use super::config::Rules;
use super::form::FormReading;

/// An action that a caller may request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    CancelSpotInstanceRequests,
    CreateTags,
    DescribeImages,
    DescribeInstanceAttribute,
    DescribeInstanceStatus,
    DescribeInstances,
    DescribeSpotInstanceRequests,
    DescribeInstanceCreditSpecifications,
    DescribeInstanceTypes,
    DescribeSubnets,
    DescribeVolumes,
    DescribeVpcs,
    DescribeTags,
    GetCallerIdentity,
    ModifyInstanceAttribute,
    RebootInstances,
    RegisterImage,
    RunInstances,
    StartInstances,
    StopInstances,
    TerminateInstances,
}

impl Action {
    /// The EC2 action with exactly this name.
    pub(super) fn of_ec2(name: &str) -> Option<Self> {
        Some(match name {
            "CancelSpotInstanceRequests" => Self::CancelSpotInstanceRequests,
            "CreateTags" => Self::CreateTags,
            "DescribeImages" => Self::DescribeImages,
            "DescribeInstanceAttribute" => Self::DescribeInstanceAttribute,
            "DescribeInstanceStatus" => Self::DescribeInstanceStatus,
            "DescribeInstances" => Self::DescribeInstances,
            "DescribeSpotInstanceRequests" => Self::DescribeSpotInstanceRequests,
            "DescribeInstanceCreditSpecifications" => Self::DescribeInstanceCreditSpecifications,
            "DescribeInstanceTypes" => Self::DescribeInstanceTypes,
            "DescribeSubnets" => Self::DescribeSubnets,
            "DescribeVolumes" => Self::DescribeVolumes,
            "DescribeVpcs" => Self::DescribeVpcs,
            "DescribeTags" => Self::DescribeTags,
            "ModifyInstanceAttribute" => Self::ModifyInstanceAttribute,
            "RebootInstances" => Self::RebootInstances,
            "RegisterImage" => Self::RegisterImage,
            "RunInstances" => Self::RunInstances,
            "StartInstances" => Self::StartInstances,
            "StopInstances" => Self::StopInstances,
            "TerminateInstances" => Self::TerminateInstances,
            _ => return None,
        })
    }

    /// The action of the token service with this name.
    pub(super) fn of_sts(name: &str) -> Option<Self> {
        (name == "GetCallerIdentity").then_some(Self::GetCallerIdentity)
    }

    /// Whether it changes anything, and so needs more than read permission.
    pub(super) fn mutates(self) -> bool {
        match self {
            Self::DescribeImages
            | Self::DescribeInstanceAttribute
            | Self::DescribeInstanceStatus
            | Self::DescribeInstances
            | Self::DescribeSpotInstanceRequests
            | Self::DescribeInstanceCreditSpecifications
            | Self::DescribeInstanceTypes
            | Self::DescribeSubnets
            | Self::DescribeVolumes
            | Self::DescribeVpcs
            | Self::DescribeTags
            | Self::GetCallerIdentity => false,
            Self::CancelSpotInstanceRequests
            | Self::CreateTags
            | Self::ModifyInstanceAttribute
            | Self::RebootInstances
            | Self::RegisterImage
            | Self::RunInstances
            | Self::StartInstances
            | Self::StopInstances
            | Self::TerminateInstances => true,
        }
    }

    /// The name of the root element of the answer.
    pub(super) fn root(self) -> &'static str {
        match self {
            Self::CancelSpotInstanceRequests => "CancelSpotInstanceRequestsResponse",
            Self::CreateTags => "CreateTagsResponse",
            Self::DescribeImages => "DescribeImagesResponse",
            Self::DescribeInstanceAttribute => "DescribeInstanceAttributeResponse",
            Self::DescribeInstanceStatus => "DescribeInstanceStatusResponse",
            Self::DescribeInstances => "DescribeInstancesResponse",
            Self::DescribeSpotInstanceRequests => "DescribeSpotInstanceRequestsResponse",
            Self::DescribeInstanceCreditSpecifications => "DescribeInstanceCreditSpecificationsResponse",
            Self::DescribeInstanceTypes => "DescribeInstanceTypesResponse",
            Self::DescribeSubnets => "DescribeSubnetsResponse",
            Self::DescribeVolumes => "DescribeVolumesResponse",
            Self::DescribeVpcs => "DescribeVpcsResponse",
            Self::DescribeTags => "DescribeTagsResponse",
            Self::GetCallerIdentity => "GetCallerIdentityResponse",
            Self::ModifyInstanceAttribute => "ModifyInstanceAttributeResponse",
            Self::RebootInstances => "RebootInstancesResponse",
            Self::RegisterImage => "RegisterImageResponse",
            Self::RunInstances => "RunInstancesResponse",
            Self::StartInstances => "StartInstancesResponse",
            Self::StopInstances => "StopInstancesResponse",
            Self::TerminateInstances => "TerminateInstancesResponse",
        }
    }

    /// The name of the action.
    pub(super) fn name(self) -> &'static str {
        let root = self.root();
        root.strip_suffix("Response").unwrap_or(root)
    }

    /// Whether the action has a parameter with this name, under these rules.
    pub(super) fn takes(self, name: &str, rules: Rules, reading: FormReading) -> bool {
        let known = match name {
            "Action" | "Version" => return true,
            "DryRun" => return self != Self::GetCallerIdentity,
            name => self.patterns().iter().any(|pattern| fits(pattern, name, reading)),
        };
        known && !(rules == Rules::October2017 && YOUNGER_THAN_2017.contains(&name))
    }

    fn patterns(self) -> &'static [&'static str] {
        match self {
            Self::CancelSpotInstanceRequests => &["SpotInstanceRequestId.N"],
            Self::CreateTags => &["ResourceId.N", "Tag.N.Key", "Tag.N.Value"],
            Self::DescribeImages => &[
                "ExecutableBy.N",
                "ImageId.N",
                "Owner.N",
                "IncludeDeprecated",
                "IncludeDisabled",
                "MaxResults",
                "NextToken",
                "Filter.N.Name",
                "Filter.N.Value.N",
            ],
            Self::DescribeInstanceAttribute => &["InstanceId", "Attribute"],
            Self::DescribeInstanceStatus => &[
                "InstanceId.N",
                "MaxResults",
                "NextToken",
                "IncludeManagedResources",
                "IncludeAllInstances",
                "Filter.N.Name",
                "Filter.N.Value.N",
            ],
            Self::DescribeInstances => &[
                "InstanceId.N",
                "MaxResults",
                "NextToken",
                "IncludeManagedResources",
                "Filter.N.Name",
                "Filter.N.Value.N",
            ],
            Self::DescribeSpotInstanceRequests => &[
                "SpotInstanceRequestId.N",
                "MaxResults",
                "NextToken",
                "Filter.N.Name",
                "Filter.N.Value.N",
            ],
            Self::DescribeInstanceCreditSpecifications => &[
                "InstanceId.N",
                "MaxResults",
                "NextToken",
                "Filter.N.Name",
                "Filter.N.Value.N",
            ],
            Self::DescribeInstanceTypes => &[
                "InstanceType.N",
                "MaxResults",
                "NextToken",
                "Filter.N.Name",
                "Filter.N.Value.N",
            ],
            Self::DescribeSubnets => &[
                "SubnetId.N",
                "MaxResults",
                "NextToken",
                "Filter.N.Name",
                "Filter.N.Value.N",
            ],
            Self::DescribeVolumes => &[
                "VolumeId.N",
                "MaxResults",
                "NextToken",
                "Filter.N.Name",
                "Filter.N.Value.N",
            ],
            Self::DescribeVpcs => &[
                "VpcId.N",
                "MaxResults",
                "NextToken",
                "Filter.N.Name",
                "Filter.N.Value.N",
            ],
            Self::DescribeTags => &["MaxResults", "NextToken", "Filter.N.Name", "Filter.N.Value.N"],
            Self::GetCallerIdentity => &[],
            Self::ModifyInstanceAttribute => MODIFY,
            Self::RebootInstances => &["InstanceId.N"],
            Self::RegisterImage => REGISTER,
            Self::RunInstances => super::run_names::RUN,
            Self::StartInstances => &["InstanceId.N", "AdditionalInfo"],
            Self::StopInstances => &["InstanceId.N", "Force", "Hibernate", "SkipOsShutdown"],
            Self::TerminateInstances => &["InstanceId.N", "Force", "SkipOsShutdown"],
        }
    }
}

/// Whether a name is a list member with an unusual index: `InstanceId.0`, `InstanceId.01`, `InstanceId`.
pub(super) fn has_odd_index(action: Action, name: &str) -> bool {
    let (list, index) = name.split_once('.').unwrap_or((name, ""));
    let is_list = |pattern: &&str| pattern.strip_suffix(".N") == Some(list);
    action.patterns().iter().any(is_list) && !index.contains('.')
}

/// Whether a name is one of the six signature parameters of the query string.
pub(super) fn signs(name: &str) -> bool {
    matches!(
        name,
        "X-Amz-Algorithm"
            | "X-Amz-Credential"
            | "X-Amz-Date"
            | "X-Amz-Expires"
            | "X-Amz-SignedHeaders"
            | "X-Amz-Signature"
            | "X-Amz-Security-Token"
            | "X-Amz-Content-Sha256"
    )
}

/// Matches a name against a pattern, part by part.
fn fits(pattern: &str, name: &str, reading: FormReading) -> bool {
    // No pattern begins with an index, so most comparisons end at the first letter.
    if pattern.bytes().next() != name.bytes().next() {
        return false;
    }
    let mut wanted = pattern.split('.');
    let mut given = name.split('.');
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some("N"), Some(part)) if reading.index(part).is_some() => {}
            (Some(wanted), Some(part)) if wanted != "N" && wanted == part => {}
            (Some(_) | None, Some(_) | None) => return false,
        }
    }
}

/// Hibernation was added in November 2018, stop protection in May 2022, skipping the shutdown in July 2025.
const YOUNGER_THAN_2017: &[&str] = &[
    "Hibernate",
    "SkipOsShutdown",
    "DisableApiStop",
    "DisableApiStop.Value",
    "HibernationOptions.Configured",
];

const MODIFY: &[&str] = &[
    "Attribute",
    "BlockDeviceMapping.N.DeviceName",
    "BlockDeviceMapping.N.Ebs.DeleteOnTermination",
    "BlockDeviceMapping.N.Ebs.VolumeId",
    "BlockDeviceMapping.N.NoDevice",
    "BlockDeviceMapping.N.VirtualName",
    "DisableApiStop.Value",
    "DisableApiTermination.Value",
    "EbsOptimized.Value",
    "EnaSupport.Value",
    "EnclaveOptions.Enabled",
    "GroupId.N",
    "InstanceId",
    "InstanceInitiatedShutdownBehavior.Value",
    "InstanceType.Value",
    "Kernel.Value",
    "Ramdisk.Value",
    "SourceDestCheck.Value",
    "SriovNetSupport.Value",
    "UserData.Value",
    "Value",
];

const REGISTER: &[&str] = &[
    "Architecture",
    "BillingProduct.N",
    "BlockDeviceMapping.N.DeviceName",
    "BlockDeviceMapping.N.Ebs.AvailabilityZone",
    "BlockDeviceMapping.N.Ebs.DeleteOnTermination",
    "BlockDeviceMapping.N.Ebs.Encrypted",
    "BlockDeviceMapping.N.Ebs.Iops",
    "BlockDeviceMapping.N.Ebs.KmsKeyId",
    "BlockDeviceMapping.N.Ebs.OutpostArn",
    "BlockDeviceMapping.N.Ebs.SnapshotId",
    "BlockDeviceMapping.N.Ebs.Throughput",
    "BlockDeviceMapping.N.Ebs.VolumeSize",
    "BlockDeviceMapping.N.Ebs.VolumeType",
    "BlockDeviceMapping.N.NoDevice",
    "BlockDeviceMapping.N.VirtualName",
    "BootMode",
    "Description",
    "EnaSupport",
    "ImageLocation",
    "ImdsSupport",
    "KernelId",
    "Name",
    "RamdiskId",
    "RootDeviceName",
    "SriovNetSupport",
    "TagSpecification.N.ResourceType",
    "TagSpecification.N.Tag.N.Key",
    "TagSpecification.N.Tag.N.Value",
    "TpmSupport",
    "UefiData",
    "VirtualizationType",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_one_spelling_only() {
        let takes = |name| Action::StopInstances.takes(name, Rules::Current, FormReading::default());
        for name in [
            "InstanceId.1",
            "InstanceId.1000",
            "DryRun",
            "Force",
            "Hibernate",
            "SkipOsShutdown",
        ] {
            assert!(takes(name), "{name}");
        }
        for name in [
            "instanceId.1",
            "InstanceId",
            "InstanceId.",
            "InstanceId.0",
            "InstanceId.01",
            "InstanceId.N",
            "InstanceId.x",
            "InstanceId.1.2",
            "dryRun",
            "force",
            "ClientToken",
            "",
        ] {
            assert!(!takes(name), "{name}");
        }
    }

    #[test]
    fn the_rules_of_2017_know_no_hibernation() {
        assert!(!Action::StopInstances.takes("Hibernate", Rules::October2017, FormReading::default()));
        assert!(Action::StopInstances.takes("Force", Rules::October2017, FormReading::default()));
        assert!(!Action::RunInstances.takes("DisableApiStop", Rules::October2017, FormReading::default()));
    }

    #[test]
    fn only_a_stop_hibernates() {
        assert!(!Action::TerminateInstances.takes("Hibernate", Rules::Current, FormReading::default()));
    }
}
