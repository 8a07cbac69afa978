//! What a verification says: findings with their weight, facts, and how both are printed.
//!
//! Promises: damage is exit 10 whatever else was found; something unchecked is 11; the rest is 0. What comes from files is
//! printed without control characters.

use event::json::{Value, write_cj1};
use tlog::Hash;

/// Why nothing could be verified at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) fault: Fault,
    /// What happened: lower case, no full stop.
    pub(crate) what: String,
    /// What to do next.
    pub(crate) hint: &'static str,
}

/// Whose fault a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The arguments cannot be used.
    Caller,
    /// The disk refused.
    Disk,
}

impl Refusal {
    pub(crate) fn new(fault: Fault, what: impl Into<String>, hint: &'static str) -> Refusal {
        Refusal { fault, what: what.into(), hint }
    }
}

/// How a verification ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing is wrong, and everything was checked.
    Verified,
    /// Something could not be checked.
    Unchecked,
    /// Something is wrong.
    Failed,
}

/// How heavy a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Good to know; nothing follows.
    Note,
    /// Could not be checked.
    Unchecked,
    /// Wrong.
    Failed,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) weight: Weight,
    /// The file below the data directory, if it lies in one.
    pub(crate) file: Option<String>,
    /// Tenant, first index, one past the last index.
    pub(crate) records: Option<(String, u64, u64)>,
    /// What it is, with its place in words.
    pub(crate) what: String,
}

impl Finding {
    pub(crate) fn new(weight: Weight, what: impl Into<String>) -> Finding {
        Finding { weight, file: None, records: None, what: what.into() }
    }

    pub(crate) fn in_file(mut self, file: &str) -> Finding {
        self.file = Some(file.to_owned());
        self
    }

    pub(crate) fn of(mut self, tenant: &str, first: u64, end: u64) -> Finding {
        self.records = Some((tenant.to_owned(), first, end));
        self
    }
}

/// One tenant's ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TenantLine {
    pub(crate) tenant: String,
    pub(crate) size: u64,
    pub(crate) root: Hash,
    /// The size of its stored checkpoint.
    pub(crate) checkpoint: Option<u64>,
    /// Where the key of its checkpoints came from.
    pub(crate) key_source: String,
}

/// What was looked at and found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// What was verified, for the first line.
    pub(crate) subject: String,
    pub(crate) store: Option<String>,
    pub(crate) tenants: Vec<TenantLine>,
    pub(crate) records: u64,
    /// Records whose root was computed again from their payload.
    pub(crate) opened: u64,
    pub(crate) files: u64,
    pub(crate) milliseconds: u64,
    pub(crate) key_source: String,
    pub(crate) findings: Vec<Finding>,
}

impl Report {
    /// An empty report.
    pub(crate) fn new(subject: impl Into<String>) -> Report {
        Report {
            subject: subject.into(),
            store: None,
            tenants: Vec::new(),
            records: 0,
            opened: 0,
            files: 0,
            milliseconds: 0,
            key_source: String::new(),
            findings: Vec::new(),
        }
    }

    pub(crate) fn failed(&mut self, what: impl Into<String>) {
        self.findings.push(Finding::new(Weight::Failed, what));
    }

    pub(crate) fn unchecked(&mut self, what: impl Into<String>) {
        self.findings.push(Finding::new(Weight::Unchecked, what));
    }

    pub(crate) fn note(&mut self, what: impl Into<String>) {
        self.findings.push(Finding::new(Weight::Note, what));
    }

    /// How it ends: the heaviest finding decides.
    pub(crate) fn outcome(&self) -> Outcome {
        match self.findings.iter().map(|finding| finding.weight).max() {
            Some(Weight::Failed) => Outcome::Failed,
            Some(Weight::Unchecked) => Outcome::Unchecked,
            Some(Weight::Note) | None => Outcome::Verified,
        }
    }

    /// The report for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let seconds = self.milliseconds / 1000;
        let tenths = self.milliseconds % 1000 / 100;
        let mut lines = vec![format!(
            "{}: {} records in {} files, {seconds}.{tenths} s",
            self.subject, self.records, self.files
        )];
        for line in &self.tenants {
            let checkpoint = match line.checkpoint {
                Some(size) => format!("checkpoint at {size}, key {}", line.key_source),
                None => "no checkpoint was stored".to_owned(),
            };
            let TenantLine { tenant, size, root, .. } = line;
            lines.push(format!("tenant {tenant}: {size} records, root {root}, {checkpoint}"));
        }
        if self.records > 0 {
            lines
                .push(format!("roots computed from payloads: {} of {}", self.opened, self.records));
        }
        lines.push(format!("key: {}", self.key_source));
        for (weight, word) in
            [(Weight::Failed, "FAILED"), (Weight::Unchecked, "not checked"), (Weight::Note, "note")]
        {
            let of_weight = self.findings.iter().filter(|finding| finding.weight == weight);
            lines.extend(of_weight.map(|finding| format!("{word}: {}", finding.what)));
        }
        lines.push(format!("result: {}", self.outcome().as_str()));
        lines.iter().map(|line| printable(line)).collect()
    }

    /// The report for programs.
    pub(crate) fn to_json(&self) -> String {
        let text = |text: &str| Value::text(text.to_owned());
        let tenants = self.tenants.iter().map(|line| {
            let checkpoint = line.checkpoint.map_or(Value::Null, Value::integer);
            Value::object(vec![
                ("tenant".into(), text(&line.tenant)),
                ("size".into(), Value::integer(line.size)),
                ("root".into(), text(&line.root.to_string())),
                ("checkpoint_size".into(), checkpoint),
                ("key_source".into(), text(&line.key_source)),
            ])
        });
        let findings = self.findings.iter().map(|finding| {
            let weight = match finding.weight {
                Weight::Failed => "failed",
                Weight::Unchecked => "unchecked",
                Weight::Note => "note",
            };
            let mut members =
                vec![("weight".into(), text(weight)), ("what".into(), text(&finding.what))];
            if let Some(file) = &finding.file {
                members.push(("file".into(), text(file)));
            }
            if let Some((tenant, first, end)) = &finding.records {
                members.push(("tenant".into(), text(tenant)));
                members.push(("first_index".into(), Value::integer(*first)));
                members.push(("end_index".into(), Value::integer(*end)));
            }
            Value::object(members)
        });
        let value = Value::object(vec![
            ("result".into(), text(self.outcome().as_str())),
            ("exit".into(), Value::integer(self.outcome().code())),
            ("store".into(), self.store.as_deref().map_or(Value::Null, text)),
            ("tenants".into(), Value::Array(tenants.collect())),
            ("records".into(), Value::integer(self.records)),
            ("records_opened".into(), Value::integer(self.opened)),
            ("files".into(), Value::integer(self.files)),
            ("duration_ms".into(), Value::integer(self.milliseconds)),
            ("key_source".into(), text(&self.key_source)),
            ("findings".into(), Value::Array(findings.collect())),
        ]);
        let mut bytes = Vec::new();
        write_cj1(&value, &mut bytes);
        String::from_utf8(bytes).expect("texts write as UTF-8")
    }
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Outcome::Verified => "verified",
            Outcome::Unchecked => "could not be checked in full",
            Outcome::Failed => "FAILED",
        }
    }

    /// The exit code.
    fn code(self) -> u64 {
        match self {
            Outcome::Verified => 0,
            Outcome::Unchecked => 11,
            Outcome::Failed => 10,
        }
    }
}

/// The text without characters that a terminal would act upon.
pub(crate) fn printable(text: &str) -> String {
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
