//! Columns against plain vectors of options: whatever is set, joined or kept comes out again.

use super::*;
use arrow::array::AsArray as _;

/// A small pseudo-random sequence, so that a failing case is the same every time.
struct Draw(u64);

impl Draw {
    fn next(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn text(&mut self) -> Option<String> {
        let length = self.next(12);
        (self.next(3) > 0).then(|| "é".repeat(usize::try_from(length).unwrap()))
    }
}

fn column(values: &[Option<String>]) -> Text {
    let mut text = Text::default();
    for (row, value) in values.iter().enumerate() {
        if let Some(value) = value {
            text.set(row, value);
        }
    }
    text
}

fn finished(text: Text, rows: usize) -> Vec<Option<String>> {
    let array = text.finish(rows, &Blank::new(rows)).unwrap();
    assert_eq!(array.len(), rows);
    array.as_string::<i32>().iter().map(|value| value.map(ToOwned::to_owned)).collect()
}

#[test]
fn texts_come_out_as_they_were_set_joined_and_kept() {
    let mut draw = Draw(7);
    for _ in 0..200 {
        let mut all = Vec::new();
        let mut text = Text::default();
        for _ in 0..draw.next(5) {
            let part: Vec<_> = (0..draw.next(9)).map(|_| draw.text()).collect();
            text.extend(all.len(), column(&part));
            all.extend(part);
        }
        let keep: Vec<bool> = all.iter().map(|_| draw.next(2) > 0).collect();
        let kept: Vec<_> = all
            .iter()
            .zip(&keep)
            .filter(|(_, keep)| **keep)
            .map(|(value, _)| value.clone())
            .collect();
        assert_eq!(finished(text.keep(&keep), kept.len()), kept);
        assert_eq!(finished(text, all.len()), all);
    }
}

#[test]
fn fixed_values_come_out_as_they_were_set_joined_and_kept() {
    let mut draw = Draw(8);
    for _ in 0..200 {
        let values: Vec<Option<u64>> = (0..draw.next(20))
            .map(|_| Some(draw.next(100)).filter(|value| value % 3 > 0))
            .collect();
        let cut = usize::try_from(draw.next(21)).unwrap().min(values.len());
        let mut column = fixed(&values[..cut]);
        column.extend(cut, fixed(&values[cut..]));
        let keep: Vec<bool> = values.iter().map(|_| draw.next(2) > 0).collect();
        let kept: Vec<_> =
            values.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(v, _)| *v).collect();
        let array = column.keep(&keep).finish::<arrow::datatypes::UInt64Type>(kept.len()).unwrap();
        assert_eq!(array.iter().collect::<Vec<_>>(), kept);
        let array = column.finish::<arrow::datatypes::UInt64Type>(values.len()).unwrap();
        assert_eq!(array.iter().collect::<Vec<_>>(), values);
    }
}

fn fixed(values: &[Option<u64>]) -> Fixed<u64> {
    let mut column = Fixed::default();
    for (row, value) in values.iter().enumerate() {
        if let Some(value) = value {
            column.set(row, *value);
        }
    }
    column
}

type Element = (String, Option<String>);

fn lists(rows: &[Vec<Element>]) -> Lists<2> {
    let mut lists = Lists::default();
    for (row, elements) in rows.iter().enumerate() {
        for (first, second) in elements {
            lists.add(row, [Some(first), second.as_deref()]);
        }
    }
    lists
}

fn finished_lists(lists: Lists<2>, rows: usize) -> Vec<Vec<Element>> {
    let members: Fields = ["a", "b"]
        .map(|name| arrow::datatypes::Field::new(name, arrow::datatypes::DataType::Utf8, true))
        .to_vec()
        .into();
    let kind = arrow::datatypes::DataType::Struct(members.clone());
    let element = Arc::new(arrow::datatypes::Field::new_list_field(kind, false));
    let array = lists.finish(rows, element, members).unwrap();
    let array = array.as_list::<i32>();
    assert_eq!(array.len(), rows);
    let row = |row: ArrayRef| {
        let (first, second) = (row.as_struct().column(0), row.as_struct().column(1));
        let pair = |at| {
            let second = second.as_string::<i32>();
            let text = second.is_valid(at).then(|| second.value(at).to_owned());
            (first.as_string::<i32>().value(at).to_owned(), text)
        };
        (0..first.len()).map(pair).collect()
    };
    array.iter().map(|list| row(list.unwrap())).collect()
}

#[test]
fn lists_come_out_as_they_were_added_joined_and_kept() {
    let mut draw = Draw(9);
    for _ in 0..200 {
        let mut element = || (draw.next(1000).to_string(), draw.text());
        let element_lists: Vec<Vec<Element>> =
            (0..9).map(|row| (0..row % 4).map(|_| element()).collect()).collect();
        let rows = &element_lists[..usize::try_from(draw.next(10)).unwrap()];
        let cut = usize::try_from(draw.next(10)).unwrap().min(rows.len());
        let mut joined = lists(&rows[..cut]);
        joined.extend(cut, lists(&rows[cut..]));
        let keep: Vec<bool> = rows.iter().map(|_| draw.next(2) > 0).collect();
        let kept: Vec<_> =
            rows.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(r, _)| r.clone()).collect();
        assert_eq!(finished_lists(joined.keep(&keep), kept.len()), kept);
        assert_eq!(finished_lists(joined, rows.len()), rows);
    }
}

#[test]
fn a_column_that_nothing_set_shares_its_buffers() {
    let blank = Blank::new(1000);
    let one = Text::default().finish(1000, &blank).unwrap();
    let other = Text::default().finish(1000, &blank).unwrap();
    assert_eq!(one.null_count(), 1000);
    let alone = heap_bytes(std::slice::from_ref(&one));
    assert!(alone >= 4004, "{alone}");
    assert_eq!(heap_bytes(&[one, other]), alone, "shared buffers count once");
}
