//! What a verification found: for programs as values and JSON, for people as lines.
//!
//! Promises: three things are said of every event (logged as sent, added by the server, changed by a named step), and what
//! could not be said is said too. What comes from a receipt is printed without control characters. Refuses to print a
//! claim's value: differences are named by their pointers.

use std::fmt::Write as _;

use crate::ids::{Instance, Seq, Timestamp};
use crate::json::{self, Value};

/// How a verification ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// Every claim was compared and is equal, and no claim part is left over.
    Verified,
    /// The event that was given cannot be used.
    Unusable,
    /// A named step changed something, or an item was refused or kept without being accepted.
    Partly,
    /// Something is wrong.
    Failed,
    /// Something could not be checked.
    Unchecked,
}

impl Conclusion {
    /// The exit code: 0, 2, 6, 10 or 11.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Conclusion::Verified => 0,
            Conclusion::Unusable => 2,
            Conclusion::Partly => 6,
            Conclusion::Failed => 10,
            Conclusion::Unchecked => 11,
        }
    }

    /// One word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Conclusion::Verified => "verified",
            Conclusion::Unusable => "unusable",
            Conclusion::Partly => "partly",
            Conclusion::Failed => "failed",
            Conclusion::Unchecked => "unchecked",
        }
    }
}

/// One thing that is wrong or could not be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it leads to on its own.
    pub conclusion: Conclusion,
    /// Where: the receipt, its checkpoint, an index.
    pub place: String,
    /// What it is: lower case, no full stop.
    pub what: String,
}

impl Finding {
    pub(super) fn new(
        conclusion: Conclusion,
        place: impl Into<String>,
        what: impl Into<String>,
    ) -> Finding {
        Finding { conclusion, place: place.into(), what: what.into() }
    }

    /// Something that is wrong in the receipt alone.
    pub(super) fn damage(place: impl Into<String>, what: impl Into<String>) -> Finding {
        Finding::new(Conclusion::Failed, place, what)
    }
}

/// What is known of the signature on the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// A given key of the origin signed it, and no given key's signature is wrong.
    ByGivenKey,
    /// No given key has the origin's name.
    UnknownOrigin,
    /// It is not signed by the given key of its origin, or wrongly.
    Wrong,
    /// It was not looked at, since something else is wrong.
    NotChecked,
}

impl Signed {
    fn as_str(&self) -> &'static str {
        match self {
            Signed::ByGivenKey => "signed by a given key",
            Signed::UnknownOrigin => "no key is given for its origin",
            Signed::Wrong => "not signed by the given key",
            Signed::NotChecked => "signature not checked",
        }
    }
}

/// What is said of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every claim was compared and is equal.
    AsSent,
    /// No claim differs but in parts that a named step changed.
    Changed,
    /// A claim differs, is missing or was added, and no step is named for it.
    Different,
    /// Not every claim could be compared.
    Unproven,
    /// The item was refused and is not kept.
    RefusedNotKept,
    /// The item is kept as it was sent, but was not accepted.
    KeptNotAccepted,
}

impl Verdict {
    /// The verdict in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::AsSent => "yes",
            Verdict::Changed => "except where a named step changed it",
            Verdict::Different => "NO",
            Verdict::Unproven => "not proven",
            Verdict::RefusedNotKept => "refused, not kept",
            Verdict::KeptNotAccepted => "kept, not accepted",
        }
    }
}

/// Something that the server added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// Its name, or the pointer of a default.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A step and what it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByStep {
    /// Its name.
    pub step: String,
    /// Its version.
    pub version: String,
    /// The parts it is named for.
    pub parts: Vec<String>,
    /// Pointers of the members that differ in those parts.
    pub pointers: Vec<String>,
}

/// A part that is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// The part.
    pub part: String,
    /// The record that allows it, as the server says.
    pub by: Option<u64>,
}

/// What is said of one record and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventReport {
    /// Its index.
    pub index: u64,
    /// When the ledger took it.
    pub received_at: Timestamp,
    /// Its place in a stream, if part 8 is opened and names one.
    pub stream: Option<(Instance, Seq)>,
    /// Logged as sent?
    pub verdict: Verdict,
    /// How many claims were compared and are equal.
    pub equal: usize,
    /// Added by the server.
    pub added: Vec<Added>,
    /// Changed by a named step.
    pub steps: Vec<ByStep>,
    /// Not shown.
    pub withheld: Vec<Withheld>,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How it ends.
    pub conclusion: Conclusion,
    /// Whether something is wrong in the receipt alone, whatever event and keys were given.
    pub is_damaged: bool,
    /// The ledger; absent if the receipt could not be read.
    pub origin: Option<String>,
    /// The tree's size, and what is known of its signature.
    pub tree_size: Option<u64>,
    /// What is known of the signature.
    pub signed: Signed,
    /// Record by record, as far as they could be read.
    pub events: Vec<EventReport>,
    /// What is wrong or could not be checked.
    pub findings: Vec<Finding>,
    /// What a reader should know and no rule judges.
    pub remarks: Vec<String>,
}

