//! The quotas of EC2 that a plan needs, in vCPUs.

use serde_json::{Value, json};

use super::super::text::visible;
use super::PlanReport;

/// Amazon's list of the quotas for On-Demand Instances, and for Spot Instances.
const ON_DEMAND: &str = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html#ec2-on-demand-instances-limits";
const SPOT: &str = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-limits.html";

/// A quota that counts the vCPUs of running instances of the standard families: A, C, D, H, I, M, R, T, Z.
#[derive(Debug)]
pub(super) struct Quota {
    name: &'static str,
    code: &'static str,
    source: &'static str,
    instances: usize,
    instance_type: String,
    vcpus_each: Option<usize>,
}

impl PlanReport {
    pub(super) fn quotas(&self) -> Vec<Quota> {
        let Some(most) = &self.estimate.at_once else {
            return Vec::new();
        };
        let quota = |name, code, source, instances| Quota {
            name,
            code,
            source,
            instances,
            instance_type: self.launching.instance_type.clone(),
            vcpus_each: vcpus(&self.launching.instance_type),
        };
        let on_demand = "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances";
        let spot = "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests";
        let all = [
            quota(on_demand, "L-1216C47A", ON_DEMAND, most.on_demand),
            quota(spot, "L-34B43A08", SPOT, most.spot),
        ];
        let is_standard = is_standard(&self.launching.instance_type);
        all.into_iter()
            .filter(|quota| is_standard && quota.instances > 0)
            .collect()
    }
}

/// Whether these quotas count instances of this type. Its letters before the first digit name its family.
fn is_standard(instance_type: &str) -> bool {
    let digit = instance_type.find(|c: char| c.is_ascii_digit());
    let family = digit.and_then(|at| instance_type.get(..at));
    matches!(
        family,
        Some("a" | "c" | "d" | "h" | "i" | "im" | "is" | "m" | "r" | "t" | "z")
    )
}

impl Quota {
    pub(super) fn text(&self) -> String {
        let needed = match self.vcpus_each {
            Some(each) => format!("{} vCPUs", self.instances * each),
            None => format!("the vCPUs of {} {}", self.instances, visible(&self.instance_type)),
        };
        format!("{needed} of \"{}\" ({}), {}", self.name, self.code, self.source)
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "name": self.name,
            "code": self.code,
            "source": self.source,
            "instances": self.instances,
            "vcpus": self.vcpus_each.map(|each| each * self.instances),
        })
    }
}

/// The vCPUs of an instance of the small types that such a run uses; `None` for others.
fn vcpus(instance_type: &str) -> Option<usize> {
    let (family, size) = instance_type.split_once('.')?;
    match (family, size) {
        ("t2", "nano" | "micro" | "small") => Some(1),
        ("t2", "medium" | "large") => Some(2),
        ("t3" | "t3a" | "t4g", "nano" | "micro" | "small" | "medium" | "large") => Some(2),
        ("t2" | "t3" | "t3a" | "t4g", "xlarge") => Some(4),
        ("t2" | "t3" | "t3a" | "t4g", "2xlarge") => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_standard_families_count_for_these_quotas() {
        for (instance_type, standard, each) in [
            ("t3.micro", true, Some(2)),
            ("m7i.large", true, None),
            ("inf1.xlarge", false, None),
            ("mac1.metal", false, None),
            ("", false, None),
        ] {
            assert_eq!(is_standard(instance_type), standard, "{instance_type}");
            assert_eq!(vcpus(instance_type), each, "{instance_type}");
        }
    }
}
