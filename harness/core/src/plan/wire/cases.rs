//! The cases of the wire phase, in the order of the parts of a message.

use super::Build::{Change, Whole};
use super::WireDemand::{Answered, Dropped, Ended, InTurn, Refused, Same};
use super::{Dialogue, Finish, Kit, Message, Piece, Then, WireCase, at_once, call, is_named};
use crate::call::Method;
use crate::journal::RawFault;
use crate::protocol::{RequestTarget, SignError};

const KIB: usize = 1024;
const LAST_CHUNK: &str = "0\r\n\r\n";

/// A server may require a length (RFC 9110, 15.5.12).
const LENGTH_REQUIRED: &[u16] = &[411];

/// All cases of the phase. RFC 9112 and RFC 9110 define what HTTP demands of each; a case names the section where it is
/// not obvious from its name.
/// All cases on a raw socket, in the order in which they are played.
pub static CASES: &[WireCase] = &[
    // The length of the body.
    WireCase::new(
        "wire/content-length/shorter",
        Answered,
        "A length that ends before the ids: the request is whole without them, and the trailing bytes are not a request.",
        Change(|message| {
            let length = message.length_before("&InstanceId.1=");
            with_length(message, &length.to_string());
        }),
    )
    .fault(RawFault::Request),
    WireCase::new(
        "wire/content-length/longer",
        Ended,
        "A length that is never reached: the message stays incomplete (RFC 9112, 8).",
        Whole(|kit| {
            let mut message = kit.dry_run()?;
            let length = message.body.len() + 10;
            with_length(&mut message, &length.to_string());
            Ok(message.dialogue(Finish::HalfClose))
        }),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/content-length/negative",
        Refused,
        "A length that is not a number is an unrecoverable error (RFC 9112, 6.3): below zero.",
        Change(|message| with_length(message, "-1")),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/content-length/word",
        Refused,
        "A length that is not a number is an unrecoverable error (RFC 9112, 6.3): a word.",
        Change(|message| with_length(message, "all")),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/content-length/huge",
        Ended,
        "A length that no machine word holds must be anticipated (RFC 9110, 8.6).",
        Whole(|kit| {
            let mut message = kit.dry_run()?;
            with_length(&mut message, "99999999999999999999999");
            Ok(message.dialogue(Finish::HalfClose))
        }),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/content-length/twice",
        Answered,
        "The same length twice is refused or taken once (RFC 9110, 8.6).",
        Change(|message| {
            let length = format!("Content-Length: {}", message.body.len());
            message.add(length);
        }),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/content-length/conflicting",
        Refused,
        "Two lengths, the first without DryRun: nobody can tell where the message ends (RFC 9112, 6.3).",
        Change(|message| conflicting(message, false)),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/content-length/conflicting-reversed",
        Refused,
        "Two lengths, the second without DryRun: nobody can tell where the message ends (RFC 9112, 6.3).",
        Change(|message| conflicting(message, true)),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/content-length/with-chunks",
        Answered,
        "A length beside chunks is refused, or the chunks count (RFC 9112, 6.1).",
        Change(|message| {
            let length = format!("Content-Length: {}", message.body.len());
            in_chunks(message, 4096, "", LAST_CHUNK);
            message.add(length);
        }),
    )
    .fault(RawFault::Http),
    // Chunks.
    WireCase::new(
        "wire/chunks/whole",
        Same,
        "A body in one chunk is the same body (RFC 9112, 7.1).",
        Change(|message| in_chunks(message, 4096, "", LAST_CHUNK)),
    )
    .also(LENGTH_REQUIRED),
    WireCase::new(
        "wire/chunks/bytes",
        Same,
        "A body in chunks of one byte is the same body (RFC 9112, 7.1).",
        Change(|message| in_chunks(message, 1, "", LAST_CHUNK)),
    )
    .also(LENGTH_REQUIRED),
    WireCase::new(
        "wire/chunks/odd",
        Same,
        "A body in chunks of seven bytes, split within names and ids, is the same body (RFC 9112, 7.1).",
        Change(|message| in_chunks(message, 7, "", LAST_CHUNK)),
    )
    .also(LENGTH_REQUIRED),
    WireCase::new(
        "wire/chunks/extension",
        Same,
        "Chunk extensions that nobody knows are ignored (RFC 9112, 7.1.1).",
        Change(|message| in_chunks(message, 9, ";a=b;c", LAST_CHUNK)),
    )
    .also(LENGTH_REQUIRED),
    WireCase::new(
        "wire/chunks/trailer",
        Same,
        "A trailer may be ignored, and the body stays the same (RFC 9112, 7.1.2).",
        Change(|message| in_chunks(message, 9, "", "0\r\nX-Filler: a\r\n\r\n")),
    )
    .also(LENGTH_REQUIRED),
    WireCase::new(
        "wire/chunks/bad-size",
        Ended,
        "A chunk whose size is not a number ends the message as invalid.",
        Whole(|kit| {
            let mut message = kit.dry_run()?;
            message.announce_chunks();
            message.body = [b"xyz\r\n".to_vec(), message.body, b"\r\n0\r\n\r\n".to_vec()].concat();
            Ok(message.dialogue(Finish::HalfClose))
        }),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/chunks/no-last",
        Ended,
        "Chunks without the last one, DryRun still to come: the message is incomplete (RFC 9112, 8).",
        Whole(|kit| {
            let mut message = kit.dry_run()?;
            message.cut_before("&DryRun=");
            in_chunks(&mut message, 4096, "", "");
            Ok(message.dialogue(Finish::HalfClose))
        }),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/chunks/unknown-coding",
        Ended,
        "A transfer coding that nobody knows is refused (RFC 9112, 6.1).",
        Whole(|kit| {
            let mut message = kit.dry_run()?;
            message.replace("content-length", &["Transfer-Encoding: filler".to_owned()]);
            Ok(message.dialogue(Finish::HalfClose))
        }),
    )
    .fault(RawFault::Http)
    .also(&[501]),
    // Header fields.
    WireCase::new(
        "wire/header/lower",
        Same,
        "Names of header fields have no case: all lower (RFC 9110, 5.1).",
        Change(|message| message.respell(|_, byte| byte.to_ascii_lowercase())),
    ),
    WireCase::new(
        "wire/header/upper",
        Same,
        "Names of header fields have no case: all upper (RFC 9110, 5.1).",
        Change(|message| message.respell(|_, byte| byte.to_ascii_uppercase())),
    ),
    WireCase::new(
        "wire/header/mixed",
        Same,
        "Names of header fields have no case: every other letter (RFC 9110, 5.1).",
        Change(|message| {
            message.respell(|at, byte| match at % 2 {
                0 => byte.to_ascii_lowercase(),
                _ => byte.to_ascii_uppercase(),
            });
        }),
    ),
    WireCase::new(
        "wire/header/host-absent",
        Refused,
        "HTTP/1.1 has every request without Host refused (RFC 9112, 3.2).",
        Change(|message| message.remove("host")),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/header/host-twice",
        Refused,
        "HTTP/1.1 has every request with two Host lines refused (RFC 9112, 3.2): the same one.",
        Change(|message| {
            let host = message.fields.iter().find(|field| is_named(field, "host")).cloned();
            message.fields.extend(host);
        }),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/header/host-conflicting",
        Refused,
        "HTTP/1.1 has every request with two Host lines refused (RFC 9112, 3.2): another one.",
        Change(|message| message.add("Host: other.invalid")),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/header/content-type-twice",
        Answered,
        "Two media types.",
        Change(|message| message.add("Content-Type: application/json")),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/header/authorization-twice",
        Answered,
        "A signature and something else beside it.",
        Change(|message| message.add("Authorization: not a signature")),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/header/folded",
        Ended,
        "A value that goes on in the next line is refused or joined (RFC 9112, 5.2).",
        Change(|message| message.add("X-Filler: one,\r\n two")),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/header/no-colon",
        Ended,
        "A line among the header fields that is not a field.",
        Change(|message| message.add("this is no field")),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/header/space-before-colon",
        Refused,
        "White space between a name and its colon has a request refused (RFC 9112, 5.1).",
        Change(|message| message.add("X-Filler : a")),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/header/not-utf8",
        Answered,
        "A value with bytes beyond ASCII is opaque data (RFC 9110, 5.5).",
        Change(|message| message.add(&b"X-Filler: \xff\xfe\xc3("[..])),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/header/many",
        Ended,
        "Hundreds of header fields are served or refused.",
        Change(|message| {
            for number in 0..400 {
                message.add(format!("X-Filler-{number}: a"));
            }
        }),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/header/8-kib",
        Ended,
        "A header field of 8 KiB is served or refused.",
        Change(|message| message.add(format!("X-Filler: {}", filler(8 * KIB)))),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/header/64-kib",
        Ended,
        "A header field of 64 KiB is served or refused.",
        Change(|message| message.add(format!("X-Filler: {}", filler(64 * KIB)))),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/content-type/absent",
        Answered,
        "A form that is not said to be one.",
        Whole(|kit| {
            let mut call = call(kit.id);
            call.form.content_type = None;
            Ok(kit.signed(&call)?.dialogue(Finish::Listen))
        }),
    )
    .fault(RawFault::Request),
    WireCase::new(
        "wire/content-type/json",
        Answered,
        "A form that is said to be JSON.",
        Whole(|kit| of_type(kit, "application/json")),
    )
    .fault(RawFault::Request),
    WireCase::new(
        "wire/content-type/multipart",
        Answered,
        "A form that is said to have many parts, without a boundary.",
        Whole(|kit| of_type(kit, "multipart/form-data")),
    )
    .fault(RawFault::Request),
    // The request line.
    WireCase::new(
        "wire/line/16-kib",
        Ended,
        "A request line of 16 KiB is served or refused (RFC 9112, 3).",
        Change(|message| message.set_line(" HTTP", &format!("?Filler={} HTTP", filler(16 * KIB)))),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/line/64-kib",
        Ended,
        "A request line of 64 KiB is served or refused (RFC 9112, 3).",
        Change(|message| message.set_line(" HTTP", &format!("?Filler={} HTTP", filler(64 * KIB)))),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/line/absolute",
        Same,
        "A server must accept the absolute form of a target (RFC 9112, 3.2.2).",
        Whole(|kit| {
            let mut message = kit.dry_run()?;
            let RequestTarget { host, path, .. } = kit.target;
            message.set_line(&format!(" {path}"), &format!(" http://{host}{path}"));
            Ok(message.dialogue(Finish::Listen))
        }),
    ),
    WireCase::new(
        "wire/line/lower-case-method",
        Answered,
        "Methods have a case: `post` is not `POST` (RFC 9110, 9.1).",
        Change(|message| message.set_line("POST", "post")),
    )
    .fault(RawFault::Http)
    .also(&[501]),
    WireCase::new(
        "wire/line/unknown-method",
        Answered,
        "A method that nobody knows (RFC 9110, 9.1).",
        Change(|message| message.set_line("POST", "FROB")),
    )
    .fault(RawFault::Http)
    .also(&[501]),
    WireCase::new(
        "wire/line/http-1.0",
        Same,
        "The request of an older client, with Host (RFC 9110, 2.5).",
        Change(|message| message.set_line("HTTP/1.1", "HTTP/1.0")),
    )
    .also(&[426, 505]),
    WireCase::new(
        "wire/line/http-1.0-without-host",
        Answered,
        "HTTP/1.0 knew no Host; whether the signature holds without it is the service's business.",
        Change(|message| {
            message.set_line("HTTP/1.1", "HTTP/1.0");
            message.remove("host");
        }),
    )
    .fault(RawFault::Http)
    .also(&[505]),
    WireCase::new(
        "wire/line/http-2.0",
        Ended,
        "A version that is not spoken in this way (RFC 9110, 15.6.6).",
        Change(|message| message.set_line("HTTP/1.1", "HTTP/2.0")),
    )
    .fault(RawFault::Http)
    .also(&[505]),
    WireCase::new(
        "wire/line/no-version",
        Ended,
        "A request line without a version.",
        Change(|message| message.set_line(" HTTP/1.1", "")),
    )
    .fault(RawFault::Http)
    .also(&[505]),
    WireCase::new(
        "wire/line/after-empty-line",
        Same,
        "A server should ignore an empty line before the request line (RFC 9112, 2.2).",
        Change(|message| message.line.splice(..0, *b"\r\n").for_each(drop)),
    )
    .should(),
    WireCase::new(
        "wire/line/after-empty-lines",
        Ended,
        "Several empty lines before the request line.",
        Change(|message| message.line.splice(..0, *b"\r\n\r\n\r\n").for_each(drop)),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/line/bare-line-feeds",
        Ended,
        "Lines that end in LF alone may be recognized; else the head never ends, and nothing more comes (RFC 9112, 2.2).",
        Whole(|kit| {
            let mut message = kit.dry_run()?;
            message.line_end = b"\n";
            Ok(message.dialogue(Finish::HalfClose))
        }),
    )
    .fault(RawFault::Http),
    // The body.
    WireCase::new(
        "wire/body/not-utf8",
        Answered,
        "A parameter with bytes that are not UTF-8, signed as they are.",
        Whole(|kit| kit.dry_run_with(b"&Filler=\xff\xfe\xc3(")),
    )
    .fault(RawFault::Request),
    WireCase::new(
        "wire/body/on-get",
        Answered,
        "A GET with a body; what it means is not defined (RFC 9110, 9.3.1).",
        Whole(|kit| {
            let mut call = call(kit.id);
            call.form.method = Method::Get;
            let message = kit.signed_with(&call, |request| {
                *request.body_mut() = "Filler=a".into();
            })?;
            Ok(message.dialogue(Finish::Listen))
        }),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/body/1-mib-parameter",
        Ended,
        "An unknown parameter of 1 MiB is refused.",
        Whole(|kit| kit.dry_run_with(format!("&Filler={}", filler(1024 * KIB)).as_bytes())),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/body/1-mib-padding",
        Ended,
        "1 MiB of empty pairs behind the parameters is read or refused.",
        Whole(|kit| kit.dry_run_with("&".repeat(1024 * KIB).as_bytes())),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/percent/alone",
        Answered,
        "A percent sign with nothing behind it.",
        Whole(|kit| kit.dry_run_with(b"&InstanceId.2=%")),
    )
    .fault(RawFault::Request),
    WireCase::new(
        "wire/percent/one-digit",
        Answered,
        "A percent sign with one digit behind it.",
        Whole(|kit| kit.dry_run_with(b"&InstanceId.2=%4")),
    )
    .fault(RawFault::Request),
    WireCase::new(
        "wire/percent/no-digits",
        Answered,
        "A percent sign followed by letters that are not hexadecimal digits.",
        Whole(|kit| kit.dry_run_with(b"&InstanceId.2=%zz")),
    )
    .fault(RawFault::Request),
    WireCase::new(
        "wire/percent/nul",
        Answered,
        "An escaped NUL.",
        Whole(|kit| kit.dry_run_with(b"&InstanceId.2=%00")),
    )
    .fault(RawFault::Request),
    WireCase::new(
        "wire/percent/overlong",
        Answered,
        "An escaped slash in two bytes, which is not UTF-8.",
        Whole(|kit| kit.dry_run_with(b"&InstanceId.2=%c0%af")),
    )
    .fault(RawFault::Request),
    WireCase::new(
        "wire/percent/not-utf8",
        Answered,
        "Escaped bytes that are not UTF-8.",
        Whole(|kit| kit.dry_run_with(b"&InstanceId.2=%ff%fe")),
    )
    .fault(RawFault::Request),
    // How the bytes travel.
    WireCase::new(
        "wire/fragments/bytes",
        Same,
        "A request that arrives byte by byte is the same request.",
        Whole(|kit| {
            let bytes = kit.dry_run()?.bytes();
            let piece = |byte: u8| Piece {
                bytes: vec![byte],
                then: Then::GoOn,
            };
            Ok(Dialogue {
                pieces: bytes.into_iter().map(piece).collect(),
                finish: Finish::Listen,
                answers: 1,
            })
        }),
    ),
    WireCase::new(
        "wire/fragments/head-and-body",
        Same,
        "A request whose body arrives after its head is the same request.",
        Whole(|kit| {
            let message = kit.dry_run()?;
            Ok(in_two(&message, Then::GoOn))
        }),
    ),
    WireCase::new(
        "wire/continue",
        Same,
        "A client that asks to go on is told to, or goes on by itself (RFC 9110, 10.1.1).",
        Whole(|kit| {
            let mut message = kit.dry_run()?;
            message.add("Expect: 100-continue");
            Ok(in_two(&message, Then::AwaitAnswer))
        }),
    )
    .also(&[417]),
    WireCase::new(
        "wire/half-closed/head",
        Ended,
        "Nothing more comes within the head: the message is incomplete (RFC 9112, 8).",
        Whole(|kit| {
            let mut message = kit.dry_run()?;
            message.remove("authorization");
            let head = message.line;
            Ok(at_once([head, b"\r\nHost: ".to_vec()].concat(), Finish::HalfClose, 1))
        }),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/half-closed/body",
        Ended,
        "Nothing more comes before DryRun: the message is incomplete and not carried out (RFC 9112, 8).",
        Whole(|kit| {
            let mut message = kit.dry_run()?;
            message.cut_before("&DryRun=");
            Ok(message.dialogue(Finish::HalfClose))
        }),
    )
    .fault(RawFault::Http),
    WireCase::new(
        "wire/dropped/head",
        Dropped,
        "The connection is dropped between the head and the body.",
        Whole(|kit| Ok(at_once(kit.dry_run()?.head(), Finish::Drop, 0))),
    ),
    WireCase::new(
        "wire/dropped/body",
        Dropped,
        "The connection is dropped before DryRun: the message is incomplete and not carried out (RFC 9112, 8).",
        Whole(|kit| {
            let mut message = kit.dry_run()?;
            message.cut_before("&DryRun=");
            Ok(message.dialogue(Finish::Drop))
        }),
    ),
    // Several requests on one connection.
    WireCase::new(
        "wire/pipelined/descriptions",
        InTurn,
        "Two descriptions at once are answered both (RFC 9112, 9.3.2).",
        Whole(|kit| {
            let bytes = [kit.describe()?.bytes(), kit.describe()?.bytes()].concat();
            Ok(at_once(bytes, Finish::Listen, 2))
        }),
    )
    .roots(&["DescribeInstancesResponse", "DescribeInstancesResponse"]),
    WireCase::new(
        "wire/pipelined/describe-and-stop",
        InTurn,
        "A description and a stop at once are answered in this order, and the stop is carried out (RFC 9112, 9.3.2).",
        Whole(|kit| {
            let bytes = [kit.describe()?.bytes(), kit.stop()?.bytes()].concat();
            Ok(at_once(bytes, Finish::Listen, 2))
        }),
    )
    .roots(&["DescribeInstancesResponse", "StopInstancesResponse"]),
    WireCase::new(
        "wire/pipelined/after-close",
        Answered,
        "A stop behind a request with `Connection: close` is not carried out (RFC 9112, 9.6).",
        Whole(|kit| {
            let mut last = kit.dry_run()?;
            last.remove("connection");
            last.add("Connection: close");
            // An endpoint that closes the connection ends the wait for a second answer.
            Ok(at_once([last.bytes(), kit.stop()?.bytes()].concat(), Finish::Listen, 2))
        }),
    ),
];

