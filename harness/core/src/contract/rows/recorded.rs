//! Reads the recorded answers of the specs files: the instances, the call, and the answer.

use super::super::manual;
use super::super::recorded::{Framing, Grade, Moment, RecordedFixture, RecordedLook};
use super::*;

/// The keys of a recorded answer.
const KEYS: &[&str] = &[
    "name",
    "source",
    "grade",
    "framing",
    "when",
    "at",
    "note",
    "since",
    "until",
    "fixtures",
    "ids",
    "call",
    "status",
    "headers",
    "body",
    "seen",
    "elsewhere",
];

/// The keys of a description after the call.
const LOOK_KEYS: &[&str] = &["at", "state", "reason", "state-reason", "ip", "private-ip"];

/// Reads recorded answers.
impl Reader<'_> {
    pub(super) fn recorded(&mut self, node: &Node) -> (Recorded, Range) {
        let table = self.table("recorded", node, KEYS);
        let (fixtures, decoys) = self.recorded_ids(&table);
        let names: Vec<String> = fixtures.iter().map(|fixture| fixture.name.clone()).collect();
        let call = self.need(&table, "call").map(|node| {
            // Keys that describe a step, not a call, are not allowed here.
            let of_a_step = ["together", "witness", "control", "label", "same-as"];
            let keys = manual::CALL.iter().map(|key| key.name);
            let keys: Vec<&str> = keys.filter(|key| !of_a_step.contains(key)).collect();
            let table = self.table("call", node, &keys);
            self.call(&table, &names)
        });
        let source = self.filled(&table, "source");
        self.mentions.push(Mention {
            line: table.get("source").map_or(table.line, |node| node.line),
            kind: MentionKind::Source,
            name: source.clone(),
        });
        let mut some = |key| table.get(key).map(|_| self.filled(&table, key));
        let [when, note, elsewhere] = ["when", "note", "elsewhere"].map(&mut some);
        let recorded = Recorded {
            name: self.filled(&table, "name"),
            source,
            grade: self
                .need(&table, "grade")
                .and_then(|node| self.word("grade", node))
                .unwrap_or(Grade::C),
            framing: self
                .need(&table, "framing")
                .and_then(|node| self.word("framing", node))
                .unwrap_or(Framing::Quoted),
            when,
            at: table.get("at").and_then(|node| self.moment(node)),
            note,
            fixtures,
            decoys,
            call: call.unwrap_or_else(|| CallTemplate {
                action: None,
                params: Vec::new(),
                form: Form::default(),
            }),
            status: self
                .need(&table, "status")
                .and_then(|node| self.number("status", node, 100, 599))
                .unwrap_or(200),
            headers: table
                .get("headers")
                .map(|node| self.pairs("headers", node))
                .unwrap_or_default(),
            body: self.filled(&table, "body"),
            seen: self.looks(&table),
            elsewhere,
        };
        (recorded, self.range(&table))
    }

    /// Reads the descriptions after the call.
    fn looks(&mut self, table: &Table<'_>) -> Vec<RecordedLook> {
        let nodes = table.get("seen").map(|node| self.list("seen", node));
        let nodes = nodes.unwrap_or_default();
        nodes.iter().filter_map(|node| self.look(node)).collect()
    }

    fn look(&mut self, node: &Node) -> Option<RecordedLook> {
        let table = self.table("seen", node, LOOK_KEYS);
        let at = self.need(&table, "at").and_then(|node| self.moment(node));
        let state = self
            .need(&table, "state")
            .and_then(|node| self.word("state", node));
        let mut text = |key: &str| {
            table
                .get(key)
                .and_then(|node| self.text(key, node))
                .map(str::to_owned)
        };
        let reason = text("reason").unwrap_or_default();
        let [state_reason, public_ip, private_ip] = ["state-reason", "ip", "private-ip"].map(text);
        Some(RecordedLook {
            at: at?,
            state: state?,
            reason,
            state_reason,
            public_ip,
            private_ip,
        })
    }

    fn moment(&mut self, node: &Node) -> Option<Moment> {
        let text = self.text("at", node)?;
        let moment = Moment::parse(text);
        if moment.is_none() {
            self.wrong(
                node.line,
                Mistake::BadMoment {
                    text: text.to_owned(),
                },
            );
        }
        moment
    }

    /// Reads the instances with their recorded ids, and the ids that belong to no instance.
    fn recorded_ids(&mut self, table: &Table<'_>) -> (Vec<RecordedFixture>, Vec<(String, String)>) {
        let kinds = table
            .get("fixtures")
            .map(|node| self.fixtures(node))
            .unwrap_or_default();
        let ids = match table.get("ids") {
            Some(Node {
                value: Value::Table(ids),
                ..
            }) => ids.as_slice(),
            Some(node) => {
                self.wrong_type("ids", node, "a table");
                &[]
            }
            None => &[],
        };
        let mut decoys = Vec::new();
        for entry in ids {
            if kinds.iter().any(|(name, _)| *name == entry.key) {
                continue;
            }
            if !scenario::is_decoy(&entry.key) {
                let known = kinds.iter().map(|(name, _)| name.as_str());
                let known = known.chain(manual::DECOYS.iter().copied());
                self.wrong(entry.line, Mistake::unknown_word("fixture", &entry.key, known));
            }
            let id = self.text("ids", &entry.node).unwrap_or_default();
            decoys.push((entry.key.clone(), id.to_owned()));
        }
        let mut fixtures = Vec::new();
        for (name, kind) in kinds {
            let id = ids.iter().find(|entry| entry.key == name);
            if id.is_none() {
                self.wrong(table.line, Mistake::NoRecordedId { name: name.clone() });
            }
            let id = id.and_then(|entry| self.text("ids", &entry.node));
            let id = id.unwrap_or_default().to_owned();
            fixtures.push(RecordedFixture { name, kind, id });
        }
        (fixtures, decoys)
    }

    fn pairs(&mut self, key: &'static str, node: &Node) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for node in self.list(key, node) {
            if let Value::List(pair) = &node.value
                && let [name, value] = pair.as_slice()
                && let (Some(name), Some(value)) = (self.text(key, name), self.text(key, value))
            {
                pairs.push((name.to_owned(), value.to_owned()));
            } else {
                self.wrong_type(key, node, "a list of pairs of a name and a value");
            }
        }
        pairs
    }
}
