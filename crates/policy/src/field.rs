//! The fields of an event that a policy can speak of, by the names that SQL shows them under.
//!
//! Left out on purpose: `id`, `index`, `received_at`, `occurred_at`, `instance` and `seq`, which are the public frame
//! that receipts, proofs and streams hang on.

use std::fmt;

/// Declares the fields once: the variants, their names and the list of all.
macro_rules! fields {
    ($($variant:ident $name:literal),+ $(,)?) => {
        /// A field of an event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is the field that its name says; `DESCRIBE events` explains them")]
        pub enum Field { $($variant),+ }

        impl Field {
            /// Every field.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name in SQL, in search and in the stored form of a policy.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

fields! {
    Schema "schema", Action "action", Kind "kind", Outcome "outcome", OutcomeCode "outcome_code", Reason "reason",
    Severity "severity", Delivery "delivery", ActorId "actor_id", ActorKind "actor_kind", ActorName "actor_name",
    ActorEmail "actor_email", OnBehalfOf "on_behalf_of", Targets "targets", Service "service", Host "host",
    IpClaimed "ip_claimed", IpPeer "ip_peer", UserAgent "user_agent", Country "country", SessionId "session_id",
    RequestId "request_id", TraceId "trace_id", OperationId "operation_id", Decision "decision", Producer "producer",
    Changes "changes", Attrs "attrs", Original "original",
}

impl Field {
    /// The field of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.as_str() == name)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
