//! The statements of the relay.
//!
//! ```text
//! lock    a transaction that lives as long as a turn: one relay at a time
//! number  one transaction, synced: numbers for what was committed since
//! due     what has a number, from the lowest on
//! settle  one transaction: what was not kept is set aside, all of it is taken away
//! ```
//!
//! Promises: a number is durable before it is sent (the transaction that gives it is synced whatever the database's
//! settings say), so that no crash can give it to another event. Refuses to give a number twice: the table has a unique
//! index over them.

use event::ids::{Instance, Seq};
use indelible_client::verdict::{Settled, Verdict};
use sqlx::{PgPool, Postgres, Row, Transaction};

use crate::error::Error;
use crate::schema;

/// Events of a request.
const EVENTS_MAX: i64 = 1000;
/// Bytes of a request; one event may have more alone.
const BYTES_MAX: i64 = 4 * 1024 * 1024;

/// The stream as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stream {
    pub(crate) instance: Instance,
    /// The index of the last record that was settled.
    pub(crate) last_index: Option<u64>,
}

/// What is sent next.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    pub(crate) first: Seq,
    pub(crate) count: usize,
    pub(crate) ndjson: Vec<u8>,
}

/// Whether anything is in the table: asked without writing, again and again.
pub(crate) async fn is_empty(pool: &PgPool) -> Result<bool, Error> {
    let ask = "SELECT NOT EXISTS (SELECT FROM indelible_outbox)";
    Ok(sqlx::query(ask).fetch_one(pool).await?.try_get(0)?)
}

/// A transaction that holds the relay's lock, unless another one does. It does nothing else, so that it keeps no row
/// version alive; the end of its process, or of its connection, ends it.
pub(crate) async fn lock(pool: &PgPool) -> Result<Option<Transaction<'static, Postgres>>, Error> {
    let mut transaction = pool.begin().await?;
    let ask = "SELECT pg_try_advisory_xact_lock('indelible_outbox'::regclass::oid::bigint)";
    let is_ours: bool = sqlx::query(ask).fetch_one(&mut *transaction).await?.try_get(0)?;
    Ok(is_ours.then_some(transaction))
}

/// Numbers what was committed since.
pub(crate) async fn number(pool: &PgPool) -> Result<Stream, Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("SET LOCAL synchronous_commit = on").execute(&mut *transaction).await?;
    let first = "INSERT INTO indelible_outbox_stream (instance) VALUES ($1) ON CONFLICT DO NOTHING";
    sqlx::query(first).bind(schema::drawn()?).execute(&mut *transaction).await?;
    let ask = "SELECT instance, next, last_index FROM indelible_outbox_stream FOR UPDATE";
    let row = sqlx::query(ask).fetch_one(&mut *transaction).await?;
    let next: i64 = row.try_get("next")?;
    let number = "UPDATE indelible_outbox SET seq = $1 + due.n - 1 FROM \
                  (SELECT position, row_number() OVER (ORDER BY position) AS n FROM \
                  (SELECT position FROM indelible_outbox WHERE seq IS NULL ORDER BY position LIMIT $2) AS new) AS due \
                  WHERE indelible_outbox.position = due.position";
    let numbered = sqlx::query(number).bind(next).bind(EVENTS_MAX).execute(&mut *transaction);
    let numbered = i64::try_from(numbered.await?.rows_affected()).unwrap_or(i64::MAX);
    let advance = "UPDATE indelible_outbox_stream SET next = $1";
    sqlx::query(advance).bind(next.saturating_add(numbered)).execute(&mut *transaction).await?;
    transaction.commit().await?;
    stream(&row)
}

fn stream(row: &sqlx::postgres::PgRow) -> Result<Stream, Error> {
    let instance: String = row.try_get("instance")?;
    let instance = Instance::parse(&instance).map_err(|_| Error::Table {
        table: "indelible_outbox_stream",
        what: format!("the instance `{instance}`, which is not 32 hexadecimal digits"),
    })?;
    let last_index: Option<i64> = row.try_get("last_index")?;
    Ok(Stream { instance, last_index: last_index.and_then(|index| u64::try_from(index).ok()) })
}

/// What has a number, from the lowest on, as much as a request may have.
pub(crate) async fn due(pool: &PgPool) -> Result<Option<Due>, Error> {
    let ask = "SELECT seq, event FROM (SELECT seq, event, \
               sum(octet_length(event) + 1) OVER (ORDER BY seq) AS bytes, row_number() OVER (ORDER BY seq) AS n FROM \
               (SELECT seq, event FROM indelible_outbox WHERE seq IS NOT NULL ORDER BY seq LIMIT $1) AS first) AS summed \
               WHERE bytes <= $2 OR n = 1 ORDER BY seq";
    let rows = sqlx::query(ask).bind(EVENTS_MAX).bind(BYTES_MAX).fetch_all(pool).await?;
    let mut due: Option<Due> = None;
    for row in rows {
        let (seq, event): (i64, String) = (row.try_get("seq")?, row.try_get("event")?);
        let seq = u64::try_from(seq).unwrap_or_default();
        let due = due.get_or_insert_with(|| Due { first: Seq(seq), count: 0, ndjson: Vec::new() });
        let expected = due.first.0 + u64::try_from(due.count).unwrap_or(u64::MAX);
        if seq != expected {
            let what = format!("number {seq} where {expected} is due");
            return Err(Error::Table { table: "indelible_outbox", what });
        }
        due.ndjson.extend_from_slice(event.as_bytes());
        due.ndjson.push(b'\n');
        due.count += 1;
    }
    Ok(due)
}

/// Takes away what is settled; what was not kept as an event is set aside with its reason.
pub(crate) async fn settle(pool: &PgPool, verdicts: &[Verdict]) -> Result<(), Error> {
    let Some(last) = verdicts.last() else { return Ok(()) };
    let mut transaction = pool.begin().await?;
    for verdict in verdicts {
        if let Settled::NotKept(why) = &verdict.settled {
            let aside = "INSERT INTO indelible_outbox_refused (seq, event, why) \
                         SELECT seq, event, $2 FROM indelible_outbox WHERE seq = $1";
            let aside = sqlx::query(aside).bind(signed(verdict.seq.0)).bind(why.as_str());
            aside.execute(&mut *transaction).await?;
        }
    }
    let gone = sqlx::query("DELETE FROM indelible_outbox WHERE seq <= $1").bind(signed(last.seq.0));
    gone.execute(&mut *transaction).await?;
    let index = "UPDATE indelible_outbox_stream SET last_index = greatest(last_index, $1)";
    sqlx::query(index).bind(signed(last.index)).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// Takes away what was not answered, which only a planted relay does.
pub(crate) async fn forget(pool: &PgPool, due: &Due) -> Result<(), Error> {
    let last = due.first.0 + u64::try_from(due.count).unwrap_or(u64::MAX);
    let gone = sqlx::query("DELETE FROM indelible_outbox WHERE seq < $1").bind(signed(last));
    gone.execute(pool).await?;
    Ok(())
}

/// A number as the database has it; a ledger's numbers are far below 2^63.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
