//! The address to listen on, and who can reach it.
//!
//! Promises: an address that other machines can reach is spoken to without TLS only when the configuration says so in
//! words. Refuses to look a name up for the form alone: that is done where it is listened on.

use std::net::{SocketAddr, ToSocketAddrs};

use super::Plaintext;
use super::value::Wrong;

/// Why an address is not listened on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    /// It is no address.
    #[error("`{listen}` is no address to listen on")]
    NotAnAddress {
        /// As given.
        listen: String,
    },
    /// It can be reached from elsewhere, and there is no TLS.
    #[error(
        "`{listen}` can be reached from other machines, and without TLS tokens and events would travel in the clear"
    )]
    NotLoopback {
        /// As given.
        listen: String,
    },
}

impl AddressError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            AddressError::NotAnAddress { .. } => "give host and port, `127.0.0.1:7070`",
            AddressError::NotLoopback { .. } => {
                "listen on 127.0.0.1 or ::1, and put a proxy with TLS before it for other machines; where nobody can read on the way, say `server.plaintext = \"readable-by-the-network\"`"
            }
        }
    }
}

/// The form of an address: `host:port`.
pub(super) fn read(listen: &str) -> Result<(), Wrong> {
    let parts = listen.rsplit_once(':');
    let fits = parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    match fits {
        true => Ok(()),
        false => Err(Wrong {
            what: "must be an address, host and port".to_owned(),
            hint: "write host and port, \"127.0.0.1:7070\"; port 0 takes a free one".to_owned(),
        }),
    }
}

/// The address that `listen` is, if it may be listened on.
pub(crate) fn allowed(listen: &str, plaintext: Plaintext) -> Result<SocketAddr, AddressError> {
    let not_an_address = || AddressError::NotAnAddress { listen: listen.to_owned() };
    let found: Vec<SocketAddr> = listen.to_socket_addrs().map_err(|_| not_an_address())?.collect();
    let first = found.first().copied().ok_or_else(not_an_address)?;
    let is_local = found.iter().all(|address| address.ip().is_loopback());
    match is_local || plaintext == Plaintext::ReadableByTheNetwork {
        true => Ok(first),
        false => Err(AddressError::NotLoopback { listen: listen.to_owned() }),
    }
}
