//! A server of a few lines: one connection a request, one act for each, in order.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use indelible_client::{Client, Connection, Patience};

/// Bytes of a request that is read.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// What the server does with a connection.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Reads the request and writes these bytes.
    Answer(String),
    /// Reads the request and closes.
    CloseAfterRequest,
    /// Reads the request, promises 100 bytes, sends 10, and closes its half.
    HalfAnswer,
    /// Reads the request and says nothing while the client waits.
    Silence,
    /// Closes before anything is read.
    CloseAtOnce,
}

/// A running server; what it was sent comes back from `requests`.
pub(crate) struct Fake {
    pub(crate) url: String,
    requests: Receiver<String>,
    thread: JoinHandle<()>,
}

impl Fake {
    /// Starts on a free port, with one act per connection.
    pub(crate) fn start(acts: Vec<Act>) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = sync_channel(64);
        let thread = std::thread::spawn(move || {
            let mut silent = Vec::new();
            for act in acts {
                let (mut connection, _) = listener.accept().unwrap();
                if matches!(act, Act::CloseAtOnce) {
                    continue;
                }
                sender.send(read_request(&mut connection)).unwrap();
                silent.extend(perform(act, connection));
            }
        });
        Fake { url, requests, thread }
    }

    /// A client of it.
    pub(crate) fn client(&self) -> Client {
        Client::new(&connection(&self.url)).unwrap()
    }

    /// Every request, once the last act is done.
    pub(crate) fn finish(self) -> Vec<String> {
        self.thread.join().unwrap();
        self.requests.iter().collect()
    }
}

/// A connection to `url` with a token.
pub(crate) fn connection(url: &str) -> Connection {
    Connection {
        url: url.to_owned(),
        token: "ind_aaaaaaaa_secret".to_owned(),
        tenant: "default".to_owned(),
        checkpoint_keys: Vec::new(),
    }
}

/// Quick enough for a test, long enough that nothing passes by being slow.
pub(crate) const QUICK: Patience =
    Patience { total_ms: 5_000, retry_ms: 5_000, try_ms: 5_000, pause_ms: 1 };

/// An answer with a JSON body.
pub(crate) fn json(status: &str, headers: &str, body: &str) -> Act {
    let length = body.len();
    Act::Answer(format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\
         {headers}\r\n{body}"
    ))
}

/// A problem document.
pub(crate) fn problem(status: &str, headers: &str, code: &str, retryable: &str) -> Act {
    let body = format!(r#"{{"title":"no","code":"{code}","hint":"do","retryable":{retryable}}}"#);
    json(status, headers, &body)
}

/// Does it; gives the connection back if it must stay open.
fn perform(act: Act, mut connection: TcpStream) -> Option<TcpStream> {
    match act {
        Act::Answer(text) => connection.write_all(text.as_bytes()).unwrap(),
        Act::HalfAnswer => {
            connection
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n0123456789")
                .unwrap();
            connection.shutdown(Shutdown::Write).unwrap();
        }
        Act::Silence => return Some(connection),
        Act::CloseAfterRequest | Act::CloseAtOnce => {}
    }
    None
}

/// The whole request as text.
fn read_request(connection: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while bytes.len() < REQUEST_BYTES_MAX && !is_whole(&bytes) {
        let count = connection.read(&mut buffer).unwrap();
        assert_ne!(count, 0, "the client went away inside its request");
        bytes.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(bytes).unwrap()
}

/// Whether the head and as much body as it announces are there.
fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}
