//! The decisions: who may do what on which events and fields. No IO.
//!
//! One rule so far: a key acts on its own tenant, within its scopes. Everything that answers a caller asks [`decide`]
//! first and carries the [`View`] it gives as far as the rows. A view can be narrowed by a row scope and by field masks;
//! `query` answers over such views, and no key is bound to one yet.
//!
//! INVARIANT (I8): whatever is not allowed by name is denied; there is no default that allows.
//!
//! What it refuses to do: look anything up. Who the caller is was settled before (`server::auth`); this crate is told.

mod decide; // the one rule
mod field; // the fields that policies speak of
mod mask; // which fields of them
mod model;
mod scope; // which rows
mod view; // what an allowed caller sees // who asks, and for what

/// The rules by which [`decide`] decides, as records of reads name them.
pub const VERSION: &str = "scopes/1";

pub use decide::{Decision, Denial, decide};
pub use field::Field;
pub use mask::{Mask, MaskKey, Masks};
pub use model::{Action, Principal, Scope, Scopes, UnknownScope};
pub use scope::{RowScope, RowTest, is_like};
pub use view::{Fields, Rows, View};
