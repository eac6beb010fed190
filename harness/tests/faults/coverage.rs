//! Faults that no named case finds: only a combination or a boundary value shows them.

use bytes::Bytes;
use http::Response;
use stopcheck::contract::Edition;
use stopcheck::reference::XmlLayout;
use stopcheck::verdict::Verdict;

use stopcheck::selfcheck::emulator::{self as mock, EmulatedRequest, FaultHook, code_of, drop_param};

use crate::play;

/// A fault, the coverage cases that are played, and the clauses that fail in them.
struct Combined {
    name: &'static str,
    cases: &'static [&'static str],
    fails: &'static [&'static str],
    /// Whether no named case finds it.
    is_hidden: bool,
    hook: FaultHook,
}

fn first_id<'a>(asked: &'a EmulatedRequest<'_>) -> Option<&'a str> {
    asked.get("InstanceId.1")
}

fn repeats(asked: &EmulatedRequest<'_>) -> bool {
    let mut ids = asked.ids();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    ids.len() < count
}

fn mate_is_not_looked_at(asked: &EmulatedRequest<'_>) -> Response<Bytes> {
    let answer = asked.pass();
    let first = first_id(asked).unwrap_or_default();
    let is_about_the_first = String::from_utf8_lossy(answer.body()).contains(first);
    if code_of(&answer).as_deref() == Some("UnsupportedHibernationConfiguration") && !is_about_the_first {
        return asked.pass_changed(|params| drop_param(params, "Hibernate"));
    }
    answer
}

/// Two tests for each fault, so that they run in parallel.
macro_rules! faults {
    ($($name:ident: $fault:expr;)*) => {
        $(
            mod $name {
                use super::*;

                const FAULT: Combined = $fault;

                #[test]
                fn is_found_by_coverage() {
                    found_by_coverage(&FAULT);
                }

                #[test]
                fn is_found_by_named_cases_unless_it_is_hidden() {
                    found_by_named_cases(&FAULT);
                }
            }
        )*
    };
}

faults! {
    a_forced_stop_of_an_id_that_is_given_twice_is_not_made: Combined {
        name: "a forced stop of an id that is given twice is answered and not made",
        cases: &["coverage/2-wise/00*"],
        fails: &["STT-02"],
        is_hidden: true,
        hook: |asked| {
            if asked.stops() && asked.is_set("Force") && repeats(asked) {
                let id = first_id(asked).unwrap_or_default().to_owned();
                if asked.state_of(&id) == "running" && asked.status_as_dry_run() == 412 {
                    return asked.stopped(&[(id, "running", "stopping")]);
                }
            }
            asked.pass()
        },
    };
    the_tenth_id_of_a_list_is_not_read: Combined {
        name: "the tenth id of a list is not read",
        cases: &["coverage/bounds/list/*"],
        fails: &["ERR-05", "RSP-05"],
        is_hidden: false,
        hook: |asked| asked.stop_changed(|params| drop_param(params, "InstanceId.10")),
    };
    a_stop_reads_five_hundred_ids: Combined {
        name: "a stop reads the first five hundred ids",
        cases: &["coverage/3-wise/bounds/*"],
        fails: &["RSP-05"],
        is_hidden: true,
        hook: |asked| {
            asked.stop_changed(|params| {
                let mut ids = 0;
                params.retain(|(name, _)| {
                    ids += usize::from(name.starts_with("InstanceId"));
                    !name.starts_with("InstanceId") || ids <= 500
                });
            })
        },
    };
    hibernation_is_asked_of_the_first_alone: Combined {
        name: "whether an instance can hibernate is asked of the first alone",
        cases: &["coverage/2-wise/00*"],
        fails: &["HIB-03"],
        is_hidden: true,
        hook: mate_is_not_looked_at,
    };
    an_id_is_known_by_its_beginning: Combined {
        name: "an id is known by its beginning",
        cases: &["coverage/bounds/id/*"],
        fails: &["ERR-03"],
        is_hidden: true,
        hook: |asked| {
            asked.stop_changed(|params| {
                for (name, id) in params {
                    let is_longer =
                        id.len() == "i-".len() + 18 && id.ends_with(|end: char| end.is_ascii_hexdigit());
                    if name.starts_with("InstanceId") && is_longer {
                        id.pop();
                    }
                }
            })
        },
    };
}

fn found_by_coverage(fault: &Combined) {
    let endpoint = mock::endpoint(Edition::Current, XmlLayout::default(), fault.hook);
    let run = play(Edition::Current, endpoint, fault.cases, 1);
    let failed = run.clauses(Verdict::Fail);
    for clause in fault.fails {
        assert!(failed.contains(clause), "{}: {failed:?}", fault.name);
    }
    assert!(run.unjudged.is_empty(), "{}: {:?}", fault.name, run.unjudged);
}

fn found_by_named_cases(fault: &Combined) {
    let endpoint = mock::endpoint(Edition::Current, XmlLayout::default(), fault.hook);
    let run = play(Edition::Current, endpoint, &["*"], 1);
    let found = !run.clauses(Verdict::Fail).is_empty();
    assert_eq!(
        found,
        !fault.is_hidden,
        "{}: {}",
        fault.name,
        run.told(Verdict::Fail)
    );
}
