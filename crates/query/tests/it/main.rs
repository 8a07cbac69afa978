//! The query engine over hand-made tenants: golden statements, limits, the barrier, output.
#![cfg(test)]

mod barrier; // hidden rows tell nothing
mod golden; // statements and answers in files
mod limits; // each limit at and past
mod output; // the forms of an answer
mod seal; // nothing leaves unrecorded
mod search; // searches, as they are and as SQL
mod world; // tenants to ask
