//! The producer: sends events to Indelible and keeps what proves it.
//!
//! Today this is what the command line speaks HTTP through: one blocking call per question, and sending with retries.
//! The spool, and with it `record().send()`, comes with the producer work; so until then a caller keeps its events until
//! `send` has answered. Promises: a call ends by its deadline; it says whose fault a failure is, and whether the events
//! of a failed sending may be on disk all the same. Refuses to follow redirects or a proxy from the environment, and to
//! show its token to anything but this machine over plain HTTP.
//!
//! ```text
//! client                    the calls
//! send  import              a batch, tried again until it is answered; what only importers ask
//! tail                      events as they come
//! connection  exchange      where the server is; one request and its answer
//! retry  wire  error        when to try again; the shapes of JSON; what can go wrong
//! clock                     the one place with a clock, a random source and a wait
//! ```

mod client;
mod import;
mod send;
mod tail;

mod connection;
mod exchange;

mod clock;
mod error;
mod retry;
pub mod wire;

pub use crate::client::{Client, Page, ProofForm, Table, TableForm};
pub use crate::clock::{draw_event_id, draw_instance};
pub use crate::connection::{Connection, DATA_DIR, read_connection};
pub use crate::error::{Error, Fault};
pub use crate::retry::Patience;
pub use crate::send::{Batch, Body, Form, Identity, ReceiptWish};
pub use crate::tail::{Said, Tail};
