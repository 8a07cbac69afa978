//! A server that keeps streams as the true one does, behind faults: it speaks the answers of ingest and remembers what
//! it was sent.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tlog::checkpoint::Checkpoint;
use tlog::hash::leaf_hash;
use tlog::note::SigningKey;
use tlog::tile::TilePath;
use tlog::tree::CompactRange;
use tlog::{Hash, TreeSize};

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// 429 with `Retry-After: 0`; nothing is stored.
    TooMany,
    /// 503 with a problem; nothing is stored.
    Unavailable,
    /// 502 of something in between; nothing is stored.
    BadGateway,
    /// The connection ends before the request is read.
    ClosedAtOnce,
    /// The connection ends within the request.
    ClosedWithin,
    /// It is stored, and the connection ends before the answer.
    ResetAfterCommit,
    /// It is stored, and the answer ends half-way.
    HalfAnswer,
    /// It is stored, and the answer comes too late.
    TooSlow,
    /// Half of the items are stored, and the connection ends.
    HalfCommit,
    /// The server goes before the request is read and comes back at the same address, with what it had.
    Restart,
}

impl Fault {
    pub(crate) const ALL: [Fault; 11] = [
        Fault::None,
        Fault::TooMany,
        Fault::Unavailable,
        Fault::BadGateway,
        Fault::ClosedAtOnce,
        Fault::ClosedWithin,
        Fault::ResetAfterCommit,
        Fault::HalfAnswer,
        Fault::TooSlow,
        Fault::HalfCommit,
        Fault::Restart,
    ];
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    Event(String),
    Gap(u64),
}

/// What the server has.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By instance: the next number, and index and record of each that was taken.
    pub(crate) streams: BTreeMap<String, BTreeMap<u64, (u64, Kept)>>,
    size: u64,
    /// What goes wrong with the requests to come, the next one last.
    pub(crate) faults: Vec<Fault>,
    /// How many requests came.
    pub(crate) requests: u64,
    /// Numbers that were sent twice with other claims.
    pub(crate) conflicts: u64,
    /// How much slower than a try may be a slow answer is.
    slow: Duration,
    /// What is published of it, if anything is.
    pub(crate) log: Option<Log>,
}

/// A signed tree and its tiles.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub(crate) origin: String,
    seed: u8,
    leaves: Vec<Hash>,
}

impl Log {
    /// A log of `size` records under a key; from record `fork` on its records are others.
    pub(crate) fn new(origin: &str, seed: u8, size: u64, fork: u64) -> Log {
        let leaf = |index: u64| leaf_hash(format!("{} {index}", index >= fork).as_bytes());
        Log { origin: origin.to_owned(), seed, leaves: (0..size).map(leaf).collect() }
    }

    fn key(&self) -> SigningKey {
        SigningKey::new(&self.origin, [self.seed; 32]).unwrap()
    }

    /// Its key, as it is pinned.
    pub(crate) fn verifier(&self) -> String {
        self.key().verifier().to_string()
    }

    fn root(&self, of: std::ops::Range<usize>) -> Hash {
        let mut tree = CompactRange::new();
        tree.extend(self.leaves[of].iter().copied());
        tree.root()
    }

    /// Its signed checkpoint.
    pub(crate) fn checkpoint(&self) -> String {
        let size = TreeSize(u64::try_from(self.leaves.len()).unwrap());
        let root = self.root(0..self.leaves.len());
        Checkpoint { origin: self.origin.clone(), size, root }.sign(&self.key())
    }

    fn file(&self, path: &str) -> Option<Vec<u8>> {
        if path == "checkpoint" {
            return Some(self.checkpoint().into_bytes());
        }
        let TilePath::Hashes { level, index, width } = TilePath::parse(path)? else { return None };
        let leaves = 1_usize << (level * 8);
        let first = usize::try_from(index).unwrap() * 256;
        let nodes = first..first + usize::from(width);
        let mut bytes = Vec::new();
        for node in nodes {
            let of = node * leaves..(node + 1) * leaves;
            if of.end > self.leaves.len() {
                return None;
            }
            bytes.extend_from_slice(&self.root(of).0);
        }
        Some(bytes)
    }
}

