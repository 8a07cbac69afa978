//! The client against a server that is a few lines of TCP: it answers what a test says, or breaks off.
#![cfg(test)]

mod answers;
mod audits;
mod fake;
mod grpc;
mod layers;
mod ledger;
mod retries;
mod standing;
mod tails;
mod tasks;
mod watches;
mod witnesses;
