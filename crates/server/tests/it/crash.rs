//! I1 and I5 under `kill -9`, the quick share: a few rounds of mixed load on one store. The test
//! process keeps what was acknowledged and compares after each restart; `cargo xtask crash` does
//! the same three hundred times, with more of everything.
//!
//! A kill cannot see a missing sync, because the page cache lives on: that is the simulator's work.

use std::collections::BTreeMap;
use std::sync::mpsc::{SyncSender, sync_channel};

use crate::harness::{Call, Connection, Server, Store};

const ROUNDS: usize = 3;
/// A kill comes once so many requests of a round were acknowledged.
const REQUESTS: usize = 60;

/// One producer over all rounds: the next number of its stream and the request without an answer.
#[derive(Debug)]
struct Producer {
    instance: Option<String>,
    batch: usize,
    next: u64,
    pending: Option<Vec<String>>,
    drawn: u64,
    seed: u64,
}

impl Producer {
    fn new(seed: u64, instance: Option<&str>, batch: usize) -> Producer {
        let instance = instance.map(str::to_owned);
        Producer { instance, batch, next: 1, pending: None, drawn: 0, seed }
    }

    /// The items to send now: those without an answer, else new ones.
    fn items(&mut self) -> Vec<String> {
        let fresh = |producer: &mut Producer| {
            producer.drawn += 1;
            let id = format!("{:08x}-0000-7000-8000-{:012x}", producer.seed, producer.drawn);
            let named = if producer.instance.is_some() { String::new() } else { id };
            let claim =
                if named.is_empty() { String::new() } else { format!("\"id\":\"{named}\",") };
            format!(
                "{{{claim}\"action\":\"crash.test\",\"actor\":\"ana\",\"attrs\":{{\"n\":{}}}}}",
                producer.drawn
            )
        };
        let pending = self.pending.take();
        let items = pending.unwrap_or_else(|| (0..self.batch).map(|_| fresh(self)).collect());
        self.pending = Some(items.clone());
        items
    }

    /// Sends until the server is gone; every acknowledged request goes to the keeper.
    fn run(&mut self, door: &Connection, keeper: &SyncSender<Vec<(u64, String)>>) {
        loop {
            let items = self.items();
            let mut call = Call::new("POST", "/v1/events").token(&door.token);
            call = call.header("content-type", "application/x-ndjson").body(items.join("\n"));
            if let Some(instance) = &self.instance {
                call = call.header("indelible-instance", instance);
                call = call.header("indelible-seq", &self.next.to_string());
            }
            let Ok(reply) = call.try_send(&door.url) else { return };
            // A server that is being killed may still refuse; nothing of that was promised.
            if reply.status != 200 {
                return;
            }
            let answer = reply.json();
            let results = answer["results"].as_array().expect("results").iter().map(|result| {
                let index = result["index"].as_u64().expect("an index");
                (index, result["id"].as_str().expect("an id").to_owned())
            });
            let acknowledged: Vec<_> = results.collect();
            assert_eq!(acknowledged.len(), items.len(), "one answer an item");
            self.next += u64::try_from(items.len()).expect("a few");
            self.pending = None;
            if keeper.send(acknowledged).is_err() {
                return;
            }
        }
    }
}

#[test]
fn i1_what_was_acknowledged_survives_kill_9_and_stands_once() {
    let store = Store::new();
    let instance = "00112233445566778899aabbccddeeff";
    let mut producers = vec![
        Producer::new(1, Some(instance), 1),
        Producer::new(2, Some(&instance.replace('0', "f")), 20),
        Producer::new(3, None, 1),
        Producer::new(4, None, 20),
    ];
    let mut kept: BTreeMap<u64, String> = BTreeMap::new();
    for _ in 0..ROUNDS {
        let server = store.serve();
        compare(&server, &kept, &producers);
        round(server, &mut producers, &mut kept);
    }
    let server = store.serve();
    compare(&server, &kept, &producers);
    server.stop();
}

/// One life of the server: load, a kill while requests are in flight, and what was acknowledged.
fn round(server: Server, producers: &mut [Producer], kept: &mut BTreeMap<u64, String>) {
    let door = server.client.clone();
    // The bound lets producers run a little ahead of the keeper, so that a kill finds them at work.
    let (keeper, acknowledged) = sync_channel(8);
    std::thread::scope(|scope| {
        for producer in producers.iter_mut() {
            let (door, keeper) = (&door, keeper.clone());
            scope.spawn(move || producer.run(door, &keeper));
        }
        drop(keeper);
        let mut server = Some(server);
        for (number, request) in acknowledged.iter().enumerate() {
            for (index, id) in request {
                let before = kept.insert(index, id.clone());
                assert!(before.is_none_or(|before| before == id), "index {index} given twice");
            }
            if number == REQUESTS {
                server.take().expect("one kill a round").kill();
            }
        }
        assert!(server.is_none(), "the producers lost the server before the kill");
    });
}

fn compare(server: &Server, kept: &BTreeMap<u64, String>, producers: &[Producer]) {
    let reply = server.post("/v1/query", r#"{"sql":"SELECT \"index\", id FROM events"}"#);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer = reply.json();
    let rows = answer["rows"].as_array().expect("rows");
    let stored: BTreeMap<String, u64> = rows
        .iter()
        .map(|row| {
            let id = row[1].as_str().expect("an id").to_owned();
            (id, row[0].as_u64().expect("an index"))
        })
        .collect();
    // INVARIANT (I5): stored once.
    assert_eq!(stored.len(), rows.len(), "an id is stored twice");
    for (index, id) in kept {
        // INVARIANT (I1): what was acknowledged is there, under its index.
        assert_eq!(stored.get(id), Some(index), "{id} was acknowledged at {index}");
    }
    let unknown: usize =
        producers.iter().filter_map(|one| one.pending.as_ref()).map(Vec::len).sum();
    assert!(stored.len() <= kept.len() + unknown, "something is stored that nobody sent");
}
