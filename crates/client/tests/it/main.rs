//! The client against a server that is a few lines of TCP: it answers what a test says, or breaks off.
#![cfg(test)]

mod answers;
mod fake;
mod retries;
mod tails;
