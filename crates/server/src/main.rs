//! The one binary, `indelible`: reads the command line and hands over to the command.
//!
//! The rooms, upper floors first: `cli` (what a person types), `run` (the stages, in the order of an event's journey),
//! `http` (what a program sends), the stages' own rooms, and at the bottom `config`, `keyring`, `clock`. Nothing in this
//! crate is named by another.

mod cli; // what a person types
mod doctor; // beside a store: what a server needs
mod http; // what a program sends
mod repair; // offline: a damaged store, mended
mod support; // beside a store: what somebody who helps has to see
mod verify; // offline: what a store says, checked

mod run; // from start to stop

mod recovery; // from disk to open
mod store; // whose it is, who owns it

mod app; // what handlers share
mod archive; // hot rows to segments, and what follows
mod audit; // reads on record
mod intake; // the ledger thread
mod keeper; // what is due anyway
mod ship; // committed rows become queryable
mod stored; // records, in the log or in a segment

mod accounts; // counts that leave no record of their own
mod auth; // who is it
mod budget; // bytes in flight
mod built; // what this binary is
mod control; // tenants and API keys
mod disk_space; // room on the disk
mod failures; // reasons not to start, as exit codes
mod handout; // files for local clients
mod logs; // our own log
mod manifest; // what a stopped store consists of
mod measured; // the disk, timed
mod metrics; // our own figures
mod niceness; // who gives way
mod salts; // slots of salt blocks
mod scratch; // a folder for copies
mod signals; // what ends the server, what has it read again
mod systemd; // what the service manager is told
mod tenants; // tenants with their keys open

mod clock; // the one reader of time
mod config; // settings
mod keyring; // keys outside the data

/// Buffers of rows are made by one thread and let go by another all day long. With the system's allocator what was let go
/// stayed with the process: 880 MiB where 490 are in use (`docs/adr/0010-allocator.md`).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
