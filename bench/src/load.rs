//! The load on our server: prepared bodies over kept connections, each answer checked.
//!
//! Bodies are made before the clock starts. An answer counts only if every event of its request was
//! committed; anything else ends the run with what the server said. A paced run counts latency from
//! the moment a request was due, so that a slow server cannot hide behind a slow sender.

use std::io;
use std::sync::Barrier;
use std::time::Duration;

use crate::clock::{self, Moment};
use crate::http::{Connection, Server};
use crate::names::generator;
use crate::report::{Latencies, Run};

/// What to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) seed: u64,
    /// Seconds after the first day that the events begin at.
    pub(crate) from: u64,
    pub(crate) connections: usize,
    /// Requests of each connection.
    pub(crate) requests: usize,
    /// Events of each request.
    pub(crate) batch: usize,
    pub(crate) shape: Shape,
}

/// How requests are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// NDJSON in a stream of the connection's own.
    Stream,
    /// One JSON event a request, known by its id.
    Single,
    /// As `Stream`, one request every so often on each connection.
    Paced(Duration),
    /// As `Paced`, asking for a receipt.
    Receipts(Duration),
}

impl Shape {
    /// How often a connection sends, if that is given.
    fn pace(self) -> Option<Duration> {
        match self {
            Shape::Paced(every) | Shape::Receipts(every) => Some(every),
            Shape::Stream | Shape::Single => None,
        }
    }
}

impl Load {
    fn events(&self) -> usize {
        self.connections * self.requests * self.batch
    }
}

/// Connections that one thread serves when requests are small: a thread each would cost the machine
/// more than the requests do.
const SINGLES_A_THREAD: usize = 16;

/// A connection and what it will send.
struct Sender {
    connection: usize,
    bodies: Vec<Vec<u8>>,
    door: Connection,
    due: Moment,
    began: Moment,
}

/// Sends the load and says how it went.
pub(crate) fn run(server: &Server, load: &Load) -> io::Result<Run> {
    let senders: io::Result<Vec<Sender>> =
        (0..load.connections).map(|at| Sender::open(server, load, at)).collect();
    let mut groups = Vec::new();
    let mut left = senders?;
    while !left.is_empty() {
        let size = if load.shape == Shape::Single { SINGLES_A_THREAD } else { 1 };
        let rest = left.split_off(size.min(left.len()));
        groups.push(std::mem::replace(&mut left, rest));
    }
    let start = Barrier::new(groups.len() + 1);
    std::thread::scope(|scope| {
        let start = &start;
        let threads: Vec<_> =
            groups.into_iter().map(|group| scope.spawn(move || send(load, group, start))).collect();
        start.wait();
        let began = clock::now();
        let mut latencies = Latencies::default();
        for thread in threads {
            let sent = thread.join().map_err(|_| io::Error::other("a sender panicked"))?;
            latencies.append(sent?);
        }
        Ok(Run { events: load.events(), seconds: began.elapsed().as_secs_f64(), latencies })
    })
}

/// The bodies of one connection, the same for one seed.
fn bodies(load: &Load, connection: usize) -> Vec<Vec<u8>> {
    let mut generator = generator(load.seed, connection, load.from);
    (0..load.requests).map(|_| generator.ndjson(load.batch)).collect()
}

impl Sender {
    fn open(server: &Server, load: &Load, connection: usize) -> io::Result<Self> {
        let (door, now) = (Connection::open(server)?, clock::now());
        Ok(Self { connection, bodies: bodies(load, connection), door, due: now, began: now })
    }

    /// Sends one request, at its time.
    fn send(&mut self, load: &Load, number: usize) -> io::Result<()> {
        self.began = self.wait(load.shape);
        let headers = headers(load, self.connection, number);
        let body = self.bodies.get(number).map(Vec::as_slice).unwrap_or_default();
        self.door.send("/v1/events", &headers, body)
    }

    /// The moment from which the next request counts: now, or when it was due.
    fn wait(&mut self, shape: Shape) -> Moment {
        let Some(every) = shape.pace() else { return clock::now() };
        let this = self.due;
        self.due = this.after(every);
        std::thread::sleep(this.until());
        this
    }

    fn answered(&mut self, load: &Load) -> io::Result<Duration> {
        let reply = self.door.reply()?;
        let latency = self.began.elapsed();
        check(load, reply.status, &reply.body)?;
        Ok(latency)
    }
}

/// Each connection of the group has one request on its way at a time.
fn send(load: &Load, mut group: Vec<Sender>, start: &Barrier) -> io::Result<Latencies> {
    start.wait();
    let now = clock::now();
    for sender in &mut group {
        sender.due = now.after(offset(load, sender.connection));
    }
    let mut latencies = Latencies::default();
    for number in 0..load.requests {
        for sender in &mut group {
            sender.send(load, number)?;
        }
        for sender in &mut group {
            latencies.push(sender.answered(load)?);
        }
    }
    Ok(latencies)
}

/// Paced connections begin one after the other, so that requests arrive evenly.
fn offset(load: &Load, connection: usize) -> Duration {
    let Some(every) = load.shape.pace() else { return Duration::ZERO };
    let part = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    every * part(connection) / part(load.connections)
}

fn headers(load: &Load, connection: usize, number: usize) -> String {
    let instance = format!("{:016x}{connection:016x}", load.seed);
    let seq = number * load.batch + 1;
    let stream = format!(
        "content-type: application/x-ndjson\r\nindelible-instance: {instance}\r\nindelible-seq: {seq}\r\n"
    );
    match load.shape {
        Shape::Single => "content-type: application/json\r\n".to_owned(),
        Shape::Stream | Shape::Paced(_) => stream,
        Shape::Receipts(_) => stream + "prefer: receipt\r\n",
    }
}

fn check(load: &Load, status: u16, body: &[u8]) -> io::Result<()> {
    let body = String::from_utf8_lossy(body);
    let committed = body.matches(r#""committed""#).count();
    if status == 200 && committed == load.batch {
        return Ok(());
    }
    let start: String = body.chars().take(300).collect();
    Err(io::Error::other(format!("{status} with {committed} of {} committed: {start}", load.batch)))
}
