//! Reads the open questions of the specs files.

use super::super::Question;
use super::*;

/// The keys of a question.
const KEYS: &[&str] = &["id", "asks", "known", "closed", "clauses", "cases", "no-case"];

/// Reads open questions.
impl Reader<'_> {
    pub(super) fn question(&mut self, node: &Node) -> (Question, Range) {
        let table = self.table("question", node, KEYS);
        let no_case = table.get("no-case").map(|_| self.filled(&table, "no-case"));
        let cases = match (&no_case, table.get("cases")) {
            // A question that nothing settles says so; without a reason, a case is required.
            (Some(_), None) => Vec::new(),
            (Some(_), Some(node)) => {
                self.wrong(node.line, Mistake::CasesAndNone);
                Vec::new()
            }
            (None, _) => {
                let nodes = self.need_some(&table, "cases");
                self.mention_each("cases", nodes, MentionKind::Settles)
            }
        };
        let question = Question {
            id: self.filled(&table, "id"),
            asks: self.filled(&table, "asks"),
            known: self.filled(&table, "known"),
            closed: table.get("closed").is_some_and(|node| self.truth("closed", node)),
            clauses: self.clauses(&table, "clauses", MentionKind::Concerns),
            cases,
            no_case,
        };
        (question, Range::default())
    }
}
