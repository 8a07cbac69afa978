//! Whatever column of a row is changed, its record differs or the mirror says so.

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::take;
use event::canonical::Stamps;
use event::event::Event;
use event::ids::{EventId, Instance, Seq};
use event::json::{Limits, parse};

use super::*;
use crate::rebuild::Rebuild;
use crate::segment::world::{World, bench_events};

/// Events in and out of streams, one with a country, and the server's own records.
fn world() -> World {
    let mut world = World::new();
    for (item, seq) in bench_events(6).iter().zip(1..) {
        world.send(item.as_bytes(), (seq % 3 > 0).then_some(seq));
    }
    let event = Event::parse(
        br#"{"action":"a.b","actor":"ana","occurred_at":"2026-01-01T00:00:00+02:00"}"#,
    );
    let stamps = Stamps {
        tenant: world.tenant.to_string().into(),
        producer: Some("billing".into()),
        stream: Some((Instance([1; 16]), Seq(9))),
        id: Some(EventId([2; 16])),
        geo: Some(parse(br#"{"country":"CH"}"#, Limits::READER).unwrap()),
        ..Stamps::default()
    };
    world.push(&event.unwrap(), &stamps);
    world.systems();
    world
}

/// What the mirror says of a batch whose rows are rebuilt, or kept.
fn wrong(batch: &RecordBatch, records: &[Vec<u8>], from: From) -> Vec<(usize, String)> {
    let mut mirror = Mirror::new(batch).unwrap();
    for (row, record) in records.iter().enumerate() {
        mirror.add(row, &Record::decode(record).unwrap(), from).unwrap();
    }
    mirror.finish().unwrap()
}

/// The column with another value, or none, in one row; `None` if that is no change.
fn changed(column: &ArrayRef, row: usize, other: Option<usize>) -> Option<ArrayRef> {
    let of = |place: usize| match place == row {
        true => other.map(|other| u32::try_from(other).unwrap()),
        false => Some(u32::try_from(place).unwrap()),
    };
    let places: UInt32Array = (0..column.len()).map(of).collect();
    let changed = take(column, &places, None).unwrap();
    (&changed != column).then_some(changed)
}

#[test]
fn i2_no_column_of_no_row_can_be_changed_unseen() {
    let world = world();
    let tenant = world.tenant.clone();
    let (batch, records) = world.finish();
    assert_eq!(wrong(&batch, &records, From::Columns), []);
    assert_eq!(wrong(&batch, &records, From::Kept), []);
    let (mut by_record, mut by_mirror) = (0, 0);
    for (place, field) in batch.schema().fields().iter().enumerate() {
        if OF_THE_LEDGER.contains(&field.name().as_str()) {
            continue;
        }
        for row in 0..batch.num_rows() {
            let null = field.is_nullable().then_some(None);
            let others = null.into_iter().chain((0..batch.num_rows()).map(Some));
            for other in others {
                let Some(column) = changed(batch.column(place), row, other) else { continue };
                let mut columns = batch.columns().to_vec();
                columns[place] = column;
                let forged = RecordBatch::try_new(batch.schema(), columns).unwrap();
                let kept = wrong(&forged, &records, From::Kept);
                assert_eq!(kept, [(row, field.name().clone())], "kept bytes");
                let rebuild = Rebuild::new(&tenant, &forged).unwrap();
                let mut made = Vec::new();
                if rebuild.payload(row, &mut made).is_err() || made != records[row] {
                    by_record += 1;
                    continue;
                }
                let found = wrong(&forged, &records, From::Columns);
                assert_eq!(found, [(row, field.name().clone())], "row {row}, as {other:?}");
                by_mirror += 1;
            }
        }
    }
    assert!(by_record > 1_000 && by_mirror > 100, "{by_record} by record, {by_mirror} by mirror");
}
