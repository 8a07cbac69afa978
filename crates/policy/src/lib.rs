//! The decisions: who may do what on which events and fields. No IO.
//!
//! One rule so far: a key acts on its own tenant, within its scopes. Everything that answers a caller asks [`decide`]
//! first and carries the [`View`] it gives as far as the rows, so that row scopes and field masks can join later behind
//! the same call without a change at its callers.
//!
//! INVARIANT (I8): whatever is not allowed by name is denied; there is no default that allows.
//!
//! What it refuses to do: look anything up. Who the caller is was settled before (`server::auth`); this crate is told.

mod decide; // the one rule
mod model; // who asks, and for what
mod view; // what an allowed caller sees

pub use decide::{Decision, Denial, decide};
pub use model::{Action, Principal, Scope, Scopes, UnknownScope};
pub use view::{Fields, Rows, View};
