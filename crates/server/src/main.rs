//! The one binary, `indelible`: reads the command line and hands over to the command.
//!
//! The rooms, upper floors first: `cli` (what a person types), `run` (the stages, in the order of an event's journey),
//! `http` (what a program sends), the stages' own rooms, and at the bottom `config`, `keyring`, `clock`. Nothing in this
//! crate is named by another.

mod cli;
mod http;

mod auth;
mod budget;
mod control;
mod logs;
mod manifest;

mod clock;
mod config;
mod keyring;

fn main() -> std::process::ExitCode {
    cli::main()
}
