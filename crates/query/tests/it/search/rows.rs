//! Rows with a bit of everything, and the same rows hot, archived and merged.

use std::sync::Arc;

use arrow::array::RecordBatch;
use event::Event;
use event::canonical::{Context, Stamps};
use event::ids::{EventId, Instance, ProducerId, Seq, Timestamp};
use event::system::{self, Gap};
use lake::archive::{Archive, Flush};
use lake::rebuild::Rebuild;
use lake::store::Store;
use lake::{Cache, Hot, RowsBuilder, Salt, View};

use crate::world::{RECEIVED, tenant};

const SECOND: u64 = 1_000_000_000;

/// The rows of a tenant, as they are pushed.
pub(super) struct Rows {
    count: u64,
    folder: tempfile::TempDir,
}

/// One event of the tenant: values that repeat at different lengths, so that every pair of them meets.
fn event(n: u64) -> String {
    let pick =
        |of: &[&str], step: u64| of[usize::try_from(n / step).unwrap() % of.len()].to_owned();
    let action =
        pick(&["invoice.approve", "invoice.create", "user.login", "user.logout", "doc.view"], 1);
    let actor = pick(
        &[
            r#""ana@acme""#,
            r#"{"id":"bo@acme","kind":"human","name":"Bo Ana"}"#,
            r#"{"id":"billing-job","kind":"service","name":"Ana Bot"}"#,
            r#"{"id":"=cmd","email":"X@acme.example"}"#,
        ],
        2,
    );
    let outcome = pick(&["success", "denied", "failure", "partial"], 3);
    let mut parts = vec![
        format!(r#""id":"018f3a6e-0000-7000-8000-{n:012x}""#),
        format!(r#""action":"{action}","actor":{actor}"#),
    ];
    if !n.is_multiple_of(5) {
        parts.push(format!(
            r#""outcome":{{"status":"{outcome}","code":"E{}","reason":"Quarterly Close {n}"}}"#,
            n % 4
        ));
    }
    match n % 4 {
        0 => parts.push(format!(r#""targets":["invoice/{}","customer/c{}"]"#, n % 9, n % 3)),
        1 => parts.push(format!(
            r#""targets":[{{"type":"invoice","id":"{}","name":"June {}","owner":"eve"}}]"#,
            n % 11,
            n % 6
        )),
        _ => {}
    }
    if n.is_multiple_of(3) {
        parts.push(format!(
            r#""origin":{{"ip":"10.0.{}.1","service":"web","host":"web-{}","user_agent":"curl/ü"}}"#,
            n % 2,
            n % 2
        ));
    } else if n.is_multiple_of(7) {
        parts.push(r#""origin":{"ip":"2001:db8::7","service":"batch"}"#.to_owned());
    }
    more(n, &mut parts);
    format!("{{{}}}", parts.join(","))
}

fn more(n: u64, parts: &mut Vec<String>) {
    if n.is_multiple_of(2) {
        let (tag, flag) =
            (["red", "blue"][usize::try_from(n / 2 % 2).unwrap()], n.is_multiple_of(8));
        parts.push(format!(
            r#""attrs":{{"amount":{},"order":{{"total":12.50}},"tags":["{tag}","x"],"flag":{flag},"note":"a, \"b\""}}"#,
            n * 7 % 1_000
        ));
    } else if n.is_multiple_of(9) {
        parts.push(r#""attrs":{"amount":"17","order":null}"#.to_owned());
    }
    match n % 10 {
        1 => parts.push(
            r#""changes":[{"path":"/role","op":"replace","old":"user","new":"admin"}]"#.to_owned(),
        ),
        2 => parts.push(
            r#""changes":[{"path":"/role","op":"replace","old":"admin","new":"user"},{"path":"/address/city","op":"add","new":"Ulm"}]"#.to_owned(),
        ),
        3 => parts.push(r#""on_behalf_of":["ana@acme",{"id":"cy@acme","kind":"human"}]"#.to_owned()),
        4 => parts.push(r#""decision":{"effect":"deny","policy":"p1"}"#.to_owned()),
        5 => parts.push(r#""severity":"warning","correlation":{"session_id":"s3"}"#.to_owned()),
        6 => parts.push(r#""severity":"critical","kind":"delete"}"#.trim_end_matches('}').to_owned()),
        7 => parts.push(format!(r#""occurred_at":"2024-05-01T1{}:30:00+02:00""#, n % 3)),
        8 => parts.push(r#""occurred_at":"2024-04-28T09:00:00Z""#.to_owned()),
        _ => {}
    }
}

fn pushed(n: u64) -> lake::Rows {
    let (tenant, producer) = (tenant(), ProducerId::parse("billing").unwrap());
    let instance = Instance([0xab; 16]);
    let mut builder = RowsBuilder::new();
    let salt = Salt { block: 1, slot: u32::try_from(n).unwrap() };
    let id = EventId([u8::try_from(n % 251).unwrap(); 16]);
    match n % 100 {
        41 => {
            let gap = Gap {
                producer: &producer,
                instance,
                from: Seq(3),
                to: Seq(4),
                reason: "Quarterly",
            };
            let record = system::gap(&tenant, id, &gap);
            builder.push(&record.event, &record.stamps, salt);
        }
        42 => {
            let record = system::loss(&tenant, id, (1, 2), "a bad disk");
            builder.push(&record.event, &record.stamps, salt);
        }
        _ => {
            let json = event(n);
            let event =
                Event::parse(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));
            let context = Context {
                tenant: &tenant,
                producer: &producer,
                mapping: None,
                peer_ip: Some("127.0.0.1"),
                credential: None,
            };
            let stream = Some((instance, Seq(n + 1)));
            builder.push(&event, &Stamps::new(&event, &context, stream, || id), salt);
        }
    }
    builder.finish()
}

impl Rows {
    pub(super) fn new(count: u64) -> Self {
        Self { count, folder: tempfile::tempdir().unwrap() }
    }

    fn hot(&self) -> Hot {
        let hot = Hot::new(u64::MAX);
        for n in 0..self.count {
            let at = Timestamp(RECEIVED + n * SECOND);
            hot.append(&tenant(), vec![pushed(n).place(n, at)], Vec::new()).unwrap();
        }
        hot
    }

    /// The same rows in memory; in segments with some left in memory; and with the segments merged.
    pub(super) fn views(&self) -> [Arc<View>; 3] {
        let in_memory = self.hot().view(&tenant());
        let hot = self.hot();
        let store = Store::new(self.folder.path());
        let (archive, _) = Archive::open(&store, &Arc::new(Cache::new(64 << 20))).unwrap();
        let segment = self.count / 3;
        while hot.view(&tenant()).watermark() + segment < self.count {
            let rows = usize::try_from(segment).unwrap();
            let prefix = hot.view(&tenant()).prefix(rows, u64::MAX).unwrap().unwrap();
            flush(&archive, &hot, &prefix.batch);
        }
        let in_segments = hot.view(&tenant());
        let inputs = in_segments.segments().to_vec();
        let merged = archive.compact(&tenant(), &inputs, Timestamp(RECEIVED)).unwrap();
        hot.compacted(&tenant(), merged);
        let merged = hot.view(&tenant());
        assert!(in_segments.segments().len() > merged.segments().len() && merged.hot_rows() > 0);
        [in_memory, in_segments, merged]
    }
}

fn flush(archive: &Archive, hot: &Hot, batch: &RecordBatch) {
    let tenant = tenant();
    let rebuild = Rebuild::new(&tenant, batch).unwrap();
    let first = hot.view(&tenant).watermark();
    let truth = |index: u64, out: &mut Vec<u8>| {
        rebuild.payload(usize::try_from(index - first).unwrap(), out).map_err(Into::into)
    };
    let secrets = |_| Some([7; 32]);
    let (steps, now) = (&lake::steps::at_once, Timestamp(RECEIVED));
    let flush = Flush { batch, truth: &truth, secrets: &secrets, steps, now };
    let segment = archive.flush(&tenant, &flush).unwrap();
    hot.archive(&tenant, segment).unwrap();
}
