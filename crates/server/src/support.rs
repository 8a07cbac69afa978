//! What somebody who helps has to see: version, findings of `doctor`, configuration, figures, names and sizes of files, and the
//! server's own log; nothing of an event, and no secret.
//!
//! ```text
//! gather     what is there, each as one text      gather.rs
//! redact     secrets out of every text            redact.rs
//! archive    one .tar.gz                          tar.rs
//! ```
//!
//! Promises: everything that leaves goes through [`redact::Redactor`], whatever it is; what is gathered says nothing of
//! events. Refuses to read a ledger, a segment or a key but to know what must not leave.

pub(crate) mod gather; // what is there
pub(crate) mod redact; // what must not leave
pub(crate) mod tar; // as one file

/// One text of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name in the bundle.
    pub(crate) name: &'static str,
    /// What it is, in words.
    pub(crate) what: &'static str,
    pub(crate) text: String,
}
