//! The tables, as a migration has them.
//!
//! ```text
//! indelible_outbox          one row an event, from its transaction until the ledger has it
//!   position                the order of the inserts
//!   event                   the event on one line of JSON, with its id
//!   seq                     its number in the stream, once the relay has given it one; never changed afterwards
//! indelible_outbox_stream   one row: the stream
//!   instance                its name, drawn once
//!   next                    the number that the next event gets
//!   last_index              the index of the last record that was settled
//! indelible_outbox_refused  events that the server took a number for and did not keep as events
//! ```
//!
//! Promises: what is there already stays. Refuses names of other tables: two outboxes in one database are two schemas,
//! chosen by `search_path`.

use indelible_client::draw_instance;
use sqlx::PgPool;

use crate::error::Error;

/// The tables, for a migration of the caller's.
pub const SCHEMA: &str = "\
CREATE TABLE IF NOT EXISTS indelible_outbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event    text NOT NULL,
    seq      bigint
);
CREATE UNIQUE INDEX IF NOT EXISTS indelible_outbox_seq ON indelible_outbox (seq) WHERE seq IS NOT NULL;
CREATE INDEX IF NOT EXISTS indelible_outbox_new ON indelible_outbox (position) WHERE seq IS NULL;
CREATE TABLE IF NOT EXISTS indelible_outbox_stream (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    instance   text NOT NULL,
    next       bigint NOT NULL DEFAULT 1,
    last_index bigint
);
CREATE TABLE IF NOT EXISTS indelible_outbox_refused (
    seq   bigint NOT NULL,
    event text NOT NULL,
    why   text NOT NULL,
    at    timestamptz NOT NULL DEFAULT now()
);
";

/// Makes the tables that are not there.
///
/// # Errors
/// `Database`.
pub async fn create(pool: &PgPool) -> Result<(), Error> {
    let mut transaction = pool.begin().await?;
    // Two at once would both find nothing and one of them fail.
    sqlx::query("SELECT pg_advisory_xact_lock(7303014481690)").execute(&mut *transaction).await?;
    sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// Gives the outbox a new stream, and every event that is not delivered a new number in it. For a database that was
/// restored from a backup, since the server has records for the numbers that it would use again; its relays must not run.
/// What the server had of these events already is known by their ids, as long as it remembers ids.
///
/// # Errors
/// `Database`; `Client` if the operating system gives no random bytes.
pub async fn begin_anew(pool: &PgPool) -> Result<(), Error> {
    let mut transaction = pool.begin().await?;
    let anew = "UPDATE indelible_outbox_stream SET instance = $1, next = 1, last_index = NULL";
    sqlx::query(anew).bind(drawn()?).execute(&mut *transaction).await?;
    let unnumbered = "UPDATE indelible_outbox SET seq = NULL WHERE seq IS NOT NULL";
    sqlx::query(unnumbered).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// A name for a stream.
pub(crate) fn drawn() -> Result<String, Error> {
    let instance = draw_instance().map_err(|error| indelible_client::Error::Setup {
        what: format!("no name can be drawn: {error}"),
        hint: "see why the operating system gives no random bytes",
    })?;
    Ok(instance.to_string())
}