impl Ledger {
    fn next(&self, instance: &str) -> u64 {
        let last = self.streams.get(instance).and_then(|stream| stream.last_key_value());
        last.map_or(1, |(seq, (_, kept))| match kept {
            Kept::Event(_) => seq + 1,
            Kept::Gap(to) => to + 1,
        })
    }

    fn keep(&mut self, instance: &str, seq: u64, kept: Kept) -> u64 {
        let index = self.size;
        self.size += 1;
        let stream = self.streams.entry(instance.to_owned()).or_default();
        assert!(stream.insert(seq, (index, kept)).is_none(), "a number is taken once");
        index
    }

    /// Stores the items of a batch; the answer's body.
    fn ingest(&mut self, instance: &str, first: u64, items: &[&str]) -> Result<String, u64> {
        if first > self.next(instance) {
            return Err(self.next(instance));
        }
        let mut results = Vec::new();
        for (seq, item) in (first..).zip(items) {
            let id = format!("00000000-0000-8000-8000-{seq:012x}");
            let known = self.streams.get(instance).and_then(|stream| stream.get(&seq)).cloned();
            results.push(match known {
                Some((index, Kept::Event(event))) if event == *item => {
                    format!(r#"{{"status":"duplicate","id":"{id}","index":{index}}}"#)
                }
                Some((index, _)) => {
                    self.conflicts += 1;
                    format!(r#"{{"status":"conflict","code":"seq_conflict","index":{index}}}"#)
                }
                None => {
                    let index = self.keep(instance, seq, Kept::Event((*item).to_owned()));
                    format!(r#"{{"status":"committed","id":"{id}","index":{index}}}"#)
                }
            });
        }
        Ok(format!(r#"{{"tenant":"default","results":[{}]}}"#, results.join(",")))
    }

    /// Every event of every stream, in the order of its numbers.
    pub(crate) fn events(&self) -> Vec<String> {
        let kept = self.streams.values().flat_map(BTreeMap::values);
        kept.filter_map(|(_, kept)| match kept {
            Kept::Event(event) => Some(event.clone()),
            Kept::Gap(_) => None,
        })
        .collect()
    }

    /// Every gap, by first number and last.
    pub(crate) fn gaps(&self) -> Vec<(u64, u64)> {
        let kept = self.streams.values().flatten();
        kept.filter_map(|(seq, (_, kept))| match kept {
            Kept::Gap(to) => Some((*seq, *to)),
            Kept::Event(_) => None,
        })
        .collect()
    }
}

/// A running server. It ends with the test.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
}

impl Server {
    /// Starts on a free port; a slow answer comes `slow` late.
    pub(crate) fn start(slow: Duration) -> Server {
        let mut listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}");
        let ledger = Arc::new(Mutex::new(Ledger { slow, ..Ledger::default() }));
        let shared = Arc::clone(&ledger);
        std::thread::spawn(move || {
            loop {
                let (connection, _) = listener.accept().unwrap();
                let fault = {
                    let mut ledger = shared.lock().unwrap();
                    ledger.requests += 1;
                    ledger.faults.pop().unwrap_or(Fault::None)
                };
                if fault == Fault::Restart {
                    drop((connection, listener));
                    listener = TcpListener::bind(address).unwrap();
                    continue;
                }
                let ledger = Arc::clone(&shared);
                std::thread::spawn(move || serve(connection, fault, &ledger));
            }
        });
        Server { url, ledger }
    }

    /// Says what goes wrong, in order, from the next request on.
    pub(crate) fn faults(&self, faults: &[Fault]) {
        self.ledger.lock().unwrap().faults = faults.iter().rev().copied().collect();
    }
}

/// One connection with one request.
fn serve(mut connection: TcpStream, fault: Fault, ledger: &Mutex<Ledger>) {
    if fault == Fault::ClosedAtOnce {
        return;
    }
    if fault == Fault::ClosedWithin {
        let _ = connection.read(&mut [0; 64]);
        return;
    }
    let Some((head, body)) = request(&mut connection) else { return };
    let problem = |code: &str| format!(r#"{{"title":"no","code":"{code}","retryable":true}}"#);
    let (status, answer) = match fault {
        Fault::TooMany => {
            ("429 Too Many Requests\r\nretry-after: 0", problem("rate_limited").into())
        }
        Fault::Unavailable => ("503 Service Unavailable", problem("stopping").into()),
        Fault::BadGateway => ("502 Bad Gateway", b"<html>".to_vec()),
        _ => answer(&head, &body, fault, &mut ledger.lock().unwrap()),
    };
    let length = answer.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    let text = [head.into_bytes(), answer].concat();
    match fault {
        Fault::ResetAfterCommit | Fault::HalfCommit => return,
        Fault::HalfAnswer => {
            let _ = connection.write_all(&text[..text.len() - length / 2 - 1]);
            let _ = connection.shutdown(Shutdown::Write);
            return;
        }
        Fault::TooSlow => {
            let slow = ledger.lock().unwrap().slow;
            // Until the client has gone, or long enough that it must have.
            connection.set_read_timeout(Some(slow)).unwrap();
            let _ = connection.read(&mut [0; 1]);
        }
        _ => {}
    }
    let _ = connection.write_all(&text);
}

/// What the server does, and says.
fn answer(head: &str, body: &str, fault: Fault, ledger: &mut Ledger) -> (&'static str, Vec<u8>) {
    let path = head.split(' ').nth(1).unwrap().to_owned();
    if let Some(file) = path.strip_prefix("/t/default/") {
        return match ledger.log.as_ref().and_then(|log| log.file(file)) {
            Some(bytes) => ("200 OK", bytes),
            None => ("404 Not Found", b"<html>".to_vec()),
        };
    }
    let (status, text) = said(&path, head, body, fault, ledger);
    (status, text.into_bytes())
}

/// What it says as JSON.
fn said(
    path: &str,
    head: &str,
    body: &str,
    fault: Fault,
    ledger: &mut Ledger,
) -> (&'static str, String) {
    if path == "/v1/import-key" {
        return ("200 OK", r#"{"producer":"web","import_key":"AA=="}"#.to_owned());
    }
    if let Some(instance) = path.strip_prefix("/v1/streams/web/") {
        return stream(instance, body, ledger);
    }
    let header = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap()
    };
    let (instance, first) = (header("indelible-instance"), header("indelible-seq"));
    let mut items: Vec<&str> = body.lines().collect();
    if fault == Fault::HalfCommit {
        items.truncate(items.len() / 2);
    }
    match ledger.ingest(instance, first.parse().unwrap(), &items) {
        Ok(answer) => ("200 OK", answer),
        Err(expected) => gap(expected),
    }
}

/// A declaration of a gap, or a question for a number.
fn stream(path: &str, body: &str, ledger: &mut Ledger) -> (&'static str, String) {
    let (instance, what) = path.split_once('/').unwrap();
    let next = ledger.next(instance);
    if what != "lost" {
        return ("200 OK", format!(r#"{{"status":"event","next":{next}}}"#));
    }
    let lost: serde_json::Value = serde_json::from_str(body).unwrap();
    let (from, to) = (lost["from"].as_u64().unwrap(), lost["to"].as_u64().unwrap());
    if from > next {
        return gap(next);
    }
    if from < next {
        let text = r#"{"title":"taken","code":"seq_conflict","retryable":false}"#;
        return ("409 Conflict", text.to_owned());
    }
    let index = ledger.keep(instance, from, Kept::Gap(to));
    ("200 OK", format!(r#"{{"status":"gap","index":{index},"from":{from},"to":{to}}}"#))
}

fn gap(expected: u64) -> (&'static str, String) {
    let text = r#"{"title":"gap","code":"sequence_gap","retryable":true,"expected":"#;
    ("409 Conflict", format!("{text}{expected}}}"))
}

/// Head (in lower case) and body of a request; `None` if the client went away.
fn request(connection: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                let body = String::from_utf8(bytes[end + 4..].to_vec()).unwrap();
                return Some((head, body));
            }
        }
        match connection.read(&mut buffer) {
            Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
            _ => return None,
        }
    }
}
