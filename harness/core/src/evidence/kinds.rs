//! What identifies an account or opens it: the kinds of text that a bundle does not have, and how they are recognized.
//!
//! Input: decoded text. Output: the texts of each kind in it. What belongs to nobody, for instance an id that the
//! harness made up, is sorted out later.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// A kind of text that is replaced or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Keys, tokens, encoded authorization messages: removed, not replaced.
    Secret,
    /// The twelve digits of an account.
    Account,
    /// An id with a prefix: instances, volumes, interfaces, subnets, images, reservations, …
    ResourceId,
    /// The id of a request, and other UUIDs.
    Uuid,
    /// An IPv4 address, also in a DNS name.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// The hardware address of a network interface.
    Mac,
    /// The id of an Availability Zone, for instance `use1-az4`.
    ZoneId,
    /// The unique id of a user, a role or a profile, for instance `AIDA…`.
    UniqueId,
    /// Names that people gave: keys, groups, users, roles, tags, hosts.
    Name,
}

impl Kind {
    /// The words of an error message.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Secret => "a secret",
            Kind::Account => "an account id",
            Kind::ResourceId => "a resource id",
            Kind::Uuid => "a request id",
            Kind::Ipv4 => "an IPv4 address",
            Kind::Ipv6 => "an IPv6 address",
            Kind::Mac => "a hardware address",
            Kind::ZoneId => "an Availability Zone id",
            Kind::UniqueId => "the unique id of a user or role",
            Kind::Name => "a name",
        }
    }
}

impl Kind {
    /// A number of texts of this kind, in words.
    pub fn counted(self, count: usize) -> String {
        let noun = match self {
            Kind::Secret => "secret",
            Kind::Account => "account id",
            Kind::ResourceId => "resource id",
            Kind::Uuid => "request id",
            Kind::Ipv4 => "IPv4 address",
            Kind::Ipv6 => "IPv6 address",
            Kind::Mac => "hardware address",
            Kind::ZoneId => "Availability Zone id",
            Kind::UniqueId => "unique id",
            Kind::Name => "name",
        };
        let plural = match (count, noun.ends_with('s')) {
            (1, _) => "",
            (_, true) => "es",
            (_, false) => "s",
        };
        format!("{count} {noun}{plural}")
    }
}

/// Elements whose text is a name that a person gave.
const NAME_ELEMENTS: &[&str] = &[
    "clientToken",
    "creator",
    "description",
    "groupName",
    "imageLocation",
    "key",
    "keyName",
    "name",
    "requesterId",
    "roleName",
    "RoleName",
    "userData",
    "UserId",
    "userName",
    "UserName",
    "value",
];

/// Elements whose text is the name of a host.
const HOST_ELEMENTS: &[&str] = &["dnsName", "hostName", "privateDnsName", "publicDnsName"];

/// Elements whose text opens an account.
const SECRET_ELEMENTS: &[&str] = &[
    "AccessKeyId",
    "accessKeyId",
    "keyMaterial",
    "passwordData",
    "SecretAccessKey",
    "secretAccessKey",
    "SessionToken",
    "sessionToken",
];

/// Domains of hosts that are the same for all accounts.
const SHARED_DOMAINS: &[&str] = &[
    "amazonaws.com",
    "amazonaws.com.cn",
    "api.aws",
    "compute.internal",
    "ec2.internal",
    "localhost",
];

/// The beginnings of the unique ids of IAM that open nothing.
const UNIQUE_IDS: &[&str] = &[
    "ABIA", "ACCA", "AGPA", "AIDA", "AIPA", "ANPA", "ANVA", "APKA", "AROA", "ASCA",
];

/// The beginnings of the session tokens that AWS has issued, in base64.
const TOKENS: &[&str] = &["AQoD", "AQoE", "FQoD", "FQoG", "FwoD", "FwoG", "IQoJ"];

/// The words before an encoded authorization message.
const ENCODED_MESSAGE: &str = "ncoded authorization failure message:";

/// Calls `found` for each text of a kind.
pub(super) fn scan(text: &str, found: &mut dyn FnMut(Kind, &str)) {
    for word in split(text, "-_.:") {
        word_kinds(word, found);
    }
    for run in split(text, "+/=") {
        if is_secret_run(run) {
            found(Kind::Secret, run);
        }
    }
    for (at, _) in text.match_indices(ENCODED_MESSAGE) {
        let message = text
            .get(at + ENCODED_MESSAGE.len()..)
            .unwrap_or_default()
            .trim_start();
        if let Some(message) = split(message, "-_.:+/=").next() {
            found(Kind::Secret, message);
        }
    }
    for (at, _) in text.match_indices("arn:aws") {
        let arn = text.get(at..).unwrap_or_default();
        let end = arn.find(|c: char| c.is_whitespace() || "<>\"'&,;()[]{}\\".contains(c));
        arn_names(arn.get(..end.unwrap_or(arn.len())).unwrap_or_default(), found);
    }
    elements(text, found);
}

