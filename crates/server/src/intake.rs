//! The ledger thread: it alone owns the writer. What waits becomes one turn; every answer goes back to who asked.
//!
//! ```text
//! handlers --(bounded queue)--> turn --> answers: rows to ship first, then the handlers
//! ```
//!
//! INVARIANT (I1): an answer leaves only after the turn that made it durable. After a disk fault no further answer but
//! `Poisoned` leaves, and the run loop is told to stop the process. Refuses to retry anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use event::ids::TenantId;
use lake::{Room, Rows};
use ledger::{Answer, Append, ItemAnswer, Now, Writer};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::Span;

use crate::clock::Clock;
use crate::ship::{Shipment, Shipper};

/// Appends that wait for the thread; more wait for a place here.
pub(crate) const QUEUE: usize = 1024;
/// Appends of one turn.
const TURN_APPENDS: usize = 256;
/// Bytes of payload of one turn: about one frame, so that no answer waits for a second sync.
const TURN_BYTES: usize = 4 << 20;

/// Work on the writer between two turns.
type Work = Box<dyn FnOnce(&mut Writer, Now) + Send>;

/// What the thread is asked.
enum Order {
    /// Append and answer.
    Append(Box<Job>),
    /// Do this between two turns.
    Work(Work),
    /// Look after what is due even if nothing arrives.
    Tick,
    /// Give the writer back.
    Stop,
}

/// One append with what goes on with it.
#[derive(Debug)]
struct Job {
    append: Append,
    rows: Travelling,
    answer: oneshot::Sender<Answer>,
    /// The request on whose behalf it is.
    span: Span,
}

/// The rows of an append: one for each of its items, and the room that was set aside for them.
#[derive(Debug)]
pub(crate) struct Travelling {
    /// The rows.
    pub(crate) rows: Rows,
    /// What the hot budget was charged; the server's own few records come without.
    pub(crate) room: Option<Room>,
}

/// The way to the thread.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    orders: mpsc::Sender<Order>,
    health: Arc<Health>,
}

/// What others may know of the writer.
#[derive(Debug, Default)]
pub(crate) struct Health {
    clock_unsane: AtomicBool,
}

impl Health {
    /// Whether an append would be stamped now.
    pub(crate) fn is_clock_sane(&self) -> bool {
        !self.clock_unsane.load(Ordering::Relaxed)
    }
}

/// The thread is gone: the process is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ledger takes no more appends")]
pub(crate) struct Closed;

/// The running thread.
#[derive(Debug)]
pub(crate) struct LedgerThread {
    thread: JoinHandle<Writer>,
    orders: mpsc::Sender<Order>,
}

/// Starts the thread; `fault` turns true when the writer is poisoned.
pub(crate) fn start(
    writer: Writer,
    shipper: Shipper,
    clock: Clock,
    fault: watch::Sender<bool>,
) -> std::io::Result<(Intake, LedgerThread)> {
    let (orders, queue) = mpsc::channel(QUEUE);
    let health = Arc::new(Health::default());
    let intake = Intake { orders: orders.clone(), health: Arc::clone(&health) };
    let owner = Owner { writer, shipper, clock, fault, health };
    let thread =
        std::thread::Builder::new().name("ledger".to_owned()).spawn(|| owner.run(queue))?;
    Ok((intake, LedgerThread { thread, orders }))
}

impl Intake {
    /// Appends and waits for the answer. When the caller goes away the append still happens.
    pub(crate) async fn append(&self, append: Append, rows: Travelling) -> Result<Answer, Closed> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Job { append, rows, answer, span: Span::current() });
        self.orders.send(Order::Append(job)).await.map_err(|_| Closed)?;
        answered.await.map_err(|_| Closed)
    }

    /// Does `work` on the writer between two turns, and waits for what it gives. For a thread that may wait.
    pub(crate) fn between_turns<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer, Now) -> T + Send + 'static,
    ) -> Result<T, Closed> {
        let (give, given) = oneshot::channel();
        let order = Order::Work(Box::new(move |writer, now| {
            // Who asked may have gone away; the work is done all the same.
            let _taken = give.send(work(writer, now));
        }));
        self.orders.blocking_send(order).map_err(|_| Closed)?;
        given.blocking_recv().map_err(|_| Closed)
    }

    /// Makes the thread look after what is due. A full queue is reason enough not to: it is awake.
    pub(crate) fn tick(&self) {
        let _awake = self.orders.try_send(Order::Tick);
    }

    /// What is known of the writer.
    pub(crate) fn health(&self) -> &Health {
        &self.health
    }
}

impl LedgerThread {
    /// Lets the thread finish what waits and takes the writer back.
    pub(crate) fn stop(self) -> Option<Writer> {
        // The thread may have ended by itself after a disk fault; then nobody takes the order.
        let _taken = self.orders.blocking_send(Order::Stop);
        self.thread.join().ok()
    }
}

