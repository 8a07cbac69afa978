//! A bank of one table, to be killed: every transfer that is committed is one event, and none that was rolled back is.
//!
//! ```text
//! transfers work <run>   writers that commit and roll back, and a relay beside them, until the process is killed
//! transfers drain        the relay alone, until nothing is left
//! ```
//!
//! `DATABASE_URL` names the database, `INDELIBLE_URL` and `INDELIBLE_TOKEN` the server. `cargo xtask outbox` kills it at
//! random moments and compares. It promises names that no other run uses; it refuses to look at what it has done.

use std::error::Error;
use std::path::Path;

use indelible_client::Connection;
use indelible_outbox::{Outbox, Relay, Turn};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

/// Who make transfers at once.
const WRITERS: u32 = 4;
/// One transfer in so many is rolled back.
const ROLLED_BACK: u64 = 4;
const TABLE: &str = "CREATE TABLE IF NOT EXISTS transfers (id text PRIMARY KEY)";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let pool = PgPoolOptions::new().max_connections(WRITERS + 2);
    let pool = pool.connect(&std::env::var("DATABASE_URL")?).await?;
    indelible_outbox::create(&pool).await?;
    sqlx::query(TABLE).execute(&pool).await?;
    let connection = Connection::find(Path::new("client.json"))?;
    let relay = Relay::new(pool.clone(), &connection)?;
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["work", run] => work(&pool, relay, run).await,
        ["drain"] => drain(&relay).await,
        _ => Err("usage: transfers work <run> | drain".into()),
    }
}

/// Writers and a relay, until the first of them fails.
async fn work(pool: &PgPool, relay: Relay, run: &str) -> Result<(), Box<dyn Error>> {
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        relay.run().await;
        Ok(())
    });
    for writer in 0..WRITERS {
        tasks.spawn(write(pool.clone(), format!("{run}-{writer}")));
    }
    match tasks.join_next().await {
        Some(ended) => Ok(ended??),
        None => Ok(()),
    }
}

/// One writer: transfer after transfer, some of them rolled back.
async fn write(pool: PgPool, name: String) -> Result<(), indelible_outbox::Error> {
    let outbox = Outbox::new("bank")?;
    for number in 0_u64.. {
        let id = format!("{name}-{number:08}");
        if cfg!(planted = "outbox_before") {
            enqueue_alone(&pool, &outbox, &id).await?;
        }
        let mut transaction = pool.begin().await?;
        let insert = sqlx::query("INSERT INTO transfers (id) VALUES ($1)").bind(id.as_str());
        insert.execute(&mut *transaction).await?;
        if !cfg!(any(planted = "outbox_before", planted = "outbox_after")) {
            let event = outbox.record("transfer.make").actor("ana@acme").target("transfer", &id);
            outbox.enqueue(&mut transaction, event.succeeded()).await?;
        }
        if number % ROLLED_BACK == 3 {
            transaction.rollback().await?;
            continue;
        }
        transaction.commit().await?;
        if cfg!(planted = "outbox_after") {
            enqueue_alone(&pool, &outbox, &id).await?;
        }
    }
    Ok(())
}

/// What must not be done: the event in a transaction that is not the one of its data.
async fn enqueue_alone(
    pool: &PgPool,
    outbox: &Outbox,
    id: &str,
) -> Result<(), indelible_outbox::Error> {
    let mut transaction = pool.begin().await?;
    let event = outbox.record("transfer.make").actor("ana@acme").target("transfer", id);
    outbox.enqueue(&mut transaction, event.succeeded()).await?;
    transaction.commit().await?;
    Ok(())
}

/// The relay, until nothing is left.
async fn drain(relay: &Relay) -> Result<(), Box<dyn Error>> {
    loop {
        match relay.turn().await? {
            Turn::Idle => return Ok(()),
            // The lock of a relay that was killed goes with its connection.
            Turn::Busy => tokio::task::yield_now().await,
            Turn::Moved(_) => {}
        }
    }
}
