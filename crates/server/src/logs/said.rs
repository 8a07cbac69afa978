//! How often each known message was said: the figure behind `indelible_log_messages_total`.
//!
//! Promises: every message is there from the start, at zero. Refuses to know what is said.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use super::known::{KNOWN, UNLISTED};

/// The label of a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Id {
    id: &'static str,
}

/// The counts, shared by whoever holds a copy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said(Family<Id, Counter>);

impl Said {
    /// All at zero.
    pub(crate) fn new() -> Said {
        let said = Said::default();
        for id in KNOWN.iter().map(|known| known.id).chain([UNLISTED]) {
            let _count = said.0.get_or_create_owned(&Id { id });
        }
        said
    }

    /// Counts one line.
    pub(super) fn count(&self, id: &'static str) {
        self.0.get_or_create_owned(&Id { id }).inc();
    }

    /// The counts, for a scrape.
    pub(crate) fn family(&self) -> Family<Id, Counter> {
        self.0.clone()
    }
}
