//! What the end of a child means.

use super::*;

#[test]
fn only_a_whole_line_of_a_child_that_ended_well_counts() {
    let cases: [(i32, &[u8], &str); 6] = [
        (0, b"nonsense\n", "the line does not describe a segment"),
        (0, b"", "the line does not describe a segment"),
        (0, b"\xff\xfe", "the line does not describe a segment"),
        (10 << 8, b"it is too short\n", "it is too short"),
        (101 << 8, b"", "ended with code 101"),
        (6, b"half a li", "ended by signal 6 (it may use 4096 MiB"),
    ];
    for (status, said, due) in cases {
        let why = judge(ExitStatus::from_raw(status), said).expect_err("it is no segment");
        assert!(why.contains(due), "{status} {said:?}: {why}");
    }
}
