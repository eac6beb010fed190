//! Whether overlapping calls fit an order: the search of Wing and Gong, with the memoization of Lowe.
//!
//! A call took effect at one moment between its beginning and its end. The search looks for an order of these moments in
//! which a step function accepts every answer, and collects the states in which such orders end. Each combination of
//! calls that have taken effect and the state they lead to is visited once.
//!
//! No crate does this. `todc-utils` 0.1.1, the only one that has the algorithm, starts from a state that is fixed in a
//! type, has neither calls without an end nor a budget, and does not say in which state an order ends.

use std::collections::HashSet;
use std::hash::Hash;

/// When a call began and ended, in ticks of a clock that counts both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallSpan {
    /// When it was sent.
    pub began: u64,
    /// When its answer came. A call without one may take effect at any later moment, or never.
    pub ended: Option<u64>,
}

/// The result of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Orders<S> {
    /// There are orders that explain every answer.
    Explained {
        /// The states in which they end, each once.
        finals: Vec<S>,
        /// Whether all orders were tried.
        is_complete: bool,
    },
    /// There is none.
    Unexplained,
    /// None was found before the budget was used up.
    OutOfBudget,
}

/// What the calls of a history do, one after another.
pub trait Effects<S> {
    /// The state after a call, given by its index, that takes effect in a state; `None` if its answer cannot come from
    /// that state.
    fn step(&mut self, call: usize, state: &S) -> Option<S>;

    /// Whether the answer of a call shows that it changes nothing, in whatever state it takes effect.
    fn only_reads(&self, call: usize) -> bool;
}

/// A part of an order: the calls that have taken effect, and the state that they lead to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct PartialOrder<S> {
    done: Vec<u64>,
    state: S,
}

impl<S> PartialOrder<S> {
    fn has(&self, call: usize) -> bool {
        self.done
            .get(call / 64)
            .is_some_and(|word| word & (1 << (call % 64)) != 0)
    }

    fn after(&self, call: usize, state: S) -> Self {
        let mut done = self.done.clone();
        if let Some(word) = done.get_mut(call / 64) {
            *word |= 1 << (call % 64);
        }
        PartialOrder { done, state }
    }
}

