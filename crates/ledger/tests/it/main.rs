//! The ledger from outside, on the simulator's disk: seeds, deaths at every operation, and the
//! faults that seeds once found, each as a scenario of its own.

mod everywhere;
mod found;
mod full;
mod seeds;
