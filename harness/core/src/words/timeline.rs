//! Overlapping calls as a timeline: one line for each call, with a bar from its beginning to its end.

use super::{answer, few, plain};
use crate::journal::{BodySummary, Few, OverlappingCall};

/// The width of the bars, in columns.
const BARS: usize = 16;

/// The calls of a history, one line each, in the order in which they began.
pub fn timeline(calls: &Few<OverlappingCall>) -> Vec<String> {
    let began = calls.shown.iter().map(|call| call.interval.began);
    let ended = calls.shown.iter().filter_map(|call| call.interval.ended);
    let first = began.clone().min().unwrap_or_default();
    let last = began.chain(ended).max().unwrap_or_default();
    let width = last.saturating_sub(first).max(1);
    let column = |tick: u64| {
        let part = tick.saturating_sub(first).saturating_mul(BARS as u64 - 1) / width;
        usize::try_from(part).unwrap_or(BARS - 1).min(BARS - 1)
    };
    let mut lines: Vec<String> = calls
        .shown
        .iter()
        .map(|call| {
            let from = column(call.interval.began);
            let to = call.interval.ended.map_or(BARS - 1, column).max(from);
            let end = if call.interval.ended.is_some() { '|' } else { '>' };
            let bar: String = (0..BARS)
                .map(|at| match at {
                    at if at == to => end,
                    at if at == from => '|',
                    at if at > from && at < to => '-',
                    _ => ' ',
                })
                .collect();
            format!("{:>2} {bar} {}", call.interval.caller, call_text(call))
        })
        .collect();
    if calls.left_out > 0 {
        lines.push(format!("… and {} more", calls.left_out));
    }
    lines
}

/// A call and its answer in one line.
pub(super) fn call_text(call: &OverlappingCall) -> String {
    let action = plain(&call.action);
    let ids = || few(&call.ids, plain);
    match &call.answer {
        None => format!("{action} {}: not answered yet", ids()),
        Some(summary) => {
            let items = matches!(summary.body, BodySummary::Items { .. });
            match items {
                true => format!("{action}: {}", answer(summary)),
                false => format!("{action} {}: {}", ids(), answer(summary)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{AnswerSummary, CallInterval, Excerpt, StateChanged, StatePair};

    fn call(caller: usize, began: u64, ended: Option<u64>) -> OverlappingCall {
        OverlappingCall {
            interval: CallInterval { caller, began, ended },
            action: Excerpt::name("StopInstances"),
            ids: Few::from_iter([Excerpt::word("i-1")]),
            answer: ended.map(|_| AnswerSummary {
                status: 200,
                body: BodySummary::Items {
                    items: Few::from_iter([StateChanged {
                        id: Excerpt::word("i-1"),
                        states: StatePair {
                            previous: Excerpt::word("running"),
                            current: Excerpt::word("stopping"),
                        },
                    }]),
                },
            }),
        }
    }

    #[test]
    fn each_call_has_a_bar_from_its_beginning_to_its_end() {
        let calls = [
            call(1, 0, Some(3)),
            call(2, 1, Some(2)),
            call(3, 4, None),
            call(4, 5, Some(15)),
        ];
        let lines = timeline(&calls.into_iter().collect());
        assert_eq!(
            lines,
            [
                " 1 |--|             StopInstances: 200 [i-1: running → stopping]",
                " 2  ||              StopInstances: 200 [i-1: running → stopping]",
                " 3     |----------> StopInstances i-1: not answered yet",
                " 4      |---------| StopInstances: 200 [i-1: running → stopping]",
            ]
        );
    }

    #[test]
    fn numbers_from_a_journal_do_no_harm() {
        let calls = [call(usize::MAX, u64::MAX, Some(0)), call(0, 0, Some(u64::MAX))];
        assert_eq!(timeline(&calls.into_iter().collect()).len(), 2);
        assert!(timeline(&std::iter::empty().collect()).is_empty());
    }
}
