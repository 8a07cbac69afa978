//! What only importers ask: the key that they import under, what is in the ledger already, and gaps to declare.
//!
//! Promises: each call may be sent twice and changes nothing the second time. Refuses to read files: that is the
//! importer's.

use event::ids::{Instance, ProducerId};
use serde::Serialize;

use crate::client::{Again, Client};
use crate::error::Error;
use crate::exchange::{Method, Reply, Request};
use crate::retry::Patience;
use crate::wire::{ImportKeyAnswer, KnownAnswer, KnownQuestion, Lost};

const JSON: &str = "application/json";

impl Client {
    /// The import key of the token's producer, and that producer.
    ///
    /// # Errors
    /// Those of every call.
    pub fn import_key(&self) -> Result<ImportKeyAnswer, Error> {
        self.ask_typed("/v1/import-key")
    }

    /// Which records are in the ledger already, from elsewhere than the stream that is being imported.
    ///
    /// # Errors
    /// Those of every call.
    pub fn known(&self, question: &KnownQuestion) -> Result<KnownAnswer, Error> {
        let reply = self.post("/v1/import/known", question)?;
        self.typed(reply.status, &reply.body)
    }

    /// Declares numbers of a stream lost: one record stands for all of them. Declared a second time it is refused as a
    /// `sequence_gap` that names the number the stream goes on with.
    ///
    /// # Errors
    /// `Unavailable` at once, with `expected`, if `lost.from` is not the stream's next number; else those of every call.
    pub fn declare_lost(
        &self,
        producer: &ProducerId,
        instance: Instance,
        lost: &Lost,
    ) -> Result<(), Error> {
        self.post(&format!("/v1/streams/{producer}/{instance}/lost"), lost).map(|_| ())
    }

    fn post(&self, path: &str, what: &impl Serialize) -> Result<Reply, Error> {
        let body = serde_json::to_vec(what).map_err(|error| Error::Setup {
            what: format!("the request cannot be written as JSON: {error}"),
            hint: "report it: this is a bug of the client",
        })?;
        let headers = [("accept", JSON.to_owned()), ("content-type", JSON.to_owned())];
        let request = Request { method: Method::Post, path, headers: &headers, body: &body };
        self.call(request, Patience::ASK, Again::Safe)
    }
}
