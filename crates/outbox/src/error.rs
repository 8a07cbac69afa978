//! What can go wrong between a database and a ledger.
//!
//! Promises: whose fault it is can be seen: the database's, the event's or the server's. Refuses to carry rows.

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed; of a transaction it is for the caller to roll it back.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The event breaks the format, or the server cannot be spoken to.
    #[error(transparent)]
    Client(#[from] indelible_client::Error),
    /// Sent again, the same would be answered the same: the events stay in the table.
    #[error("delivery stands: {why}")]
    Stands {
        /// What the server said.
        why: String,
    },
    /// What is in the table is not what was put there.
    #[error("the table `{table}` has {what}")]
    Table {
        /// Which one.
        table: &'static str,
        /// What it has that it must not have.
        what: String,
    },
}
