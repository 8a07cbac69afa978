//! What processes that ended have left: sent by one that goes on.
//!
//! Promises: a spool that is free and has something left is taken when this process starts or at its next look, emptied under
//! its own instance, and let go. Refuses to try again at once where a delivery stands: the next look does.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::deliver::Sender;
use crate::intake::{Intake, Role};
use crate::retry::Patience;
use crate::spool::Spool;
use crate::spool::folder::Beside;
use crate::trouble::Trouble;
use crate::witness::Witness;

/// What the thread needs that adopts.
#[derive(Debug)]
pub(super) struct Adopting {
    pub(super) own: Arc<Intake>,
    pub(super) client: Client,
    pub(super) witness: Arc<Witness>,
    pub(super) patience: Patience,
}

impl Adopting {
    /// Sends what was found at the start, then looks again and again, until the end.
    pub(super) fn run(&self, found: Vec<Spool>, root: &Path, every: Duration) {
        found.into_iter().for_each(|spool| self.empty(spool));
        let mut beside = Beside::new(root);
        while self.own.pause_adopting(every) {
            if let Err(error) = self.look(&mut beside) {
                let (file, why) = (root.to_owned(), error.to_string());
                self.own.report.trouble(&Trouble::Disk { file, why });
            }
        }
    }

    /// Sends what is free and has something left.
    fn look(&self, beside: &mut Beside) -> std::io::Result<()> {
        for (folder, instance) in beside.folders()? {
            if self.own.is_stopped() {
                return Ok(());
            }
            let mut troubles = Vec::new();
            let adopted = beside.adopt((&folder, instance), &mut troubles);
            troubles.iter().for_each(|trouble| self.own.report.trouble(trouble));
            match adopted {
                Ok(Some(spool)) => self.empty(spool),
                Ok(None) => {}
                // Another process was faster: it made the folder, or removed it.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends what is in a spool; its lock goes with it, and the next process may have it.
    fn empty(&self, spool: Spool) {
        let report = Arc::clone(&self.own.report);
        let orphan = Arc::new(Intake::new(spool, Role::Adopted, report));
        let (client, witness) = (self.client.clone(), Arc::clone(&self.witness));
        let sender = Sender::new(Arc::clone(&orphan), client, self.patience, witness);
        self.own.beside(Some(orphan));
        sender.run();
        self.own.beside(None);
    }
}
