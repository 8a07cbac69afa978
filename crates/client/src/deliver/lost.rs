//! Numbers whose events are lost: declared, so that the ledger says so and the stream goes on.
//!
//! Promises: what was lost on this machine is in the ledger as a gap of exactly these numbers, but for those that the
//! server has already; declared twice it is there once. Refuses to declare what can still be sent.

use event::ids::{ProducerId, Seq};

use super::{Miss, Sender};
use crate::error::Error;
use crate::spool::Delivered;
use crate::trouble::Trouble;
use crate::wire::Lost;

/// What the record of the gap says.
const REASON: &str = "the spool of the producer was damaged";

/// What the server says of a number.
#[derive(Debug, serde::Deserialize)]
struct Number {
    next: u64,
}

impl Sender {
    /// Declares the numbers `from..=to`.
    pub(super) fn declare(&mut self, from: Seq, to: Seq) -> Result<(), Miss> {
        let producer = self.producer()?;
        let instance = self.intake.look(|spool| spool.instance());
        let lost = Lost { from: from.0, to: to.0, reason: REASON.to_owned() };
        let next = match self.client.declare_lost(&producer, instance, &lost) {
            Ok(()) => to.0.saturating_add(1),
            Err(Error::Unavailable { problem }) if problem.expected.is_some() => {
                problem.expected.unwrap_or_default()
            }
            // The server has an event under the first number: it was sent before it was lost here.
            Err(Error::Refused { problem }) if problem.status == 409 => {
                let said = self.client.number(&producer, instance, from).map_err(miss)?;
                let said: Number = serde_json::from_slice(&said)
                    .map_err(|error| Miss::Stands(format!("the server's answer: {error}")))?;
                said.next
            }
            Err(error) => return Err(miss(error)),
        };
        if next < from.0 {
            return Err(self.forgot(Seq(next), from));
        }
        if next == from.0 {
            return Err(Miss::Stands(format!(
                "number {from} can be neither sent nor declared lost"
            )));
        }
        let settled = next.saturating_sub(1).min(to.0);
        let index = self.intake.look(|spool| spool.delivered().index);
        self.intake.report.count(|counters| counters.lost += settled - from.0 + 1);
        let told = Trouble::DeclaredLost { instance, from, to: Seq(settled) };
        self.intake.report.trouble(&told);
        self.intake.settle(Delivered { seq: settled, index }, [])?;
        Ok(())
    }

    /// The producer that the token speaks for.
    fn producer(&mut self) -> Result<ProducerId, Miss> {
        if let Some(producer) = &self.producer {
            return Ok(producer.clone());
        }
        let said = self.client.import_key().map_err(miss)?.producer;
        let producer = ProducerId::parse(&said);
        let producer = producer.map_err(|error| Miss::Stands(format!("the server: {error}")))?;
        self.producer = Some(producer.clone());
        Ok(producer)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is the end of the error")]
fn miss(error: Error) -> Miss {
    let why = error.to_string();
    if error.retryable() { Miss::Later { why, retry_after: None } } else { Miss::Stands(why) }
}
