//! Events that commit with the data they are about, or not at all: a PostgreSQL table and the relay that empties it.
//!
//! ```no_run
//! # async fn pay(pool: sqlx::PgPool) -> Result<(), indelible_outbox::Error> {
//! let outbox = indelible_outbox::Outbox::new("billing-api")?;
//! let mut transaction = pool.begin().await?;
//! sqlx::query("UPDATE invoices SET paid = true WHERE id = 10021").execute(&mut *transaction).await?;
//! let event = outbox.record("invoice.pay").actor("ana@acme").target("invoice", "10021").succeeded();
//! outbox.enqueue(&mut transaction, event).await?;
//! transaction.commit().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Promises: an event is in the ledger exactly if the transaction that enqueued it was committed, and once, whatever is
//! killed and when; events of one transaction keep their order. Refuses to enqueue outside of a transaction: its type
//! does not allow it.
//!
//! ```text
//! enqueue          the event into the table, in the caller's transaction
//! relay            numbers what was committed, sends it, takes away what is settled
//! rows             the statements of the relay
//! schema           the tables
//! error            what can go wrong
//! ```

mod enqueue;
mod error;
mod relay;
mod rows;
mod schema;

pub use crate::enqueue::Outbox;
pub use crate::error::Error;
pub use crate::relay::{Relay, Trouble, Turn};
pub use crate::schema::{SCHEMA, begin_anew, create};
