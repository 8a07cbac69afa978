//! The archive as the ledger meets it: it takes records over in the normative order (packs, then
//! its own commit, which no crash here takes back, then its word to the ledger, then trim), tells
//! the watermarks again at each start, and notes where the log begins. What the log lets go before
//! the archive has it is a broken promise.

use event::ids::TenantId;
use ledger::{Reader, Writer};
use tlog::Index;

use super::World;

impl World {
    /// Archives some records of one tenant and trims the log. False if the writer is done for.
    pub(super) fn flush(&mut self, writer: &mut Writer, reader: &Reader) -> Result<bool, String> {
        let tenants = self.workload.tenants();
        let tenant = &tenants[self.random.place(tenants.len())];
        let (from, size) = (self.model.archive(tenant).watermark, self.model.size(tenant));
        let watermark = match self.random.below(3) {
            0 => from + self.random.below(size - from + 1),
            _ => size,
        };
        match reader.pack_to(tenant, Index(watermark)) {
            Ok(()) => {}
            // The flush is put off, as the real archive does: the entries are still in memory.
            Err(_) if self.disk.faults_met() > self.faults_before => return Ok(true),
            Err(error) => return Err(format!("I12: packing failed without a fault: {error}")),
        }
        self.model.commit(tenant, watermark);
        let all = self.random.one_in(2);
        for told in tenants.iter().filter(|told| all || *told == tenant) {
            self.tell(writer, told)?;
        }
        match writer.trim(self.workload.now()) {
            Ok(files) => {
                self.figures.trimmed += files;
                self.note_kept(reader)?;
                Ok(true)
            }
            Err(_) if self.disk.faults_met() > self.faults_before => Ok(false),
            Err(error) => Err(format!("I12: trimming failed without a fault: {error}")),
        }
    }

    /// What the archive's catalog says at a start.
    pub(super) fn watermarks(&self) -> Vec<(TenantId, Index)> {
        let watermark = |tenant: TenantId| {
            let watermark = self.model.archive(&tenant).watermark;
            (tenant, Index(watermark))
        };
        self.workload.tenants().into_iter().map(watermark).collect()
    }

    /// A new process is told what is archived.
    pub(super) fn tell_archived(&mut self, writer: &mut Writer) -> Result<(), String> {
        self.model.restart();
        for tenant in self.workload.tenants() {
            self.tell(writer, &tenant)?;
        }
        Ok(())
    }

    fn tell(&mut self, writer: &mut Writer, tenant: &TenantId) -> Result<(), String> {
        let watermark = Index(self.model.archive(tenant).watermark);
        writer
            .set_archived(tenant, watermark)
            .map_err(|error| format!("I6: `{tenant}` below {watermark} is not packed: {error}"))?;
        self.model.tell(tenant);
        Ok(())
    }

    /// Notes where each tenant's log begins.
    pub(super) fn note_kept(&mut self, reader: &Reader) -> Result<(), String> {
        for tenant in self.workload.tenants() {
            self.model.keep(&tenant, reader.first_kept(&tenant).0)?;
        }
        Ok(())
    }
}
