//! The producer: sends events to Indelible and keeps what proves it.
//!
//! [`Audit`] is what a service records with: events go to a spool on this machine's disk and from there to the server;
//! [`AuditLayer`] records the calls of a service as they pass.
//! [`Client`] is what the command line speaks HTTP through: one blocking call per question. Promises: what
//! [`Record::send`] says `Ok` to is delivered once, by this process or the next; a call ends by its deadline; it says whose
//! fault a failure is, and whether the events of a failed sending may be on disk all the same. Refuses to follow redirects
//! or a proxy from the environment, and to show its token to anything but this machine over plain HTTP.
//!
//! ```text
//! layer                     calls of a service recorded as they pass: `tower`, for axum and tonic
//! audit                     what a service records with: settings, events in the making, a recorder for tests
//! deliver                   the thread that sends: batches, retries, what was lost
//! intake                    the spool between the threads
//! witness                   the ledger looked at from outside: is it the one that was seen?
//! lane  promise             threads that block so that no task does; what they tell it
//! client                    the calls
//! send  import              a batch, tried again until it is answered; what only importers ask
//! tail                      events as they come
//! spool                     events on disk, numbered, until the server has them
//! connection  exchange      where the server is; one request and its answer
//! report  trouble  verdict  the numbers; what a person should hear of; what an answer says of numbers
//! retry  wire  error        when to try again; the shapes of JSON; what can go wrong
//! clock                     the one place with a clock, a random source and a wait
//! ```

mod layer;

mod audit;
mod deliver;
mod intake;

mod witness;

mod lane;
mod promise;

mod client;
mod import;
mod send;
mod tail;

mod spool;

mod connection;
mod exchange;

mod report;
mod trouble;
pub mod verdict;

mod clock;
mod error;
mod retry;
pub mod wire;

pub use crate::audit::recorder::{Expected, Recorder};
pub use crate::audit::{Actor, Audit, Commit, Committed, Record, Settings, Watch};
pub use crate::client::{Client, Page, ProofForm, Table, TableForm};
pub use crate::clock::{draw_event_id, draw_instance};
pub use crate::connection::{Connection, DATA_DIR, read_connection};
pub use crate::error::{Error, Fault};
pub use crate::layer::{AuditLayer, AuditService, Audited, AuditedBody, LayerSettings, Rule};
pub use crate::report::Counters;
pub use crate::retry::Patience;
pub use crate::send::{Batch, Body, Form, Identity, ReceiptWish};
pub use crate::tail::{Said, Tail};
pub use crate::trouble::{Damage, Trouble};
