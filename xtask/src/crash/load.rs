//! The producers of the kill rounds: each sends one request after another, remembers the one that
//! was not answered, and sends exactly that one again after the restart. A request is whole or not
//! there: what a retry comes to must be all committed or all duplicate.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Dice;
use super::http::{Door, Http};
use super::store::{Acknowledged, acknowledged};

/// What was acknowledged in a round, by all producers together.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: AtomicU64,
    pub(crate) events: AtomicU64,
}

/// The outcome of every event of some producers.
const DENIED: &str = "denied";

/// How a producer names its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// By instance and number.
    Stream,
    /// By an id each, drawn before the first try.
    Loose,
}

/// One producer; it outlives every server.
#[derive(Debug)]
pub(crate) struct Producer {
    name: String,
    naming: Naming,
    outcome: &'static str,
    batch_max: u64,
    instance: String,
    next_seq: u64,
    dice: Dice,
    pending: Option<Request>,
    /// Everything acknowledged in the life of this store: index and id.
    pub(crate) kept: Vec<(u64, u128)>,
    /// Requests acknowledged since the last restart.
    pub(crate) requests: u64,
    /// Retries that were answered `duplicate`.
    pub(crate) duplicates: u64,
    /// The code of the answer that ended the last run, if one did.
    pub(crate) refusal: String,
}

/// A request that may be sent more than once.
#[derive(Debug, Clone)]
struct Request {
    headers: String,
    body: String,
    count: u64,
    tries: u64,
}

impl Producer {
    pub(crate) fn new(at: u64, naming: Naming, batch_max: u64, seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ at);
        let instance = format!("{:016x}{:016x}", dice.next(), dice.next());
        let (kept, pending) = (Vec::new(), None);
        let name = format!("worker-{at}");
        Self {
            name,
            naming,
            outcome: if at % 4 == 3 { DENIED } else { "success" },
            batch_max,
            instance,
            next_seq: 1,
            dice,
            pending,
            kept,
            requests: 0,
            duplicates: 0,
            refusal: String::new(),
        }
    }

    /// How many events of refusals were acknowledged, and how many may be stored besides.
    pub(crate) fn denied(&self) -> (usize, u64) {
        if self.outcome == DENIED { (self.kept.len(), self.unknown()) } else { (0, 0) }
    }

    /// How many events this producer sent without having seen an answer.
    pub(crate) fn unknown(&self) -> u64 {
        self.pending.as_ref().map_or(0, |request| request.count)
    }

    /// Sends until the server is gone, adding each acknowledged request to `tally`. An error is a
    /// broken promise; a lost connection is none.
    pub(crate) fn run(&mut self, door: &Door, tally: &Tally) -> Result<(), String> {
        self.refusal.clear();
        let Ok(mut http) = Http::connect(door) else { return Ok(()) };
        loop {
            let mut request = match self.pending.take() {
                Some(request) => request,
                None => self.draw(),
            };
            request.tries += 1;
            self.pending = Some(request.clone());
            let Ok(reply) = http.call("POST /v1/events", &request.headers, request.body.as_bytes())
            else {
                return Ok(());
            };
            if reply.status == 503 || reply.status == 429 {
                let code = code(&reply.body);
                if code == "busy" {
                    // Rows were archived and trimmed while the archive was asked for ids: the same once more.
                    continue;
                }
                self.refusal = code;
                return Ok(());
            }
            let items = acknowledged(&reply.body)
                .map_err(|why| format!("{} was answered {}: {why}", self.name, reply.status))?;
            self.keep(&request, &items)?;
            self.pending = None;
            tally.events.fetch_add(request.count, Ordering::Relaxed);
            tally.requests.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn keep(&mut self, request: &Request, items: &[Acknowledged]) -> Result<(), String> {
        let name = &self.name;
        if u64::try_from(items.len()).ok() != Some(request.count) {
            return Err(format!("{name}: {} answers for {} items", items.len(), request.count));
        }
        let repeated = items.iter().filter(|item| item.duplicate).count();
        if repeated != 0 && repeated != items.len() {
            return Err(format!(
                "{name}: a request was stored in part: {repeated} of {}",
                items.len()
            ));
        }
        if repeated != 0 && request.tries == 1 {
            return Err(format!("I5: {name}: a first try was answered `duplicate`"));
        }
        self.duplicates += u64::from(repeated != 0);
        for item in items {
            let id = item.id.ok_or_else(|| format!("{name}: an answer names no id"))?;
            self.kept.push((item.index, id));
        }
        self.requests += 1;
        if self.naming == Naming::Stream {
            self.next_seq += request.count;
        }
        Ok(())
    }

    fn draw(&mut self) -> Request {
        let count = if self.batch_max == 1 { 1 } else { 1 + self.dice.below(self.batch_max) };
        let lines: Vec<String> = (0..count).map(|_| self.event()).collect();
        let media = if count == 1 { "application/json" } else { "application/x-ndjson" };
        let mut headers = format!("content-type: {media}\r\n");
        if self.naming == Naming::Stream {
            let (instance, seq) = (&self.instance, self.next_seq);
            headers += &format!("indelible-instance: {instance}\r\nindelible-seq: {seq}\r\n");
        }
        Request { headers, body: lines.join("\n"), count, tries: 0 }
    }

    fn event(&mut self) -> String {
        let id = match self.naming {
            Naming::Stream => String::new(),
            Naming::Loose => format!("\"id\":\"{}\",", self.dice.uuid()),
        };
        let (name, number) = (&self.name, self.dice.next());
        format!(
            concat!(
                "{{{}\"action\":\"invoice.approve\",\"actor\":\"{}@acme\",\"outcome\":\"{}\",",
                "\"targets\":[\"invoice/{}\"],\"origin\":{{\"service\":\"billing\",\"ip\":\"10.0.0.7\"}},",
                "\"occurred_at\":\"2026-11-24T08:00:00Z\",\"attrs\":{{\"amount\":{},\"nonce\":\"{:016x}\"}}}}"
            ),
            id,
            name,
            self.outcome,
            number % 10_000,
            number % 1_000_000,
            number
        )
    }
}

/// The code that a refusal names.
fn code(body: &[u8]) -> String {
    let said: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let code = said.as_ref().and_then(|said| said.get("code")?.as_str());
    code.unwrap_or_default().to_owned()
}
