//! Recognizes hosts of Amazon's own service, and names the STS host of the same partition.
//!
//! Host names come in, as a URL library reads them; nothing is resolved and nothing is sent.

/// A partition: the domains under which it serves its APIs.
struct Partition {
    /// The domain of most hosts.
    domain: &'static str,
    /// The domain of hosts with IPv4 and IPv6.
    dual_stack: &'static str,
}

/// All partitions, by botocore 1.44.8, `data/partitions.json`. `aws` and `aws-us-gov` have the same domains. Hosts of
/// VPC interface endpoints (`vpce-….ec2.us-east-1.vpce.amazonaws.com`) and FIPS hosts (`ec2-fips.…`) are under them too;
/// private DNS uses the public names.
const PARTITIONS: [Partition; 7] = [
    Partition {
        domain: "amazonaws.com",
        dual_stack: "api.aws",
    },
    Partition {
        domain: "amazonaws.com.cn",
        dual_stack: "api.amazonwebservices.com.cn",
    },
    Partition {
        domain: "amazonaws.eu",
        dual_stack: "api.amazonwebservices.eu",
    },
    Partition {
        domain: "c2s.ic.gov",
        dual_stack: "api.aws.ic.gov",
    },
    Partition {
        domain: "sc2s.sgov.gov",
        dual_stack: "api.aws.scloud",
    },
    Partition {
        domain: "cloud.adc-e.uk",
        dual_stack: "api.cloud-aws.adc-e.uk",
    },
    Partition {
        domain: "csp.hci.ic.gov",
        dual_stack: "api.aws.hci.ic.gov",
    },
];

/// Amazon's top-level domain. Where a new name under it leads is not known, so it is treated as the service.
const TOP_LEVEL: &str = "aws";

/// Whether a host is Amazon's own. A customer's machine with a public name of Amazon's counts as well: a mistake costs
/// money only in the other direction.
pub(super) fn is_aws_host(host: &str) -> bool {
    is_under(host, TOP_LEVEL) || partition_of(host).is_some()
}

/// The STS host for a Region in the partition of a host of EC2. It is the regional one with IPv4, which every partition
/// has.
pub(super) fn sts_host(host: &str, region: &str) -> String {
    let domain = partition_of(host).map_or("amazonaws.com", |partition| partition.domain);
    format!("sts.{region}.{domain}")
}

fn partition_of(host: &str) -> Option<&'static Partition> {
    PARTITIONS
        .iter()
        .find(|partition| is_under(host, partition.domain) || is_under(host, partition.dual_stack))
}

/// Whether a host is this domain or below it.
fn is_under(host: &str, domain: &str) -> bool {
    let before = host.trim_end_matches('.').strip_suffix(domain);
    before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_its_own_sts_host() {
        for (host, region, sts) in [
            (
                "ec2.us-east-1.amazonaws.com",
                "us-east-1",
                "sts.us-east-1.amazonaws.com",
            ),
            (
                "ec2.us-east-1.api.aws",
                "us-east-1",
                "sts.us-east-1.amazonaws.com",
            ),
            (
                "ec2-fips.ca-west-1.amazonaws.com",
                "ca-west-1",
                "sts.ca-west-1.amazonaws.com",
            ),
            (
                "ec2.us-gov-west-1.api.aws",
                "us-gov-west-1",
                "sts.us-gov-west-1.amazonaws.com",
            ),
            (
                "ec2.cn-north-1.api.amazonwebservices.com.cn",
                "cn-north-1",
                "sts.cn-north-1.amazonaws.com.cn",
            ),
            (
                "ec2.eusc-de-east-1.amazonaws.eu",
                "eusc-de-east-1",
                "sts.eusc-de-east-1.amazonaws.eu",
            ),
            (
                "ec2.us-iso-east-1.c2s.ic.gov",
                "us-iso-east-1",
                "sts.us-iso-east-1.c2s.ic.gov",
            ),
            (
                "ec2.us-isob-east-1.api.aws.scloud",
                "us-isob-east-1",
                "sts.us-isob-east-1.sc2s.sgov.gov",
            ),
            (
                "ec2.eu-isoe-west-1.cloud.adc-e.uk",
                "eu-isoe-west-1",
                "sts.eu-isoe-west-1.cloud.adc-e.uk",
            ),
            (
                "ec2.us-isof-south-1.api.aws.hci.ic.gov",
                "us-isof-south-1",
                "sts.us-isof-south-1.csp.hci.ic.gov",
            ),
            ("new.aws", "us-east-1", "sts.us-east-1.amazonaws.com"),
        ] {
            assert!(is_aws_host(host), "{host}");
            assert_eq!(sts_host(host, region), sts, "{host}");
        }
    }

    #[test]
    fn a_domain_is_recognized_at_whole_labels_only() {
        assert!(is_aws_host("c2s.ic.gov") && is_aws_host("ec2.us-iso-east-1.c2s.ic.gov."));
        for host in [
            "notc2s.ic.gov",
            "ic.gov",
            "c2s.ic.gov.example.org",
            "myaws",
            "adc-e.uk",
        ] {
            assert!(!is_aws_host(host), "{host}");
        }
    }
}
