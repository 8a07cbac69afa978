//! What an allowed caller sees: one tenant, which of its rows, which of their fields.
//!
//! A view is made by [`crate::decide`] alone, and can be narrowed from there and never widened. Its two enumerations are
//! open on purpose: whoever reads rows must treat a row scope or mask that it does not know as a refusal, so that a
//! policy written later can never be read as "all".

use event::ids::{ProducerId, TenantId};

use crate::{Masks, RowScope};

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
    /// The rows for which every test holds.
    Scoped(RowScope),
}

/// Which fields of those rows are in view. INVARIANT (I8): an unknown variant is a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fields {
    /// Every field, nothing masked.
    All,
    /// Every field, some of them masked.
    Masked(Masks),
}

impl View {
    pub(crate) fn new(tenant: TenantId, rows: Rows) -> Self {
        Self { tenant, rows, fields: Fields::All }
    }

    /// This view with only the rows of `scope` left in it. A view of what a producer sent stays as it is: it is narrower
    /// than any scope can make it for those who read it.
    #[must_use]
    pub fn scoped(self, scope: RowScope) -> Self {
        let rows = match self.rows {
            Rows::All => Rows::Scoped(scope),
            Rows::Scoped(own) => Rows::Scoped(own.and(scope)),
            sent @ Rows::SentBy(_) => sent,
        };
        Self { rows, ..self }
    }

    /// This view with `masks` over what is seen of its rows.
    #[must_use]
    pub fn masked(self, masks: Masks) -> Self {
        let fields = match self.fields {
            Fields::All => Fields::Masked(masks),
            Fields::Masked(own) => Fields::Masked(own.and(masks)),
        };
        Self { fields, ..self }
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
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Whether the view is the whole tenant, nothing left out and nothing masked.
    pub fn is_whole_tenant(&self) -> bool {
        matches!((&self.rows, &self.fields), (Rows::All, Fields::All))
    }

    /// Whether a record of `producer` is in view whole; `None` is a record that no producer sent.
    ///
    /// INVARIANT (I8): a scope or a mask needs the record's fields, which are not asked here, so it admits nothing.
    pub fn admits(&self, producer: Option<&ProducerId>) -> bool {
        match (&self.rows, &self.fields) {
            (Rows::All, Fields::All) => true,
            (Rows::SentBy(own), Fields::All) => producer == Some(own),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
