//! Receipts that somebody kept, against the store: whatever they prove must still be there.
//!
//! Promises: a receipt of this store whose checkpoint is larger than the tree, or has another root than the tree had at
//! that size, shows that records were cut off or rewritten. Refuses to compare events: that is `verify receipt`.

use std::path::Path;

use event::ids::TenantId;
use event::receipt::{Conclusion, Given, RECEIPT_BYTES_MAX, Receipt, Signed, verify};
use ledger::inspect::Inspection;
use tlog::checkpoint::Checkpoint;

use super::keys::{Trusted, read};
use super::report::{Fault, Finding, Refusal, Report, Weight};

/// Checks one receipt.
pub(crate) fn check(
    path: &Path,
    inspection: &Inspection,
    trusted: &Trusted,
    report: &mut Report,
) -> Result<(), Refusal> {
    let name = path.display().to_string();
    let bytes = u64::try_from(RECEIPT_BYTES_MAX).unwrap_or(u64::MAX);
    let file = read(path, bytes).map_err(|error| {
        let what = format!("receipt `{name}` cannot be read: {error}");
        Refusal::new(Fault::Caller, what, "give the file that `indelible receipt get -o F` wrote")
    })?;
    let origin = Receipt::parse(&file).map_or(String::new(), |receipt| receipt.origin.into_owned());
    let (keys, _) = trusted.of(&origin);
    let said = verify(&file, &Given { event: None, keys: &keys, stream: None });
    let mut wrong = |what: String| report.failed(format!("receipt `{name}`: {what}"));
    for finding in said.findings.iter().filter(|found| found.conclusion == Conclusion::Failed) {
        wrong(format!("{}: {}", finding.place, finding.what));
    }
    if said.is_damaged {
        return Ok(());
    }
    if said.signed == Signed::UnknownOrigin {
        report.unchecked(format!("receipt `{name}`: no key is known for `{origin}`"));
    }
    let tenant = inspection.store.as_ref().and_then(|(store, _)| {
        let tenant = TenantId::parse(origin.rsplit_once('/')?.1).ok()?;
        (tenant.origin(store) == origin).then_some(tenant)
    });
    let Some(tenant) = tenant else {
        report.unchecked(format!(
            "receipt `{name}` is of `{origin}`, which is no ledger of this store"
        ));
        return Ok(());
    };
    let checkpoint = Receipt::parse(&file)
        .ok()
        .and_then(|receipt| Checkpoint::read_unverified(&receipt.checkpoint).ok());
    if let Some(checkpoint) = checkpoint {
        report.findings.extend(against(&name, &tenant, (inspection, &checkpoint)));
    }
    Ok(())
}

/// The receipt's tree against the store's at the same size.
fn against(
    name: &str,
    tenant: &TenantId,
    (inspection, checkpoint): (&Inspection, &Checkpoint),
) -> Option<Finding> {
    let size = inspection.reader.head(tenant).size;
    let failed = |what: String| Some(Finding::new(Weight::Failed, what));
    if checkpoint.size > size {
        let what = format!(
            "receipt `{name}`: tenant `{tenant}` had {} records, and the store has {size}: records {size} to before {} are missing",
            checkpoint.size, checkpoint.size
        );
        return failed(what).map(|found| found.of(tenant.as_str(), size.0, checkpoint.size.0));
    }
    match inspection.reader.root_at(tenant, checkpoint.size) {
        Ok(root) if root == checkpoint.root => None,
        Ok(_) => {
            let what = format!(
                "receipt `{name}`: the first {} records of tenant `{tenant}` are not those of its checkpoint",
                checkpoint.size
            );
            failed(what).map(|found| found.of(tenant.as_str(), 0, checkpoint.size.0))
        }
        Err(error) => failed(format!("receipt `{name}`: {error}")),
    }
}
