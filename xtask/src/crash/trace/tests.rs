//! The reading of a trace, on traces of both kinds: what it must pass and what it must catch.

use super::check_order;

const WRITE: &str = "7 pwrite64(9</s/ledger/wal/0.log>, \"x\"..., 90, 0) = 90";
const SYNC: &str = "7 fdatasync(9</s/ledger/wal/0.log>) = 0";
const ACKED: &str = "7 pwrite64(8</s/ledger/acked>, \"x\"..., 90, 0) = 90";
const ANSWER: &str = "5 sendto(4<socket:[1]>, \"HTTP/1.1 200 OK\\r\\n\"..., 90, 0, NULL, 0) = 90";

#[test]
fn a_sync_between_write_and_answer_is_seen_in_every_spelling() {
    let split = [
        "7 fdatasync(9</s/ledger/wal/0.log> <unfinished ...>",
        "5 write(2</dev/null>, \"x\", 1) = 1",
        "7 <... fdatasync resumed>) = 0",
    ]
    .join("\n");
    for sync in [SYNC, &split] {
        let trace = [WRITE, sync, ACKED, ANSWER, WRITE, sync, ANSWER].join("\n");
        assert_eq!(check_order(&trace), Ok(2));
    }
}

#[test]
fn an_answer_without_its_sync_is_caught() {
    let refused = SYNC.replace("= 0", "= -1 EIO (Input/output error) (INJECTED)");
    let other = SYNC.replace("ledger/wal/0.log", "control.db-wal");
    let unfinished = "7 fdatasync(9</s/ledger/wal/0.log> <unfinished ...>";
    for trace in [
        vec![WRITE, ANSWER, SYNC],
        vec![WRITE, SYNC, WRITE, ANSWER],
        vec![WRITE, &refused, ANSWER],
        vec![WRITE, &other, ANSWER],
        vec![WRITE, unfinished, ANSWER],
        vec![WRITE, SYNC, ANSWER, ANSWER],
    ] {
        let trace = trace.join("\n");
        assert!(check_order(&trace).is_err(), "{trace}");
    }
}
