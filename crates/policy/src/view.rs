//! What an allowed caller sees: one tenant, which of its rows, which of their fields.
//!
//! A view is made by [`crate::decide`] alone. Its two enumerations are open on purpose: whoever reads rows must treat a
//! row scope or mask that it does not know as a refusal, so that a policy written later can never be read as "all".

use event::ids::{ProducerId, TenantId};

/// What a caller may see. It can be widened by nobody; it is dropped with the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    tenant: TenantId,
    rows: Rows,
    fields: Fields,
}

/// Which rows of the tenant are in view. INVARIANT (I8): an unknown variant is a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rows {
    /// Every row.
    All,
    /// Only what this producer sent: enough to fetch its own receipts, not to query.
    SentBy(ProducerId),
}

/// Which fields of those rows are in view. INVARIANT (I8): an unknown variant is a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fields {
    /// Every field, nothing masked.
    All,
}

impl View {
    pub(crate) fn new(tenant: TenantId, rows: Rows) -> Self {
        Self { tenant, rows, fields: Fields::All }
    }

    /// The one tenant in view.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Which of its rows.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Which fields of them.
    pub fn fields(&self) -> Fields {
        self.fields
    }

    /// Whether a record of `producer` is in view; `None` is a record that no producer sent.
    pub fn admits(&self, producer: Option<&ProducerId>) -> bool {
        match &self.rows {
            Rows::All => true,
            Rows::SentBy(own) => producer == Some(own),
        }
    }
}