/// The thread's own state.
struct Owner {
    writer: Writer,
    shipper: Shipper,
    clock: Clock,
    fault: watch::Sender<bool>,
    health: Arc<Health>,
}

impl Owner {
    fn run(mut self, mut queue: mpsc::Receiver<Order>) -> Writer {
        loop {
            let Some(first) = queue.blocking_recv() else { break };
            let Gathered { jobs, work, is_last } = gather(first, &mut queue);
            self.turn(jobs);
            for work in work {
                let now = self.now();
                work(&mut self.writer, now);
            }
            let kept = self.writer.keep(self.now());
            if let Err(error) = kept {
                tracing::error!(%error, "the ledger could not keep what was due");
            }
            self.health
                .clock_unsane
                .store(!self.writer.is_clock_sane(self.now()), Ordering::Relaxed);
            if let Some(reason) = self.writer.poisoned() {
                tracing::error!(
                    reason,
                    "disk fault: nothing is acknowledged any more, the process stops"
                );
                let _told = self.fault.send(true);
                break;
            }
            if is_last {
                break;
            }
        }
        self.writer
    }

    fn now(&self) -> Now {
        Now { wall: self.clock.wall(), monotonic_ns: self.clock.monotonic_ns() }
    }

    fn turn(&mut self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let mut appends = Vec::with_capacity(jobs.len());
        let mut waiting = Vec::with_capacity(jobs.len());
        for Job { append, rows, answer, span } in jobs {
            waiting.push((append.tenant.clone(), rows, answer, span));
            appends.push(append);
        }
        let answers = self.writer.turn(self.now(), appends);
        for (answer, (tenant, rows, asker, span)) in answers.into_iter().zip(waiting) {
            if tracing::enabled!(tracing::Level::DEBUG) {
                span.in_scope(|| committed(&answer));
            }
            if let Some(shipment) = shipment(tenant, rows, &answer) {
                self.shipper.send(shipment);
            }
            // Who asked may have gone away; what was appended stays.
            let _received = asker.send(answer);
        }
    }
}

/// Says on behalf of a request where its records are now, durably.
fn committed(answer: &Answer) {
    let Answer::Done(done) = answer else { return };
    let indices = done.items.iter().filter_map(|item| match item {
        ItemAnswer::Committed { index } => Some(index.0),
        ItemAnswer::Seen { .. } | ItemAnswer::Archived { .. } => None,
    });
    if let Some((first, last)) = indices.map(|index| (index, index)).reduce(|a, b| (a.0, b.1)) {
        tracing::debug!(first_index = first, last_index = last, "committed");
    }
}

/// What waited.
#[derive(Default)]
struct Gathered {
    /// One turn's worth of appends.
    jobs: Vec<Job>,
    /// What is to be done after them.
    work: Vec<Work>,
    /// A stop was among it.
    is_last: bool,
}

/// What waits, up to one turn's worth.
fn gather(first: Order, queue: &mut mpsc::Receiver<Order>) -> Gathered {
    let mut gathered = Gathered::default();
    let mut bytes = 0;
    let mut next = Some(first);
    while let Some(order) = next {
        match order {
            Order::Stop => {
                gathered.is_last = true;
                break;
            }
            Order::Tick => {}
            Order::Work(work) => gathered.work.push(work),
            Order::Append(job) => {
                bytes += weight(&job.append);
                gathered.jobs.push(*job);
            }
        }
        if gathered.jobs.len() >= TURN_APPENDS || bytes >= TURN_BYTES {
            break;
        }
        next = queue.try_recv().ok();
    }
    gathered
}

/// About how many bytes an append takes in a frame.
fn weight(append: &Append) -> usize {
    match &append.packed {
        Some(packed) => packed.bytes.len() + append.items.len() * 32,
        None => append.items.iter().map(|item| item.payload.len() + 32).sum(),
    }
}

/// The rows that an answer has given a place.
fn shipment(tenant: TenantId, travelling: Travelling, answer: &Answer) -> Option<Shipment> {
    let Answer::Done(done) = answer else { return None };
    let committed = |item: &ItemAnswer| match item {
        ItemAnswer::Committed { index } => Some(index.0),
        ItemAnswer::Seen { .. } | ItemAnswer::Archived { .. } => None,
    };
    let first = done.items.iter().find_map(committed)?;
    let keep: Vec<bool> = done.items.iter().map(|item| committed(item).is_some()).collect();
    let Travelling { rows, room } = travelling;
    let placed = rows.keep(&keep).place(first, done.received_at);
    Some(Shipment { tenant, placed, received_at: done.received_at, room })
}
