//! The binary from the outside: every test here starts the real `indelible` and looks only at what a user can see.
//!
//! One file a topic; `harness` starts and stops servers. No test sleeps to wait for something, shares a port or retries.
#![cfg(test)]

mod harness;

mod archive;
mod audit;
mod cli;
mod commands;
mod config;
mod crash;
mod demo;
mod guides;
mod help;
mod hostile;
mod http;
mod import;
mod limits;
mod logs;
mod metrics;
mod producer;
mod repair;
mod search;
mod serve;
mod service;
mod tail;
mod upgrade;
mod verify;

// The event formats again, where every feature of the workspace is turned on: the bytes must still be the same.
#[path = "../../../event/tests/it/vectors.rs"]
mod event_vectors;
