//! The keeper: what is due whether or not anything arrives.
//!
//! ```text
//! every 250 ms   a zero-filled log file is kept ready
//! every second   the ledger thread looks after packs, checkpoints, snapshots; reads that are over get their `read.end`
//! every minute   open counts become `accounting` records
//! ```
//!
//! Promises: counts that could not be recorded stay open. Refuses to hold anybody up: it runs beside everything else.

use std::sync::Arc;
use std::time::Duration;

use event::system;
use tokio::time::MissedTickBehavior;

use crate::app::App;
use crate::audit;

/// Time between two looks.
const TICK: Duration = Duration::from_millis(250);
/// Ticks of a second.
const TICKS_A_SECOND: u64 = 4;
/// Ticks of a minute.
const TICKS_A_MINUTE: u64 = 240;

/// Runs until it is aborted.
pub(crate) async fn run(app: Arc<App>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut spares = Spares::Made;
    for tick in 1_u64.. {
        interval.tick().await;
        spares = fill_spare(&app, spares).await;
        if tick.is_multiple_of(TICKS_A_SECOND) {
            app.intake.tick();
            audit::settle(&app).await;
        }
        if tick.is_multiple_of(TICKS_A_MINUTE) {
            account(&app).await;
        }
    }
}

/// INVARIANT (I7): makes records of the open counts.
pub(crate) async fn account(app: &App) {
    for ((tenant, producer), counts) in app.accounts.take() {
        let Some(open) = app.tenants.find(&tenant) else { continue };
        let record = system::accounting(&tenant, app.draw_id(), &producer, counts);
        if let Err(error) = app.record(&open, &[record]).await {
            tracing::warn!(%error, tenant = %tenant, "counts stay open");
            app.accounts.add((tenant, producer), counts);
        }
    }
}

/// How the last attempt to make a spare log file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spares {
    Made,
    Refused,
}

/// Makes a spare log file on a thread that may wait for the disk. A disk that stays full is said once.
async fn fill_spare(app: &App, before: Spares) -> Spares {
    let reader = app.reader.clone();
    let filled = tokio::task::spawn_blocking(move || reader.fill_spare()).await;
    match (filled, before) {
        (Ok(Err(error)), Spares::Made) => {
            tracing::warn!(%error, "a spare log file could not be made");
            Spares::Refused
        }
        (Ok(Err(_)), Spares::Refused) => Spares::Refused,
        (Ok(Ok(())) | Err(_), _) => Spares::Made,
    }
}
