//! Faults that show only when calls overlap, or after very many calls. One client that waits for each answer, with a
//! fresh emulator for each case, cannot find them: they need the concurrent phase.

use bytes::Bytes;
use http::{Response, StatusCode};

use std::thread;
use std::time::Duration;

use crate::selfcheck::emulator::EmulatedRequest;
use crate::selfcheck::fault::{Fault, fault};

/// How long these emulators take for a stop, so that other calls can overlap with it.
const WORK: Duration = Duration::from_millis(2);

/// The number of requests that are answered correctly.
const BEFORE_IT_TIRES: usize = 10_000;

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "overlapping-stops-lose-one",
        "of two stops that overlap the later is answered and not carried out",
        &[],
        &["VIS-02"],
        |asked| while_another_is_under_way(asked, |asked| asked.all_stopped("running", "stopping")),
    )
    .concurrent(),
    fault(
        "overlapping-stops-both-find-running",
        "stops that overlap all find the instance running",
        &[],
        &["IDM-09"],
        |asked| {
            while_another_is_under_way(asked, |asked| {
                let answer = asked.pass();
                if answer.status() == StatusCode::OK {
                    asked.all_stopped("running", "stopping")
                } else {
                    answer
                }
            })
        },
    )
    .concurrent()
    .seen("moto 4.0.6"),
    fault(
        "overlapping-stops-fail",
        "a stop that comes while another is under way meets a lock and fails",
        &[],
        &["RSP-25"],
        |asked| {
            while_another_is_under_way(asked, |asked| {
                asked.refuse(500, "InternalError", "database is locked")
            })
        },
    )
    .concurrent(),
    fault(
        "tires-after-ten-thousand",
        "after ten thousand requests every stop is a fault of the server",
        &[],
        &["RSP-25"],
        |asked| {
            if asked.stops() && asked.served() > BEFORE_IT_TIRES {
                return asked.refuse(500, "InternalError", "out of handles");
            }
            asked.pass()
        },
    )
    .concurrent(),
];

/// Changes the answer to a stop that arrives while another one is in progress; any other request is passed as received.
fn while_another_is_under_way(
    asked: &EmulatedRequest<'_>,
    answer: impl FnOnce(&EmulatedRequest<'_>) -> Response<Bytes>,
) -> Response<Bytes> {
    if !asked.stops() {
        return asked.pass();
    }
    let others = asked.under_way() > 1;
    thread::sleep(WORK);
    if others { answer(asked) } else { asked.pass() }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::call::Call;
    use crate::protocol::{self, RequestTarget};
    use crate::reference::Config;
    use crate::selfcheck::emulator;
    use crate::sign;

    fn request(action: &str, params: &[(&str, &str)]) -> Request<Bytes> {
        let target = RequestTarget {
            host: "localhost".to_owned(),
            path: "/".to_owned(),
            region: emulator::REGION.to_owned(),
        };
        let call = Call::new(action, params.iter().copied());
        let keys = crate::embedded::keyring();
        sign::sign(
            protocol::encode(&call, &target).expect("a short call"),
            crate::call::Auth::Header,
            &keys,
            emulator::REGION,
            "ec2",
            1_767_225_600_000,
        )
        .expect("the main key signs any request")
    }

    fn text(response: &Response<Bytes>) -> String {
        String::from_utf8_lossy(response.body()).into_owned()
    }

    #[test]
    fn they_show_under_calls_that_overlap_and_under_no_others() {
        for fault in FAULTS
            .iter()
            .filter(|fault| fault.name.starts_with("overlapping"))
        {
            let handler = emulator::handler(Config::default(), fault.hook);
            let run = request(
                "RunInstances",
                &[
                    ("ImageId", "ami-0eb50000000000001"),
                    ("MinCount", "1"),
                    ("MaxCount", "1"),
                ],
            );
            let launched = text(&handler(&run, 1_767_225_600_000));
            let id = launched
                .split_once("<instanceId>")
                .and_then(|(_, rest)| rest.split_once('<'))
                .map(|(id, _)| id.to_owned())
                .expect("an instance is launched");
            let stop = request("StopInstances", &[("InstanceId.1", &id), ("DryRun", "false")]);
            let later = 1_767_225_700_000;
            let answers: Vec<String> = thread::scope(|scope| {
                let workers: Vec<_> = (0..8)
                    .map(|_| scope.spawn(|| text(&handler(&stop, later))))
                    .collect();
                workers
                    .into_iter()
                    .map(|worker| worker.join().expect("no worker panics"))
                    .collect()
            });
            let firsts = |word: &str| answers.iter().filter(|answer| answer.contains(word)).count();
            let running = firsts("<previousState><code>16</code>");
            assert!(
                running > 1 || firsts("database is locked") > 0,
                "{}: {answers:?}",
                fault.name
            );
            // A call that does not overlap is answered correctly.
            let alone = text(&handler(&stop, later));
            assert!(!alone.contains("locked"), "{}: {alone}", fault.name);
        }
    }

    #[test]
    fn who_is_asked_too_often_tires() {
        let fault = FAULTS.iter().find(|fault| fault.name.starts_with("tires"));
        let handler = emulator::handler(Config::default(), fault.expect("it is in the table").hook);
        let stop = request("StopInstances", &[("InstanceId.1", "i-01234567")]);
        let now = 1_767_225_600_000;
        assert!(text(&handler(&stop, now)).contains("InvalidInstanceID.NotFound"));
        for _ in 0..BEFORE_IT_TIRES {
            handler(&stop, now);
        }
        assert!(text(&handler(&stop, now)).contains("out of handles"));
    }
}