impl Report {
    /// The report for people, line by line.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let (Some(origin), Some(size)) = (&self.origin, self.tree_size) {
            lines.push(format!("ledger {origin}, tree size {size}: {}", self.signed.as_str()));
        }
        for event in &self.events {
            event.lines(&mut lines);
        }
        for finding in &self.findings {
            let conclusion = finding.conclusion.as_str();
            lines.push(format!("{conclusion}: {}: {}", finding.place, finding.what));
        }
        lines.extend(self.remarks.iter().map(|remark| format!("note: {remark}")));
        lines.push(format!("result: {}", self.conclusion.as_str()));
        lines.iter().map(|line| printable(line)).collect()
    }

    /// The report for programs, one JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let findings = self.findings.iter().map(|finding| {
            Value::object(vec![
                ("conclusion".into(), Value::text(finding.conclusion.as_str())),
                ("place".into(), Value::text(finding.place.as_str())),
                ("what".into(), Value::text(finding.what.as_str())),
            ])
        });
        let remarks = self.remarks.iter().map(|remark| Value::text(remark.as_str()));
        let mut members = vec![
            ("conclusion".into(), Value::text(self.conclusion.as_str())),
            ("exit".into(), Value::integer(self.conclusion.code().into())),
            ("signature".into(), Value::text(self.signed.as_str())),
            ("events".into(), Value::Array(self.events.iter().map(EventReport::value).collect())),
            ("findings".into(), Value::Array(findings.collect())),
            ("remarks".into(), Value::Array(remarks.collect())),
        ];
        if let (Some(origin), Some(size)) = (&self.origin, self.tree_size) {
            members.push(("origin".into(), Value::text(origin.as_str())));
            members.push(("size".into(), Value::integer(size)));
        }
        let mut bytes = Vec::new();
        json::write_cj1(&Value::object(members), &mut bytes);
        String::from_utf8(bytes).expect("a value of texts writes as UTF-8")
    }
}

impl EventReport {
    fn lines(&self, lines: &mut Vec<String>) {
        let stream = match &self.stream {
            Some((instance, seq)) => format!("instance {instance} seq {seq}"),
            None => "no stream".to_owned(),
        };
        lines.push(format!("index {}: {stream}, received at {}", self.index, self.received_at));
        let equal = match self.equal {
            1 => "1 claim is equal".to_owned(),
            count => format!("{count} claims are equal"),
        };
        lines.push(format!("  logged as sent: {} ({equal})", self.verdict.as_str()));
        let added = self.added.iter().map(|added| format!("{}={}", added.name, added.value));
        lines.push(format!("  added by the server: {}", listed(added)));
        let steps = self.steps.iter().map(|step| {
            let mut text =
                format!("{} {} changed {}", step.step, step.version, step.parts.join(" "));
            if !step.pointers.is_empty() {
                write!(text, " at {}", step.pointers.join(" "))
                    .expect("a String takes every write");
            }
            text
        });
        lines.push(format!("  changed by a named step: {}", listed(steps)));
        for withheld in &self.withheld {
            let by = withheld.by.map(|by| format!(", by record {by} as the server says"));
            lines.push(format!("  withheld: {}{}", withheld.part, by.unwrap_or_default()));
        }
    }

    fn value(&self) -> Value<'_> {
        let texts = |texts: &[String]| {
            Value::Array(texts.iter().map(|text| Value::text(text.clone())).collect())
        };
        let added = self.added.iter().map(|added| {
            Value::object(vec![
                ("name".into(), Value::text(added.name.as_str())),
                ("value".into(), Value::text(added.value.as_str())),
            ])
        });
        let steps = self.steps.iter().map(|step| {
            Value::object(vec![
                ("step".into(), Value::text(step.step.as_str())),
                ("version".into(), Value::text(step.version.as_str())),
                ("parts".into(), texts(&step.parts)),
                ("differ".into(), texts(&step.pointers)),
            ])
        });
        let withheld = self.withheld.iter().map(|withheld| {
            let by = withheld.by.map(|by| ("by".into(), Value::integer(by)));
            let part = ("part".into(), Value::text(withheld.part.as_str()));
            Value::object(by.into_iter().chain([part]).collect())
        });
        let mut members = vec![
            ("index".into(), Value::integer(self.index)),
            ("received_at".into(), Value::text(self.received_at.to_string())),
            ("logged_as_sent".into(), Value::text(self.verdict.as_str())),
            ("claims_equal".into(), Value::integer(self.equal.try_into().unwrap_or(u64::MAX))),
            ("added".into(), Value::Array(added.collect())),
            ("steps".into(), Value::Array(steps.collect())),
            ("withheld".into(), Value::Array(withheld.collect())),
        ];
        if let Some((instance, seq)) = self.stream {
            members.push(("instance".into(), Value::text(instance.to_string())));
            members.push(("seq".into(), Value::integer(seq.0)));
        }
        Value::object(members)
    }
}

fn listed(texts: impl Iterator<Item = String>) -> String {
    let texts: Vec<String> = texts.collect();
    if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") }
}

/// The text without characters that a terminal would act upon.
fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}
