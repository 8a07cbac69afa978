//! Rows with the records that they are of, for the tests of whatever makes files of them.

use arrow::array::RecordBatch;
use event::canonical::{Context, Stamps, parts};
use event::event::Event;
use event::ids::{EventId, Instance, ProducerId, Seq, TenantId, Timestamp};
use event::record;
use event::system::{self, SystemRecord};

use crate::rows::{RowsBuilder, Salt};

// The integration tests make the same ones.
#[path = "../../../tests/it/events.rs"]
mod events;
pub(crate) use events::bench_events;

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
