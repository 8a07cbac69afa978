//! The ledger's answer -> one verdict an item.
//!
//! What the ledger appended is told by what the item was sealed as. What it had seen before is told by the stored record:
//!
//! | stored | the item | verdict |
//! |---|---|---|
//! | event | same claims | `duplicate` |
//! | event | other claims, or no event | `conflict` |
//! | dead letter | the same bytes | `dead_lettered` |
//! | dead letter | other bytes | `conflict` |
//! | refusal | whatever it is | `rejected`, with the stored code |
//! | gap, or a record of the server's own | whatever it is | `conflict` |
//! | an event whose payload is lost | whatever it is | `duplicate`: by number or id alone, there is nothing to compare |

use super::{Fate, Sealed, Standing};
use crate::verdict::{Dedup, ItemResult, Verdict};
use event::Damage;
use event::canonical::{System, claim_parts};
use event::code::Code;
use event::event::{Event, Rejection};
use event::ids::EventId;
use event::json::Value;
use event::record::{self, Record, same_claims};
use event::system::SystemKind;

/// What the ledger says of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Appended, at this index.
    Committed {
        /// Its position in the ledger.
        index: u64,
    },
    /// Nothing appended: the number or id is that of the record at this index.
    Seen {
        /// The position of the record of before.
        index: u64,
    },
}

/// Why no verdicts could be given. The records are as durable as the ledger said; the answers are not known.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettleError<E> {
    /// A stored record could not be fetched.
    #[error("record {index} could not be read back")]
    Unreadable {
        /// Its position.
        index: u64,
        /// Why.
        source: E,
    },
    /// A stored record is damaged.
    #[error("record {index} is damaged")]
    Damaged {
        /// Its position.
        index: u64,
        /// What is wrong with it.
        damage: Damage,
    },
    /// The ledger gave another number of answers than it was given records.
    #[error("{answers} answers for {records} records")]
    Unanswered {
        /// Records that were appended.
        records: usize,
        /// Answers to them.
        answers: usize,
    },
}

impl Sealed {
    /// The verdict of each item. `items` are those that were sealed; `answers` has one for each record; `stored` gives the
    /// payload of a record of before, or `None` where it is recorded as lost.
    ///
    /// # Errors
    /// When a record of before cannot be read, or the answers are not those of this request.
    pub fn settle<E>(
        &self,
        items: &[&[u8]],
        answers: &[Answer],
        stored: &mut dyn FnMut(u64) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Vec<ItemResult>, SettleError<E>> {
        let records = self.fates.iter().filter(|fate| matches!(fate, Fate::Record { .. })).count();
        if answers.len() != records || items.len() != self.fates.len() {
            return Err(SettleError::Unanswered { records, answers: answers.len() });
        }
        let mut answers = answers.iter().copied();
        let mut results = Vec::with_capacity(items.len());
        for (fate, raw) in self.fates.iter().zip(items) {
            let result = match fate {
                Fate::Rejected(rejection) => {
                    let verdict = Verdict::Rejected { rejection: rejection.clone(), index: None };
                    ItemResult { verdict, dedup: Dedup::Recognised }
                }
                Fate::Record { id, standing, dedup } => {
                    let verdict = match answers.next() {
                        Some(Answer::Committed { index }) => new_record(*id, standing, index),
                        Some(Answer::Seen { index }) => {
                            let payload = stored(index)
                                .map_err(|source| SettleError::Unreadable { index, source })?;
                            self.seen(*id, raw, index, payload.as_deref())
                                .map_err(|damage| SettleError::Damaged { index, damage })?
                        }
                        None => {
                            return Err(SettleError::Unanswered {
                                records,
                                answers: results.len(),
                            });
                        }
                    };
                    ItemResult { verdict, dedup: *dedup }
                }
            };
            results.push(result);
        }
        Ok(results)
    }

    /// The verdict of an item whose number or id stands at `index` already.
    fn seen(
        &self,
        id: EventId,
        raw: &[u8],
        index: u64,
        stored: Option<&[u8]>,
    ) -> Result<Verdict, Damage> {
        let Some(payload) = stored else { return Ok(Verdict::Duplicate { id, index }) };
        let stored = Record::decode(payload)?;
        let code = if self.stream.is_some() { Code::SeqConflict } else { Code::IdConflict };
        let conflict = Verdict::Conflict { code, index };
        if stored.stamps()?.system == System::No {
            let same = claims_equal(raw, &stored)?;
            return Ok(if same { Verdict::Duplicate { id, index } } else { conflict });
        }
        let own = stored.event()?;
        Ok(match own.schema.as_deref().and_then(SystemKind::of_schema) {
            Some(SystemKind::Refused) => {
                let (code, field) = stored_reason(&own);
                let hint = "refused when it was first sent; its number is taken";
                Verdict::Rejected {
                    rejection: Rejection::with_hint(code, field, hint),
                    index: Some(index),
                }
            }
            Some(SystemKind::DeadLetter) => {
                let kept = own.original.as_ref().map(|original| original.text.as_bytes());
                match own.id {
                    Some(id) if kept == Some(raw) => {
                        Verdict::DeadLettered { code: stored_reason(&own).0, id, index }
                    }
                    _ => conflict,
                }
            }
            _ => conflict,
        })
    }
}

fn new_record(id: EventId, standing: &Standing, index: u64) -> Verdict {
    match standing {
        Standing::Event => Verdict::Committed { id, index },
        Standing::DeadLetter(failed) => Verdict::DeadLettered { code: failed.code, id, index },
        Standing::Refused(rejection) => {
            Verdict::Rejected { rejection: rejection.clone(), index: Some(index) }
        }
    }
}

/// Whether `raw` is an event that claims what `stored` does.
fn claims_equal(raw: &[u8], stored: &Record<'_>) -> Result<bool, Damage> {
    let Ok(event) = Event::parse(raw) else { return Ok(false) };
    let mut payload = Vec::new();
    record::encode(&claim_parts(&event), 0, 0, &mut payload);
    Ok(same_claims(&Record::decode(&payload)?, stored))
}

/// The code and field in the attributes of a refusal or a dead letter.
fn stored_reason(own: &Event<'_>) -> (Code, String) {
    let attribute = |name: &str| {
        own.attrs.iter().find(|(key, _)| key == name).and_then(|(_, value)| Value::as_str(value))
    };
    // A code of a later version is still a refusal; which one it was stands in the record.
    let code = attribute("code").and_then(Code::parse).unwrap_or(Code::InvalidValue);
    (code, attribute("field").unwrap_or_default().to_owned())
}