/// Searches for orders of calls that begin in the state `start`. At most `budget` partial orders are visited.
pub fn search<S: Clone + Eq + Hash>(
    calls: &[CallSpan],
    start: S,
    budget: usize,
    effects: &mut impl Effects<S>,
) -> Orders<S> {
    let first = PartialOrder {
        done: vec![0; calls.len().div_ceil(64)],
        state: start,
    };
    let mut finals = Vec::new();
    let mut seen = HashSet::from([first.clone()]);
    let mut open = vec![first];
    let mut visited = 0;
    while let Some(order) = open.pop() {
        visited += 1;
        if visited > budget {
            return match finals.is_empty() {
                true => Orders::OutOfBudget,
                false => Orders::Explained {
                    finals,
                    is_complete: false,
                },
            };
        }
        let mut left: Vec<usize> = (0..calls.len()).filter(|call| !order.has(*call)).collect();
        let span = |call: usize| calls.get(call).expect("an index of this list");
        // A call that began after another one had ended took effect later.
        let first_end = left.iter().filter_map(|call| span(*call).ended).min();
        if first_end.is_none() && !finals.contains(&order.state) {
            finals.push(order.state.clone());
        }
        left.retain(|call| first_end.is_none_or(|end| span(*call).began < end));
        // The call that ended first is tried first: most answers come in the order of their effects.
        left.sort_by_key(|call| std::cmp::Reverse(span(*call).ended.unwrap_or(u64::MAX)));
        let mut next = Vec::with_capacity(left.len());
        for call in left {
            let Some(state) = effects.step(call, &order.state) else {
                continue;
            };
            let after = order.after(call, state);
            // A call that fits here and never changes anything need not be tried later.
            if effects.only_reads(call) {
                next = vec![after];
                break;
            }
            next.push(after);
        }
        for after in next {
            if !seen.contains(&after) {
                seen.insert(after.clone());
                open.push(after);
            }
        }
    }
    match finals.is_empty() {
        true => Orders::Unexplained,
        false => Orders::Explained {
            finals,
            is_complete: true,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call of a register.
    #[derive(Debug, Clone, Copy)]
    enum Register {
        Write(u8),
        Read(u8),
    }

    fn span(began: u64, ended: u64) -> CallSpan {
        CallSpan {
            began,
            ended: Some(ended),
        }
    }

    /// The calls of a history, with the answers that came.
    struct Calls<'a>(&'a [(Register, CallSpan)]);

    impl Effects<u8> for Calls<'_> {
        fn step(&mut self, call: usize, value: &u8) -> Option<u8> {
            match self.0.get(call)?.0 {
                Register::Write(new) => Some(new),
                Register::Read(seen) => (seen == *value).then_some(seen),
            }
        }

        fn only_reads(&self, call: usize) -> bool {
            matches!(self.0.get(call), Some((Register::Read(_), _)))
        }
    }

    fn of(history: &[(Register, CallSpan)], budget: usize) -> Orders<u8> {
        let spans: Vec<CallSpan> = history.iter().map(|(_, span)| *span).collect();
        search(&spans, 0, budget, &mut Calls(history))
    }

    fn finals(history: &[(Register, CallSpan)]) -> Option<Vec<u8>> {
        match of(history, 10_000) {
            Orders::Explained {
                mut finals,
                is_complete: true,
            } => {
                finals.sort_unstable();
                Some(finals)
            }
            Orders::Unexplained => None,
            other @ (Orders::Explained { .. } | Orders::OutOfBudget) => {
                unreachable!("the budget is large enough: {other:?}")
            }
        }
    }

    #[test]
    fn a_read_that_overlaps_with_a_write_sees_either_value_and_a_later_one_the_new_value() {
        use Register::{Read, Write};
        let write = (Write(1), span(0, 10));
        assert_eq!(finals(&[write, (Read(0), span(5, 6))]), Some(vec![1]));
        assert_eq!(finals(&[write, (Read(1), span(5, 6))]), Some(vec![1]));
        assert_eq!(finals(&[write, (Read(0), span(11, 12))]), None);
        // The new value was seen, and after that the old one.
        let both = [write, (Read(1), span(2, 3)), (Read(0), span(4, 5))];
        assert_eq!(finals(&both), None);
    }

    #[test]
    fn writes_that_overlap_end_in_either_value() {
        use Register::Write;
        let both = [(Write(1), span(0, 10)), (Write(2), span(1, 9))];
        assert_eq!(finals(&both), Some(vec![1, 2]));
        let apart = [(Write(1), span(0, 1)), (Write(2), span(2, 3))];
        assert_eq!(finals(&apart), Some(vec![2]));
    }

    #[test]
    fn a_call_without_an_answer_may_take_effect_late_or_never() {
        use Register::{Read, Write};
        let unanswered = CallSpan {
            began: 0,
            ended: None,
        };
        let write = (Write(1), unanswered);
        assert_eq!(finals(&[write]), Some(vec![0, 1]));
        assert_eq!(finals(&[write, (Read(0), span(50, 51))]), Some(vec![0, 1]));
        assert_eq!(finals(&[write, (Read(1), span(50, 51))]), Some(vec![1]));
        assert_eq!(
            finals(&[write, (Read(1), span(50, 51)), (Read(0), span(52, 53))]),
            None
        );
    }

    #[test]
    fn a_search_that_runs_out_of_budget_is_no_proof() {
        use Register::{Read, Write};
        let mut history: Vec<_> = (1..=12).map(|value| (Write(value), span(0, 100))).collect();
        history.push((Read(99), span(0, 100)));
        assert_eq!(of(&history, 50), Orders::OutOfBudget);
        assert_eq!(of(&history, 1_000_000), Orders::Unexplained);
        history.pop();
        let found = of(&history, 50);
        assert!(
            matches!(
                found,
                Orders::Explained {
                    is_complete: false,
                    ..
                }
            ),
            "{found:?}"
        );
    }

    /// The search finds an order exactly if trying all of them does.
    #[test]
    fn it_agrees_with_trying_every_order() {
        use Register::{Read, Write};
        let mut random: u64 = 7;
        let mut below = |limit: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % limit
        };
        let (mut explained, mut unexplained) = (0, 0);
        for _ in 0..2_000 {
            let history: Vec<(Register, CallSpan)> = (0..5)
                .map(|_| {
                    let value = u8::try_from(below(3)).expect("it is small");
                    let call = if below(2) == 0 { Write(value) } else { Read(value) };
                    let began = below(12) * 2;
                    (call, span(began, began + 1 + 2 * below(5)))
                })
                .collect();
            let expected = by_trying_all(&history, &mut Vec::new(), 0);
            assert_eq!(finals(&history).is_some(), expected, "{history:?}");
            *(if expected {
                &mut explained
            } else {
                &mut unexplained
            }) += 1;
        }
        assert!(explained > 200 && unexplained > 200, "{explained} {unexplained}");
    }

    fn by_trying_all(history: &[(Register, CallSpan)], done: &mut Vec<usize>, value: u8) -> bool {
        if done.len() == history.len() {
            return true;
        }
        (0..history.len())
            .filter(|at| !done.contains(at))
            .collect::<Vec<_>>()
            .into_iter()
            .any(|at| {
                let Some((call, own)) = history.get(at).copied() else {
                    return false;
                };
                let comes_too_soon = history.iter().enumerate().any(|(other, (_, span))| {
                    !done.contains(&other) && span.ended.is_some_and(|ended| ended < own.began)
                });
                let next = match call {
                    Register::Write(new) => Some(new),
                    Register::Read(seen) => (seen == value).then_some(value),
                };
                let Some(next) = next.filter(|_| !comes_too_soon) else {
                    return false;
                };
                done.push(at);
                let found = by_trying_all(history, done, next);
                done.pop();
                found
            })
    }
}
