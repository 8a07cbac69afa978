//! The relay: numbers what was committed, sends it in order, takes away what is settled.
//!
//! ```text
//! table --number, synced--> table --one request--> server --results--> table without them
//! ```
//!
//! Promises: killed at any moment, or its future dropped, it loses nothing and the next one stores nothing twice: the
//! numbers are in the table before they are sent, and what is sent again is answered `duplicate`. One relay works at a
//! time; two at once, should the database end the lock of one, do no harm. Refuses to give up an event, and
//! to start a task: the caller does.

use std::fmt;
use std::time::Duration;

use event::ids::Seq;
use indelible_client::verdict::{Settled, judge};
use indelible_client::{
    Batch, Body, Client, Connection, Error as ClientError, Form, Identity, Patience, ReceiptWish,
};
use sqlx::PgPool;

use crate::error::Error;
use crate::rows::{self, Due, Stream};

/// How often the table is looked at when it was empty.
const POLL: Duration = Duration::from_millis(200);
/// How long a relay pauses after a failure, and when another one works.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a delivery stands before it is tried again.
const STAND: Duration = Duration::from_secs(60);

/// Something that a person should hear of.
#[derive(Debug)]
#[non_exhaustive]
pub enum Trouble {
    /// The server took the number and did not keep the event as an event; it is in `indelible_outbox_refused`.
    NotKept {
        /// The number.
        seq: Seq,
        /// `rejected` or `dead_lettered` and the code.
        why: String,
    },
    /// A turn failed; it is done again.
    Failed(Error),
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The table is empty.
    Idle,
    /// Another relay works.
    Busy,
    /// So many events were settled.
    Moved(usize),
}

type OnTrouble = Box<dyn Fn(&Trouble) + Send + Sync>;

/// Empties the outbox of one database into one ledger.
pub struct Relay {
    pool: PgPool,
    client: Client,
    poll: Duration,
    on_trouble: Option<OnTrouble>,
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("client", &self.client).finish_non_exhaustive()
    }
}

impl Relay {
    /// A relay from `pool` to the server of `connection`; nothing is done yet.
    ///
    /// # Errors
    /// `Client` with `Setup` if the address or the token cannot be used, or if the pool has room for one connection only:
    /// a relay works on two.
    pub fn new(pool: PgPool, connection: &Connection) -> Result<Relay, Error> {
        if pool.options().get_max_connections() < 2 {
            return Err(Error::Client(ClientError::Setup {
                what: "the pool of the relay has room for one connection".to_owned(),
                hint: "give the pool at least two: `PgPoolOptions::max_connections`",
            }));
        }
        let client = Client::new(connection)?;
        Ok(Relay { pool, client, poll: POLL, on_trouble: None })
    }

    /// How often the table is looked at when it was empty; 200 ms unless it is set.
    #[must_use]
    pub fn poll_every(self, poll: Duration) -> Relay {
        Relay { poll, ..self }
    }

    /// Calls `told` with whatever a person should hear of.
    #[must_use]
    pub fn on_trouble(mut self, told: impl Fn(&Trouble) + Send + Sync + 'static) -> Relay {
        self.on_trouble = Some(Box::new(told));
        self
    }

    /// Moves events for ever. It ends when its future is dropped, at any moment.
    pub async fn run(&self) {
        loop {
            let pause = match self.turn().await {
                Ok(Turn::Moved(_)) => Duration::ZERO,
                Ok(Turn::Idle) => self.poll,
                Ok(Turn::Busy) => PAUSE,
                Err(error) => {
                    let stands = matches!(error, Error::Stands { .. } | Error::Table { .. });
                    self.tell(&Trouble::Failed(error));
                    if stands { STAND } else { PAUSE }
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Moves what one request can have.
    ///
    /// # Errors
    /// `Database`; `Client` if the server did not answer in time, and `Stands` if it would answer the same again. Nothing
    /// is lost by any of them: the events are in the table.
    pub async fn turn(&self) -> Result<Turn, Error> {
        if rows::is_empty(&self.pool).await? {
            return Ok(Turn::Idle);
        }
        let Some(lock) = rows::lock(&self.pool).await? else { return Ok(Turn::Busy) };
        let stream = rows::number(&self.pool).await?;
        let turn = match rows::due(&self.pool).await? {
            Some(due) => self.send(stream, due).await?,
            None => Turn::Idle,
        };
        lock.rollback().await?;
        Ok(turn)
    }

    /// Sends what is due and settles what was answered.
    async fn send(&self, stream: Stream, due: Due) -> Result<Turn, Error> {
        let (first, count) = (due.first, due.count);
        if cfg!(planted = "relay_settles_first") {
            rows::forget(&self.pool, &due).await?;
        }
        let client = self.client.clone();
        let sent = tokio::task::spawn_blocking(move || {
            let identity = Identity::Stream { instance: stream.instance, first: due.first };
            let body = Body { form: Form::Ndjson, bytes: &due.ndjson };
            let batch = Batch { body, identity, mapping: None, receipt: ReceiptWish::Unwanted };
            client.send(batch, Patience::SEND)
        });
        let stands = |why| Error::Stands { why };
        let sent = sent.await.map_err(|error| stands(format!("the request panicked: {error}")))?;
        let answer = sent.map_err(|error| match &error {
            ClientError::Unavailable { problem } if problem.expected.is_some() => stands(format!(
                "{error}; the server is another store or an older copy of it, or the database is: see `begin_anew`"
            )),
            _ if error.retryable() => Error::Client(error),
            _ => stands(error.to_string()),
        })?;
        let judged = judge((first, count), &answer.results, stream.last_index);
        rows::settle(&self.pool, &judged.verdicts).await?;
        for verdict in &judged.verdicts {
            if let Settled::NotKept(why) = &verdict.settled {
                self.tell(&Trouble::NotKept { seq: verdict.seq, why: why.clone() });
            }
        }
        match judged.stands {
            Some(why) => Err(Error::Stands { why }),
            None => Ok(Turn::Moved(judged.verdicts.len())),
        }
    }

    fn tell(&self, trouble: &Trouble) {
        if let Some(told) = &self.on_trouble {
            told(trouble);
        }
    }
}