/// A body in chunks of `size` bytes, with an extension after each size; the last chunk is not included.
fn chunks(body: &[u8], size: usize, extension: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in body.chunks(size) {
        out.extend(format!("{:x}{extension}\r\n", chunk.len()).into_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Sends the body in chunks, with `end` in place of the last chunk.
fn in_chunks(message: &mut Message, size: usize, extension: &str, end: &str) {
    message.announce_chunks();
    message.body = chunks(&message.body, size, extension);
    message.body.extend_from_slice(end.as_bytes());
}

fn with_length(message: &mut Message, length: &str) {
    message.replace("content-length", &[format!("Content-Length: {length}")]);
}

fn filler(length: usize) -> String {
    "a".repeat(length)
}

fn conflicting(message: &mut Message, reversed: bool) {
    let length = |length: usize| format!("Content-Length: {length}");
    let mut lengths = [
        length(message.length_before("&DryRun=")),
        length(message.body.len()),
    ];
    if reversed {
        lengths.reverse();
    }
    message.replace("content-length", &lengths);
}

fn of_type(kit: &Kit<'_>, media: &str) -> Result<Dialogue, SignError> {
    let mut call = call(kit.id);
    call.form.content_type = Some(media.to_owned());
    Ok(kit.signed(&call)?.dialogue(Finish::Listen))
}

fn in_two(message: &Message, then: Then) -> Dialogue {
    Dialogue {
        pieces: vec![
            Piece {
                bytes: message.head(),
                then,
            },
            Piece {
                bytes: message.body.clone(),
                then: Then::GoOn,
            },
        ],
        finish: Finish::Listen,
        answers: 1,
    }
}
