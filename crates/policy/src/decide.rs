//! The one rule: a key acts on its own tenant, within its scopes.
//!
//! Two lines go beyond it, both in [`decide`]: an admin key of the tenant `system` administers every tenant, since acts
//! that belong to no tenant are its purpose; and a producer may ask what became of what it sent. Neither opens another
//! tenant's events: there is no key that reads two tenants.

use crate::model::{Action, Principal, Scope};
use crate::view::{Rows, View};
use event::ids::TenantId;

/// The reserved tenant whose admin keys administer every tenant.
const SYSTEM_TENANT: &str = "system";

/// The answer to a question about a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Yes, and this is what the caller sees.
    Allow(View),
    /// No, and why; it is told to the caller, so it says nothing about what exists.
    Deny {
        /// Why not.
        reason: Denial,
    },
}

impl Decision {
    /// The view, or the reason against it.
    pub fn into_view(self) -> Result<View, Denial> {
        match self {
            Self::Allow(view) => Ok(view),
            Self::Deny { reason } => Err(reason),
        }
    }
}

/// Why something is not allowed. The texts go to callers: they name the key's own limits and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The key belongs to another tenant. It is the same answer whether the tenant exists or not.
    #[error("this key belongs to another tenant")]
    OtherTenant,
    /// The key lacks a scope.
    #[error("this key lacks the scope `{scope}`")]
    MissingScope {
        /// The scope that would allow it.
        scope: Scope,
    },
    /// The key has the scope to write and names no producer to write as.
    #[error("this key names no producer to write as")]
    NoProducer,
    /// The record was sent by another producer, and the key has no scope to read.
    #[error("this key may fetch only what its own producer sent")]
    OtherProducer,
}

/// Whether `principal` may do `action` on `tenant`, and with what view.
pub fn decide(principal: &Principal, action: Action<'_>, tenant: &TenantId) -> Decision {
    match judge(principal, action, tenant) {
        Ok(rows) => Decision::Allow(View::new(tenant.clone(), rows)),
        Err(reason) => Decision::Deny { reason },
    }
}

fn judge(principal: &Principal, action: Action<'_>, tenant: &TenantId) -> Result<Rows, Denial> {
    let administers_all = action == Action::Admin && principal.tenant.as_str() == SYSTEM_TENANT;
    if principal.tenant != *tenant && !administers_all {
        return Err(Denial::OtherTenant);
    }
    let need = |scope| match principal.scopes.allow(scope) {
        true => Ok(Rows::All),
        false => Err(Denial::MissingScope { scope }),
    };
    match action {
        Action::Write => {
            need(Scope::Write)?;
            let own = principal.producer.clone().ok_or(Denial::NoProducer)?;
            Ok(Rows::SentBy(own))
        }
        Action::Read => need(Scope::Read),
        Action::LogRead => need(Scope::LogRead),
        Action::Admin => need(Scope::Admin),
        Action::ReadSent { producer } => need(Scope::Read).or_else(|_| {
            need(Scope::Write)?;
            match &principal.producer {
                Some(own) if own == producer => Ok(Rows::SentBy(own.clone())),
                _ => Err(Denial::OtherProducer),
            }
        }),
    }
}

#[cfg(test)]
mod tests;