/// Whether a text is a word of letters and digits that could be a resource id: a prefix and 8 or 17 hexadecimal digits.
pub(super) fn is_resource_id(atom: &str) -> bool {
    let Some((prefix, digits)) = atom.rsplit_once('-') else {
        return false;
    };
    let is_prefix = !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
    is_prefix && matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The parts of a text that consist of letters, digits and these characters.
fn split<'t>(text: &'t str, others: &'static str) -> impl Iterator<Item = &'t str> {
    let parts = text.split(move |c: char| !(c.is_ascii_alphanumeric() || others.contains(c)));
    parts.filter(|part| !part.is_empty())
}

/// The kinds that a word of letters, digits, dashes, dots and colons may have.
fn word_kinds(word: &str, found: &mut dyn FnMut(Kind, &str)) {
    let bare = word.trim_matches(['.', '-', '_']);
    if bare.matches(':').count() >= 2 {
        if bare.len() >= 6 && bare.parse::<Ipv6Addr>().is_ok() {
            return found(Kind::Ipv6, bare);
        }
        if is_mac(bare) {
            return found(Kind::Mac, bare);
        }
    }
    for part in bare.split([':', '_']).map(|part| part.trim_matches('.')) {
        if part.parse::<Ipv4Addr>().is_ok() {
            found(Kind::Ipv4, part);
            continue;
        }
        for atom in part.split('.') {
            atom_kinds(atom, found);
        }
    }
}

fn atom_kinds(atom: &str, found: &mut dyn FnMut(Kind, &str)) {
    if is_uuid(atom) {
        return found(Kind::Uuid, atom);
    }
    if is_resource_id(atom) {
        return found(Kind::ResourceId, atom);
    }
    if is_zone_id(atom) {
        return found(Kind::ZoneId, atom);
    }
    let dashed = ["ip-", "ec2-"]
        .iter()
        .find_map(|prefix| atom.strip_prefix(prefix));
    if let Some(address) = dashed.map(|rest| rest.replace('-', "."))
        && address.parse::<Ipv4Addr>().is_ok()
    {
        return found(Kind::Ipv4, &address);
    }
    for part in atom.split('-') {
        if part.len() == 12 && part.bytes().all(|b| b.is_ascii_digit()) {
            found(Kind::Account, part);
        }
        let is_key = part.len() >= 16 && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        let begins = |known: &[&str]| known.iter().any(|known| part.starts_with(known));
        if is_key && begins(&["AKIA", "ASIA"]) {
            found(Kind::Secret, part);
        } else if is_key && begins(UNIQUE_IDS) {
            found(Kind::UniqueId, part);
        }
    }
}

fn is_uuid(atom: &str) -> bool {
    let lengths = atom.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && atom.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

fn is_mac(word: &str) -> bool {
    let parts: Vec<&str> = word.split(':').collect();
    let is_pair = |part: &&str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
    parts.len() == 6 && parts.iter().all(is_pair)
}

fn is_zone_id(atom: &str) -> bool {
    let Some((region, zone)) = atom.rsplit_once("-az") else {
        return false;
    };
    let is_word =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_word(region) && !zone.is_empty() && zone.len() <= 2 && zone.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a run of base64 is a token or a secret key by its form.
fn is_secret_run(run: &str) -> bool {
    let has = |test: fn(&u8) -> bool| run.as_bytes().iter().any(test);
    let is_mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    let is_token = run.len() >= 64 && TOKENS.iter().any(|begin| run.starts_with(begin));
    is_mixed && (is_token || (run.len() == 40 && !run.starts_with('/')))
}

/// The names in the last part of an ARN.
fn arn_names(arn: &str, found: &mut dyn FnMut(Kind, &str)) {
    let mut parts = arn.splitn(6, ':').skip(4);
    let (Some(account), Some(resource)) = (parts.next(), parts.next()) else {
        return;
    };
    // Amazon's own policies belong to no account.
    if account == "aws" {
        return;
    }
    let segments: Vec<&str> = resource.split(['/', ':']).collect();
    let names = if segments.len() > 1 { 1.. } else { 0.. };
    for segment in segments.get(names).unwrap_or_default() {
        if !segment.is_empty() && *segment != "*" && !is_resource_id(segment) {
            found(Kind::Name, segment);
        }
    }
}

/// The texts of elements that are names, hosts or secrets.
fn elements(text: &str, found: &mut dyn FnMut(Kind, &str)) {
    for (at, _) in text.match_indices('<') {
        let rest = text.get(at + 1..).unwrap_or_default();
        let Some((name, rest)) = rest.split_once('>').filter(|(name, _)| name.len() <= 40) else {
            continue;
        };
        let value = rest.split('<').next().unwrap_or_default().trim();
        if value.is_empty() {
            continue;
        }
        let name = name.rsplit(':').next().unwrap_or(name);
        if SECRET_ELEMENTS.contains(&name) {
            found(Kind::Secret, value);
        } else if HOST_ELEMENTS.contains(&name) {
            host_name(value, found);
        } else if NAME_ELEMENTS.contains(&name) {
            found(Kind::Name, value);
        }
    }
}

/// The parts of a host's name that people gave: none in the names that Amazon gives.
pub(super) fn host_name(host: &str, found: &mut dyn FnMut(Kind, &str)) {
    let is_shared = |domain: &str| {
        SHARED_DOMAINS.iter().any(|shared| {
            let rest = domain.strip_suffix(shared);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    };
    if host.parse::<Ipv4Addr>().is_ok() || host.parse::<Ipv6Addr>().is_ok() || is_shared(host) {
        return;
    }
    let first = host.split('.').next().unwrap_or_default();
    let is_given = ["ip-", "ec2-", "i-"]
        .iter()
        .any(|prefix| first.starts_with(prefix));
    match host.split_once('.') {
        // The address before the first dot is replaced as one.
        Some((_, domain)) if is_given => found(Kind::Name, domain),
        _ => found(Kind::Name, host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, String)> {
        let mut all = Vec::new();
        scan(text, &mut |kind, text| all.push((kind, text.to_owned())));
        all.dedup();
        all
    }

    #[test]
    fn what_identifies_an_account_is_recognized() {
        for (text, kind, expected) in [
            ("<ownerId>210987654321</ownerId>", Kind::Account, "210987654321"),
            ("cf-templates-210987654321-x", Kind::Account, "210987654321"),
            (
                "arn:aws:ec2:us-east-1:210987654321:instance/*",
                Kind::Account,
                "210987654321",
            ),
            ("i-0c28137fce7e9f44b", Kind::ResourceId, "i-0c28137fce7e9f44b"),
            ("I-0C28137FCE7E9F44B", Kind::ResourceId, "I-0C28137FCE7E9F44B"),
            ("eni-attach-1a2b3c4d", Kind::ResourceId, "eni-attach-1a2b3c4d"),
            (
                "i-0c28137fce7e9f44b.ec2.internal",
                Kind::ResourceId,
                "i-0c28137fce7e9f44b",
            ),
            (
                "59dbff89-35bd-4eac-99ed-be587ea82825",
                Kind::Uuid,
                "59dbff89-35bd-4eac-99ed-be587ea82825",
            ),
            ("http://54.1.2.3:80/", Kind::Ipv4, "54.1.2.3"),
            ("ip-10-0-1-2.ec2.internal", Kind::Ipv4, "10.0.1.2"),
            ("2600:1f18:1234::abcd", Kind::Ipv6, "2600:1f18:1234::abcd"),
            ("0e:1f:2a:3b:4c:5d", Kind::Mac, "0e:1f:2a:3b:4c:5d"),
            ("use1-az4", Kind::ZoneId, "use1-az4"),
            ("AIDACKCEVSQ6C2EXAMPLE", Kind::UniqueId, "AIDACKCEVSQ6C2EXAMPLE"),
            ("AKIAIOSFODNN7EXAMPLE", Kind::Secret, "AKIAIOSFODNN7EXAMPLE"),
            (
                "key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKE9",
                Kind::Secret,
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKE9",
            ),
            (
                "Encoded authorization failure message: aB3-x_y",
                Kind::Secret,
                "aB3-x_y",
            ),
            ("<keyName>acme-ops</keyName>", Kind::Name, "acme-ops"),
            (
                "user arn:aws:iam::210987654321:user/team/alice is",
                Kind::Name,
                "alice",
            ),
            (
                "<privateDnsName>ip-10-0-1-2.corp.acme.net</privateDnsName>",
                Kind::Name,
                "corp.acme.net",
            ),
        ] {
            let expected = (kind, expected.to_owned());
            assert!(kinds(text).contains(&expected), "{text}: {:?}", kinds(text));
        }
    }

    #[test]
    fn what_every_account_has_in_common_is_not() {
        for text in [
            "StopInstances",
            "<code>16</code>",
            "2026-09-25T20:59:05.123Z",
            "User initiated (2026-09-25 20:59:05 GMT)",
            "20260925T205905Z",
            "us-east-1a",
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
            "http://ec2.amazonaws.com/doc/2016-11-15/",
            "i-1234567890",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4",
        ] {
            assert_eq!(kinds(text), [], "{text}");
        }
    }
}
