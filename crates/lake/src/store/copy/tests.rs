//! Whatever another process does between the files of a copy, the copy is one state; a database that cannot be copied so is
//! refused.

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

const NAME: &str = "a.db";
/// Rows of one change: more pages than a change of one page, so that a mixture shows.
const ROWS: i64 = 500;

/// A database, and somebody who writes to it.
struct Written {
    folder: TempDir,
    writer: Option<Connection>,
}

impl Written {
    fn new() -> Written {
        let mut written = Written { folder: tempfile::tempdir().unwrap(), writer: None };
        let writer = written.start();
        writer
            .execute_batch("CREATE TABLE t (n INTEGER, text TEXT); CREATE INDEX i ON t (text)")
            .unwrap();
        written.change();
        written
    }

    fn start(&mut self) -> &Connection {
        let writer = Connection::open(self.folder.path().join(NAME)).unwrap();
        writer.pragma_update(None, "journal_mode", "WAL").unwrap();
        writer.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        self.writer.insert(writer)
    }

    /// One transaction of rows all over the index.
    fn change(&self) {
        let writer = self.writer.as_ref().unwrap();
        let sql = format!(
            "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {ROWS})
            INSERT INTO t SELECT n, hex(randomblob(50)) FROM s"
        );
        writer.execute_batch(&sql).unwrap();
    }

    /// Brings the log into the database; the next change begins it anew.
    fn checkpoint(&self) {
        let writer = self.writer.as_ref().unwrap();
        let sql = "PRAGMA wal_checkpoint(RESTART)";
        let is_busy: i64 = writer.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(is_busy, 0);
    }

    fn stop(&mut self) {
        self.writer.take().unwrap().close().unwrap();
    }
}

/// How many changes the copy holds; each whole, and the index fits its table.
fn changes(copy: &Path) -> i64 {
    let database = Connection::open(copy).unwrap();
    let verdict: String =
        database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let rows: i64 = database.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(rows % ROWS, 0, "a change is there whole or not at all");
    rows / ROWS
}

/// What another process does while a copy is made.
type Meanwhile = fn(&mut Written);

#[test]
fn a_copy_is_one_state_whatever_is_written_meanwhile() {
    let restart: Meanwhile = |written| {
        written.stop();
        written.start();
        written.change();
    };
    let cases: [(&str, Meanwhile); 6] = [
        ("nothing", |_| ()),
        ("a change", |written| written.change()),
        ("pages come from the log that is there", |written| {
            written.change();
            written.checkpoint();
        }),
        ("the log begins anew", |written| {
            written.checkpoint();
            written.change();
        }),
        ("the writer stops", |written| {
            written.change();
            written.stop();
        }),
        ("the writer stops, and another starts", restart),
    ];
    for (name, meanwhile) in cases {
        for at in 0..2 {
            let mut written = Written::new();
            let folder = written.folder.path().to_owned();
            let scratch = tempfile::tempdir().unwrap();
            let mut calls = 0;
            let copy = copied_while(&folder, NAME, scratch.path(), &mut || {
                if calls == at {
                    meanwhile(&mut written);
                }
                calls += 1;
            });
            let found = changes(&copy.unwrap().unwrap());
            assert!((1..=2).contains(&found), "{name}, at {at}: {found}");
        }
    }
}

#[test]
fn a_copy_of_a_closed_database_is_one_state_while_a_writer_comes_and_goes() {
    let mut written = Written::new();
    written.stop();
    let folder = written.folder.path().to_owned();
    let scratch = tempfile::tempdir().unwrap();
    let mut calls = 0;
    let copy = copied_while(&folder, NAME, scratch.path(), &mut || {
        if calls == 0 {
            written.start();
            written.change();
            written.stop();
        }
        calls += 1;
    });
    assert_eq!(changes(&copy.unwrap().unwrap()), 2, "copied once more: the file was written");
}

#[test]
fn what_is_written_to_all_the_time_is_refused_and_what_is_not_there_is_none() {
    let written = Written::new();
    let (folder, scratch) = (written.folder.path(), tempfile::tempdir().unwrap());
    let mut calls = 0;
    let refused = copied_while(folder, NAME, scratch.path(), &mut || {
        calls += 1;
        // Once a try, in the middle of it.
        if calls % 2 == 1 {
            written.checkpoint();
            written.change();
        }
    });
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ResourceBusy);
    assert_eq!(calls, 2 * COPIES_MAX);
    let mut tries = 0;
    let last = copied_while(folder, NAME, scratch.path(), &mut || {
        tries += 1;
        if tries % 2 == 1 && tries < 2 * (COPIES_MAX - 1) {
            written.checkpoint();
            written.change();
        }
    });
    assert!(last.is_ok(), "the last try may succeed: {last:?}");
    assert_eq!(copied(folder, "b.db", scratch.path()).unwrap(), None);
}
