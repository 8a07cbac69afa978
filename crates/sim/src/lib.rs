//! Development only: fake disk, model and seeds for the ledger.
