//! The event into the table, in the caller's transaction.
//!
//! Promises: what breaks the format is refused before the database hears of it; an event has its id from here on.
//! Refuses to commit: that is the caller's, and decides over both.

use event::ids::EventId;
use indelible_client::{Audit, Record};
use sqlx::{Postgres, Transaction};

use crate::error::Error;

/// Makes events for the outbox of a database.
#[derive(Debug, Clone)]
pub struct Outbox {
    audit: Audit,
}

impl Outbox {
    /// Makes events of the service `name`.
    ///
    /// # Errors
    /// `Client` with `Setup` if `name` is no name of a service.
    pub fn new(name: &str) -> Result<Outbox, Error> {
        Ok(Outbox { audit: Audit::elsewhere(name)? })
    }

    /// An event in the making.
    pub fn record(&self, action: &str) -> Record {
        self.audit.record(action)
    }

    /// Puts the event into the table; it is delivered if the transaction is committed, and never was if it is not. Its id.
    ///
    /// # Errors
    /// `Client` with `Invalid` if it breaks the format, and then the transaction is as it was; `Database`, and then it can
    /// only be rolled back.
    pub async fn enqueue(
        &self,
        transaction: &mut Transaction<'_, Postgres>,
        event: Record,
    ) -> Result<EventId, Error> {
        let (id, json) = event.into_json()?;
        let json = String::from_utf8_lossy(&json);
        let insert = "INSERT INTO indelible_outbox (event) VALUES ($1)";
        sqlx::query(insert).bind(json.as_ref()).execute(&mut **transaction).await?;
        Ok(id)
    }
}
