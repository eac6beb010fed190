//! The second look at a bundle: whether anything of the account is still in it.
//!
//! Input: the text of a file, and what must not occur. Output: the kind of the first text that does. It reads the
//! finished files, decodes them for itself, and knows nothing about how texts were replaced.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;

use serde_json::Value;

use super::kinds::Kind;
use super::originals::each_text;
use super::replace::{Replacements, base64_runs};
use crate::protocol::capture::bytes_of_base64;
use crate::protocol::form;

/// Shorter texts occur by accident.
const SHORTEST: usize = 4;

/// Shorter texts occur by accident in what any base64 decodes to.
const SHORTEST_IN_BASE64: usize = 6;

/// What must not occur in a bundle.
pub(super) struct LeakCheck {
    forbidden: HashMap<[u8; SHORTEST], Vec<(Kind, Vec<u8>)>>,
    allowed: BTreeSet<Vec<u8>>,
}

impl LeakCheck {
    /// Forbids the originals of these replacements and the secrets of the run.
    pub(super) fn new(replacements: &Replacements, secrets: &[String]) -> LeakCheck {
        let secrets = secrets.iter().map(|secret| (Kind::Secret, secret.as_bytes()));
        let mut forbidden: HashMap<[u8; SHORTEST], Vec<_>> = HashMap::new();
        for (kind, text) in replacements.originals().chain(secrets) {
            let text = text.to_ascii_lowercase();
            if let Some(start) = text.first_chunk() {
                forbidden.entry(*start).or_default().push((kind, text));
            }
        }
        let allowed = replacements.replacements().map(<[u8]>::to_ascii_lowercase);
        LeakCheck {
            forbidden,
            allowed: allowed.collect(),
        }
    }

    /// The kind of the first text that must not occur in a file of JSON lines.
    pub(super) fn find(&self, file: &str) -> Option<Kind> {
        let mut found = self.find_in(file.as_bytes(), 1);
        for line in file.lines() {
            match serde_json::from_str::<Value>(line) {
                Ok(value) => each_text(&value, &mut |bytes| {
                    found = found.or_else(|| self.find_in(bytes, 0));
                }),
                Err(_) => found = found.or_else(|| self.find_in(line.as_bytes(), 0)),
            }
        }
        found
    }

    fn find_in(&self, bytes: &[u8], depth: usize) -> Option<Kind> {
        let mut views = vec![
            bytes.to_vec(),
            bytes.iter().copied().filter(|byte| *byte != 0).collect(),
        ];
        for at in 0..4 {
            let text = String::from_utf8_lossy(views.get(at).map(Vec::as_slice).unwrap_or_default());
            let decoded = [
                form::unescape(&text).into_bytes(),
                without_entities(&text).into_bytes(),
            ];
            views.extend(decoded);
        }
        views.sort();
        views.dedup();
        let in_views = views.iter().find_map(|view| {
            let lower = view.to_ascii_lowercase();
            self.forbidden_in(&lower, SHORTEST)
                .or_else(|| self.unknown_in(view))
        });
        in_views.or_else(|| self.find_in_base64(bytes, depth))
    }

    fn find_in_base64(&self, bytes: &[u8], depth: usize) -> Option<Kind> {
        if depth > 2 {
            return None;
        }
        base64_runs(bytes).find_map(|run| {
            let text = String::from_utf8_lossy(bytes.get(run).unwrap_or_default()).into_owned();
            let text = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
            (0..4).find_map(|start| {
                let part = text.get(start..)?;
                let whole = part.len() - usize::from(part.len() % 4 == 1);
                let decoded = bytes_of_base64(part.get(..whole)?)?;
                let lower = decoded.to_ascii_lowercase();
                self.forbidden_in(&lower, SHORTEST_IN_BASE64)
                    .or_else(|| self.find_in_base64(&decoded, depth + 1))
            })
        })
    }

    /// The kind of a forbidden text in bytes in lower case.
    fn forbidden_in(&self, lower: &[u8], shortest: usize) -> Option<Kind> {
        let is_letter = |at: Option<usize>| {
            let byte = at.and_then(|at| lower.get(at));
            byte.is_some_and(u8::is_ascii_alphanumeric)
        };
        (0..lower.len()).find_map(|at| {
            let rest = lower.get(at..)?;
            let texts = self.forbidden.get(rest.first_chunk::<SHORTEST>()?)?;
            let found = texts.iter().find(|(kind, text)| {
                let may_be_part = matches!(
                    kind,
                    Kind::Secret | Kind::ResourceId | Kind::Uuid | Kind::UniqueId
                ) && text.len() >= 12;
                let is_part = is_letter(at.checked_sub(1)) || is_letter(Some(at + text.len()));
                text.len() >= shortest && rest.starts_with(text) && (may_be_part || !is_part)
            });
            found.map(|(kind, _)| *kind)
        })
    }

    /// The kind of a text that looks like an account, an address or a key, and replaces nothing.
    fn unknown_in(&self, view: &[u8]) -> Option<Kind> {
        let text = String::from_utf8_lossy(view);
        let is_unknown = |part: &str| !self.allowed.contains(part.to_ascii_lowercase().as_bytes());
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'));
        for word in words.map(|word| word.trim_matches(['.', '-'])) {
            let is_account = word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_digit());
            if is_account && is_unknown(word) {
                return Some(Kind::Account);
            }
            if word.parse::<Ipv4Addr>().is_ok() && is_unknown(word) {
                return Some(Kind::Ipv4);
            }
            let is_key = word.len() == 20 && (word.starts_with("AKIA") || word.starts_with("ASIA"));
            if is_key
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            {
                return Some(Kind::Secret);
            }
        }
        None
    }
}

/// A text without its entities of XML.
fn without_entities(text: &str) -> String {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, rest) = part.split_once(';').unwrap_or(("", part));
        let digits = entity.strip_prefix('#').unwrap_or_default();
        let number = match digits.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => digits.parse().ok(),
        };
        match (number.and_then(char::from_u32), entity) {
            (Some(c), _) => out.push(c),
            (None, "amp") => out.push('&'),
            (None, "lt") => out.push('<'),
            (None, "gt") => out.push('>'),
            (None, "quot" | "apos") => out.push('"'),
            (None, _) => {
                out.push('&');
                out.push_str(part);
                continue;
            }
        }
        out.push_str(rest);
    }
    out
}
