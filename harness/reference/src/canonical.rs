//! The canonical request of SigV4, from the bytes as received. The only file that uses `percent-encoding`.

use bytes::Bytes;
use http::Request;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use super::header_text;

/// Every byte except the unreserved characters of RFC 3986.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The same for a path, which keeps its slashes.
const PATH: &AsciiSet = &STRICT.remove(b'/');

/// Method, path, query, signed headers, their names and the hash of the body, one per line.
pub(super) fn canonical_request(
    request: &Request<Bytes>,
    signed_headers: &str,
    payload_hash: &str,
) -> String {
    let mut text = String::with_capacity(512);
    text.push_str(request.method().as_str());
    text.push('\n');
    push_path(&mut text, request.uri().path());
    text.push('\n');
    push_query(&mut text, request.uri().query().unwrap_or_default());
    text.push('\n');
    for name in signed_headers.split(';') {
        push_header(&mut text, request, name);
    }
    for part in ["\n", signed_headers, "\n", payload_hash] {
        text.push_str(part);
    }
    text
}

fn push_path(text: &mut String, path: &str) {
    if matches!(path, "" | "/") {
        return text.push('/');
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    for part in &parts {
        text.push('/');
        // The path arrives encoded, and every service except S3 signs it encoded a second time.
        text.extend(utf8_percent_encode(part, PATH));
    }
    if parts.is_empty() || path.ends_with('/') {
        text.push('/');
    }
}

fn push_query(text: &mut String, query: &str) {
    if query.is_empty() {
        return;
    }
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        // A signature does not cover itself.
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (encoded_anew(name), encoded_anew(value)))
        .collect();
    pairs.sort();
    for (n, (name, value)) in pairs.iter().enumerate() {
        for part in [if n == 0 { "" } else { "&" }, name, "=", value] {
            text.push_str(part);
        }
    }
}

/// Decodes as the form reader does and encodes strictly, so that every spelling of a value has the same signature.
fn encoded_anew(text: &str) -> String {
    let spaced = text.replace('+', " ");
    let bytes: Vec<u8> = percent_decode(spaced.as_bytes()).collect();
    percent_encoding::percent_encode(&bytes, STRICT).to_string()
}

/// `name:value,value⏎`, with values trimmed and each run of spaces collapsed to one.
fn push_header(text: &mut String, request: &Request<Bytes>, name: &str) {
    text.push_str(name);
    text.push(':');
    let values = request.headers().get_all(name).iter();
    for (n, value) in values.enumerate() {
        if n > 0 {
            text.push(',');
        }
        for (n, word) in header_text(value)
            .split([' ', '\t'])
            .filter(|word| !word.is_empty())
            .enumerate()
        {
            if n > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256_hex;

    fn get(target: &str, headers: &[(&str, &str)]) -> Request<Bytes> {
        let request = headers
            .iter()
            .fold(Request::get(target), |request, (name, value)| {
                request.header(*name, *value)
            });
        request.body(Bytes::new()).expect("the request is valid")
    }

    #[test]
    fn the_published_example_hashes_as_published() {
        // The IAM ListUsers example of the Signature Version 4 documentation.
        let request = get(
            "/?Action=ListUsers&Version=2010-05-08",
            &[
                ("Host", "iam.amazonaws.com"),
                ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
                ("X-Amz-Date", "20150830T123600Z"),
            ],
        );
        let text = canonical_request(&request, "content-type;host;x-amz-date", &sha256_hex(b""));
        assert_eq!(
            sha256_hex(text.as_bytes()),
            "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
        );
    }

    #[test]
    fn a_query_is_sorted_and_encoded_anew() {
        let request = get("/?b=2&a=x+y&a=%7e&c&X-Amz-Signature=ff", &[]);
        let text = canonical_request(&request, "host", "h");
        assert_eq!(text, "GET\n/\na=x%20y&a=~&b=2&c=\nhost:\n\nhost\nh");
    }

    #[test]
    fn header_values_are_trimmed_and_joined() {
        let request = get("/", &[("My", "  a   b "), ("MY", "c")]);
        assert!(canonical_request(&request, "my", "h").contains("\nmy:a b,c\n"));
    }

    #[test]
    fn a_path_is_tidied_and_encoded_once_more() {
        let line = |path| {
            let text = canonical_request(&get(path, &[]), "host", "h");
            text.lines().nth(1).map(str::to_owned)
        };
        assert_eq!(line("/a%20b/./../c/").as_deref(), Some("/c/"));
        assert_eq!(line("/a%20b").as_deref(), Some("/a%2520b"));
        assert_eq!(line("http://host/").as_deref(), Some("/"));
        // The absolute form that a proxy receives is signed like the path within it.
        assert_eq!(line("http://host").as_deref(), Some("/"));
    }
}
