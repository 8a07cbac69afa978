//! One budget for the bytes of all requests in flight: charged as they arrive, before they are parsed.
//!
//! INVARIANT (I10): what clients send takes at most this much memory. A client that sends slowly holds only what it has
//! sent. Refuses to queue for long: who finds no room within [`WAIT`] is told to come back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a request waits for room.
pub(crate) const WAIT: Duration = Duration::from_secs(2);
/// Bytes of one permit.
const UNIT_BYTES: u64 = 1024;

/// The budget.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    permits: Arc<Semaphore>,
    units: u64,
}

/// Bytes that were charged; given back when dropped.
#[derive(Debug)]
#[must_use = "dropping the charge gives its bytes back"]
pub(crate) struct Charge {
    permit: OwnedSemaphorePermit,
    bytes: u64,
}

/// The budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes in flight are used up")]
pub(crate) struct Full;

impl Budget {
    /// A budget of `bytes`.
    pub(crate) fn new(bytes: u64) -> Budget {
        let units = (bytes / UNIT_BYTES).clamp(1, u64::from(u32::MAX));
        let permits = usize::try_from(units).unwrap_or(Semaphore::MAX_PERMITS);
        Budget { permits: Arc::new(Semaphore::new(permits)), units }
    }

    /// Charges `bytes`, waiting for room.
    pub(crate) async fn charge(&self, bytes: u64) -> Result<Charge, Full> {
        let permit = self.acquire(bytes.div_ceil(UNIT_BYTES)).await?;
        Ok(Charge { permit, bytes })
    }

    /// Charges `bytes` more to `charge`. What is rounded up is the sum: many small pieces cost no more than one large.
    pub(crate) async fn grow(&self, charge: &mut Charge, bytes: u64) -> Result<(), Full> {
        let total = charge.bytes.saturating_add(bytes);
        let held = u64::try_from(charge.permit.num_permits()).unwrap_or(u64::MAX);
        let missing = total.div_ceil(UNIT_BYTES).saturating_sub(held);
        if missing > 0 {
            charge.permit.merge(self.acquire(missing).await?);
        }
        charge.bytes = total;
        Ok(())
    }

    async fn acquire(&self, units: u64) -> Result<OwnedSemaphorePermit, Full> {
        let units = u32::try_from(units).map_err(|_| Full)?;
        let acquired = Arc::clone(&self.permits).acquire_many_owned(units);
        match tokio::time::timeout(WAIT, acquired).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Full),
        }
    }

    /// Bytes charged at this moment.
    pub(crate) fn used(&self) -> u64 {
        let free = u64::try_from(self.permits.available_permits()).unwrap_or(0);
        self.units.saturating_sub(free) * UNIT_BYTES
    }
}

#[cfg(test)]
mod tests;
