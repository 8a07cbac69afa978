//! The load on our server: prepared bodies over kept connections, each answer checked.
//!
//! Bodies are made before the clock starts. An answer counts only if every event of its request was
//! committed; anything else ends the run with what the server said. A paced run counts latency from
//! the moment a request was due, so that a slow server cannot hide behind a slow sender.

use std::io;
use std::sync::Barrier;
use std::time::Duration;

use crate::clock::{self, Moment};
use crate::generate::Generator;
use crate::http::{Connection, Server};
use crate::report::{Latencies, Run};

/// What to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) seed: u64,
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
    /// As `Stream`, asking for a receipt, one request every so often.
    Receipts(Duration),
}

impl Load {
    fn events(&self) -> usize {
        self.connections * self.requests * self.batch
    }
}

/// Sends the load and says how it went.
pub(crate) fn run(server: &Server, load: &Load) -> io::Result<Run> {
    let bodies: Vec<Vec<Vec<u8>>> = (0..load.connections).map(|at| bodies(load, at)).collect();
    let start = Barrier::new(load.connections + 1);
    std::thread::scope(|scope| {
        let senders: Vec<_> = bodies
            .into_iter()
            .enumerate()
            .map(|(at, bodies)| {
                let start = &start;
                scope.spawn(move || sender(server, load, (at, bodies), start))
            })
            .collect();
        start.wait();
        let began = clock::now();
        let mut latencies = Latencies::default();
        for sender in senders {
            let sent = sender.join().map_err(|_| io::Error::other("a sender panicked"))?;
            latencies.append(sent?);
        }
        Ok(Run { events: load.events(), seconds: began.elapsed().as_secs_f64(), latencies })
    })
}

/// The bodies of one connection, the same for one seed.
fn bodies(load: &Load, connection: usize) -> Vec<Vec<u8>> {
    let own = u64::try_from(connection).unwrap_or(0);
    let mut generator = Generator::new(load.seed.wrapping_mul(1_000).wrapping_add(own));
    (0..load.requests).map(|_| generator.ndjson(load.batch)).collect()
}

fn sender(
    server: &Server,
    load: &Load,
    (connection, bodies): (usize, Vec<Vec<u8>>),
    start: &Barrier,
) -> io::Result<Latencies> {
    let opened = Connection::open(server);
    start.wait();
    let mut door = opened?;
    let instance = format!("{:016x}{connection:016x}", load.seed);
    let mut latencies = Latencies::default();
    let mut due = clock::now();
    for (number, body) in bodies.iter().enumerate() {
        let began = wait(load.shape, &mut due);
        let headers = headers(load, &instance, number);
        let reply = door.post("/v1/events", &headers, body)?;
        latencies.push(began.elapsed());
        check(load, reply.status, &reply.body)?;
    }
    Ok(latencies)
}

/// The moment from which the next request counts: now, or when it was due.
fn wait(shape: Shape, due: &mut Moment) -> Moment {
    let Shape::Receipts(every) = shape else { return clock::now() };
    let this = *due;
    *due = this.after(every);
    std::thread::sleep(this.until());
    this
}

fn headers(load: &Load, instance: &str, number: usize) -> String {
    let seq = number * load.batch + 1;
    let stream = format!(
        "content-type: application/x-ndjson\r\nindelible-instance: {instance}\r\nindelible-seq: {seq}\r\n"
    );
    match load.shape {
        Shape::Single => "content-type: application/json\r\n".to_owned(),
        Shape::Stream => stream,
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
