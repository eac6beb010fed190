//! The error envelope of EC2: `Response/Errors/Error/{Code,Message}` and `Response/RequestID`, in no namespace.

use crate::journal::Oddity;
use crate::protocol::views::{Members, missing, named, repeated, text_of};
use crate::protocol::xml::Element;

/// An error envelope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Errors<'a> {
    /// The errors in order.
    pub errors: Vec<ErrorEntry<'a>>,
    /// Every `RequestID` child of the root.
    pub request_ids: Vec<&'a str>,
    /// What is missing, repeated or misplaced in the envelope.
    pub oddities: Vec<Oddity<&'a str>>,
}

/// One error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorEntry<'a> {
    /// `Code`.
    pub code: Option<&'a str>,
    /// `Message`.
    pub message: Option<&'a str>,
}

/// Reads an error envelope, if the document is recognisably one.
///
/// It is one if its root is `Response`, or if it has an error with a code where EC2 or a similar service puts one.
/// Differences from EC2's own envelope are listed as oddities.
pub fn errors(root: Element<'_>) -> Option<Errors<'_>> {
    let entries = entries(root)?;
    let mut oddities = about_root(root);
    let errors = entries
        .into_iter()
        .map(|entry| read_entry(entry, &mut oddities))
        .collect();
    Some(Errors {
        errors,
        request_ids: root.children_named("RequestID").map(text_of).collect(),
        oddities,
    })
}

/// Returns only the first error, on which clients act.
pub fn first_error(root: Element<'_>) -> Option<ErrorEntry<'_>> {
    let first = entries(root)?.into_iter().next()?;
    Some(ErrorEntry {
        code: first.child_text("Code"),
        message: first.child_text("Message"),
    })
}

/// Returns the error elements of an envelope, from the place that EC2 uses or from that of similar services.
fn entries(root: Element<'_>) -> Option<Vec<Element<'_>>> {
    let own_place: Vec<Element<'_>> = root
        .children_named("Errors")
        .flat_map(|errors| errors.children_named("Error"))
        .collect();
    if root.name() == "Response" && !own_place.is_empty() {
        return Some(own_place);
    }
    let sister_place: Vec<Element<'_>> = match root.name() {
        "Error" => vec![root],
        _ => root.children_named("Error").collect(),
    };
    let has_code = |entries: &[Element<'_>]| entries.iter().any(|entry| entry.child("Code").is_some());
    if root.name() != "Response" && !has_code(&own_place) && !has_code(&sister_place) {
        return None;
    }
    Some(if own_place.is_empty() {
        sister_place
    } else {
        own_place
    })
}

fn about_root(root: Element<'_>) -> Vec<Oddity<&str>> {
    let mut oddities = Vec::new();
    if root.name() != "Response" {
        oddities.push(named(root.name(), "Response"));
    }
    if let Some(namespace) = root.namespace() {
        oddities.push(Oddity::InNamespace {
            element: root.name(),
            namespace,
        });
    }
    match root.children_named("Errors").count() {
        0 => oddities.push(missing(root.name(), "Errors")),
        1 => {}
        n => oddities.push(repeated(root.name(), "Errors", n)),
    }
    let spelled = root
        .children()
        .find(|child| child.name() != "RequestID" && child.name().eq_ignore_ascii_case("RequestID"));
    if let Some(child) = spelled {
        oddities.push(named(child.name(), "RequestID"));
    }
    for errors in root.children_named("Errors").take(4) {
        if errors.child("Error").is_none() {
            oddities.push(missing("Errors", "Error"));
        }
    }
    oddities
}

fn read_entry<'a>(entry: Element<'a>, oddities: &mut Vec<Oddity<&'a str>>) -> ErrorEntry<'a> {
    let mut members = Members::of(entry, "Error");
    let read = ErrorEntry {
        code: members.text("Code"),
        message: members.text("Message"),
    };
    oddities.append(&mut members.oddities);
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::xml::{Document, read};

    fn document(text: &str) -> Document {
        read(text).expect("the document is well-formed")
    }

    #[track_caller]
    fn has_oddities(text: &str, expected: &[Oddity<&str>]) {
        let document = document(text);
        let oddities = errors(document.root()).map(|errors| errors.oddities);
        assert_eq!(oddities.as_deref(), Some(expected), "{text}");
    }

    #[test]
    fn a_recorded_envelope_is_read_without_oddities() {
        let document = document(
            "<Response><Errors><Error><Code>DryRunOperation</Code>\
             <Message>Request would have succeeded, but DryRun flag is set.</Message></Error></Errors>\
             <RequestID>2ac97f48-830a-4917-b882-ed3369f848da</RequestID></Response>",
        );
        let read = errors(document.root());
        let expected = Errors {
            errors: vec![ErrorEntry {
                code: Some("DryRunOperation"),
                message: Some("Request would have succeeded, but DryRun flag is set."),
            }],
            request_ids: vec!["2ac97f48-830a-4917-b882-ed3369f848da"],
            oddities: Vec::new(),
        };
        assert_eq!(read, Some(expected));
    }

    #[test]
    fn answers_that_are_no_errors_are_not_taken_for_one() {
        for text in [
            "<StopInstancesResponse><instancesSet/></StopInstancesResponse>",
            "<html/>",
            "<r><Errors/></r>",
        ] {
            assert_eq!(errors(document(text).root()), None, "{text}");
        }
    }

    #[test]
    fn an_envelope_in_another_shape_is_read_and_its_difference_listed() {
        has_oddities(
            "<Response xmlns='u'><Errors><Error><Code>A</Code></Error></Errors><requestId>1</requestId></Response>",
            &[
                Oddity::InNamespace {
                    element: "Response",
                    namespace: "u",
                },
                named("requestId", "RequestID"),
                missing("Error", "Message"),
            ],
        );
        let sister = "<ErrorResponse><Error><Type>Sender</Type><Code>A</Code><Message>b</Message></Error></ErrorResponse>";
        has_oddities(
            sister,
            &[
                named("ErrorResponse", "Response"),
                missing("ErrorResponse", "Errors"),
            ],
        );
        let sister = document(sister);
        let code = first_error(sister.root()).and_then(|error| error.code);
        assert_eq!(code, Some("A"));
        has_oddities(
            "<Error><Code>A</Code><Message>b</Message><RequestId>1</RequestId></Error>",
            &[
                named("Error", "Response"),
                missing("Error", "Errors"),
                named("RequestId", "RequestID"),
            ],
        );
        has_oddities(
            "<Response><Errors/><Errors/><x/></Response>",
            &[
                repeated("Response", "Errors", 2),
                missing("Errors", "Error"),
                missing("Errors", "Error"),
            ],
        );
        has_oddities("<Response/>", &[missing("Response", "Errors")]);
    }
}
