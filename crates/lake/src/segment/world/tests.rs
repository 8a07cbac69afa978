//! Rows with the records that they are of, for the tests of whatever makes files of them.

use arrow::array::RecordBatch;
use event::canonical::{Context, Stamps, parts};
use event::event::Event;
use event::ids::{EventId, Instance, ProducerId, Seq, TenantId, Timestamp};
use event::record;
use event::system::{self, SystemRecord};

use crate::rows::{RowsBuilder, Salt};

/// Rows and the records they are of, in index order.
pub(crate) struct World {
    pub(crate) tenant: TenantId,
    pub(crate) producer: ProducerId,
    builder: RowsBuilder,
    pub(crate) records: Vec<Vec<u8>>,
}

pub(crate) const FIRST: u64 = 1_000;
pub(crate) const RECEIVED: Timestamp = Timestamp(1_767_225_600_000_000_000);

impl World {
    pub(crate) fn new() -> World {
        let (tenant, producer) = ("acme", "billing");
        World {
            tenant: TenantId::parse(tenant).unwrap(),
            producer: ProducerId::parse(producer).unwrap(),
            builder: RowsBuilder::new(),
            records: Vec::new(),
        }
    }

    pub(crate) fn salt(&self) -> Salt {
        let number = u32::try_from(self.records.len()).unwrap();
        Salt { block: u64::from(number / 4096) + 7, slot: number % 4096 }
    }

    pub(crate) fn push(&mut self, event: &Event<'_>, stamps: &Stamps<'_>) {
        let salt = self.salt();
        self.builder.push(event, stamps, salt);
        let mut payload = Vec::new();
        record::encode(&parts(event, stamps), salt.block, salt.slot, &mut payload);
        self.records.push(payload);
    }

    /// Adds an event as a producer sends it, in a stream or outside of one.
    pub(crate) fn send(&mut self, item: &[u8], seq: Option<u64>) {
        let event = Event::parse(item).unwrap();
        let (tenant, producer) = (self.tenant.clone(), self.producer.clone());
        let context = Context {
            tenant: &tenant,
            producer: &producer,
            mapping: None,
            peer_ip: Some("192.0.2.7"),
            credential: Some("k_1"),
        };
        let stream = seq.map(|seq| (Instance([7; 16]), Seq(seq)));
        let drawn = EventId([9; 16]);
        let stamps = Stamps::new(&event, &context, stream, || drawn);
        self.push(&event, &stamps);
    }

    pub(crate) fn system(&mut self, record: &SystemRecord<'_>) {
        self.push(&record.event, &record.stamps);
    }

    /// One system record of every kind that has one.
    pub(crate) fn systems(&mut self) {
        let (tenant, producer) = (self.tenant.clone(), self.producer.clone());
        let id = EventId([5; 16]);
        let code = event::code::Code::SchemaUnknown;
        for stream in [None, Some((Instance([3; 16]), Seq(5)))] {
            let item = system::Item { tenant: &tenant, producer: &producer, stream, id };
            self.system(&system::refused(&item, code, "/actor"));
            self.system(&system::dead_letter(&item, code, "/schema", "{\"a\":\"\\u0001\u{1}\"}"));
        }
        let (from, to, instance) = (Seq(6), Seq(8), Instance([4; 16]));
        let gap = system::Gap { producer: &producer, instance, from, to, reason: "spool \"lost\"" };
        self.system(&system::gap(&tenant, id, &gap));
        self.system(&system::loss(&tenant, id, (1, 2), "damaged"));
        let counts = system::Counts { rejected: 1, duplicate: 2, conflict: 3 };
        self.system(&system::accounting(&tenant, id, &producer, counts));
        self.system(&system::key(&tenant, id, "made", "a+b+c"));
        self.system(&system::system(&tenant, id, "clock_accepted", Vec::new()));
    }

    pub(crate) fn finish(self) -> (RecordBatch, Vec<Vec<u8>>) {
        let batch = self.builder.finish().place(FIRST, RECEIVED).finish().unwrap();
        (batch, self.records)
    }
}

/// Events like those of the benchmark, `count` of them.
pub(crate) fn bench_events(count: usize) -> Vec<String> {
    let mut state = 7_u64;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    };
    let weights: Vec<f64> = (1_u32..=10_000)
        .scan(0.0, |sum, rank| {
            *sum += 1.0 / f64::from(rank);
            Some(*sum)
        })
        .collect();
    let actions = [
        ("user.login", "session"),
        ("user.logout", "session"),
        ("user.invite", "user"),
        ("user.remove", "user"),
        ("invoice.create", "invoice"),
        ("invoice.approve", "invoice"),
        ("invoice.void", "invoice"),
        ("invoice.export", "report"),
        ("document.read", "document"),
        ("document.update", "document"),
        ("document.share", "document"),
        ("role.grant", "role"),
        ("role.revoke", "role"),
        ("apikey.create", "apikey"),
        ("settings.update", "settings"),
        ("payment.refund", "payment"),
    ];
    let mut second = 0;
    let mut made = Vec::with_capacity(count);
    for _ in 0..count {
        let (action, kind) = actions[usize::try_from(next() % 16).unwrap()];
        let at = f64::from(u32::try_from(next() >> 32).unwrap()) / 4_294_967_296.0;
        let at = at * weights[weights.len() - 1];
        let actor = weights.partition_point(|weight| *weight <= at).min(9_999);
        second += next() % 2;
        let (hour, minute) = (second / 3_600 % 24, second / 60 % 60);
        let outcome = if next() % 20 == 0 { "denied" } else { "success" };
        let id = next() & 0xffff_ffff_ffff_0fff | 0x4000;
        made.push(format!(
            r#"{{"id":"{:08x}-{:04x}-{:04x}-{:04x}-{:012x}","occurred_at":"2026-01-01T{hour:02}:{minute:02}:{:02}.{:03}Z","action":"{action}","outcome":"{outcome}","actor":{{"kind":"human","id":"user-{actor:05}"}},"targets":[{{"type":"{kind}","id":"{:08}"}}],"origin":{{"service":"billing-api","ip":"10.{}.{}.{}","user_agent":"Mozilla/5.0 (X11; Linux)"}},"correlation":{{"request_id":"req-{:012x}","trace_id":"{:016x}{:016x}"}},"attrs":{{"amount":{},"region":"eu-west-{}"}}}}"#,
            id >> 32, id >> 16 & 0xffff, id & 0xffff, next() >> 50 | 0x8000, next() >> 16,
            second % 60, next() % 1_000, next() % 2_000_000,
            next() % 256, next() % 256, next() % 256,
            next() >> 16, next(), next() | 1, next() % 1_000_000, next() % 3,
        ));
    }
    made
}
