//! Starting, stopping and starting again: what is printed, what is written, what is refused.

use std::path::{Path, PathBuf};

use crate::harness::{Call, Server, Store};

const EVENT: &str = r#"{"action":"user.login","actor":"ana"}"#;

/// Every file below a folder with its bytes, the lock apart.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).expect("a file")));
        }
    }
    found.sort();
    found
}

fn commit(server: &Server) -> u64 {
    let reply = server.post("/v1/events", EVENT);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["results"][0]["index"].as_u64().expect("an index")
}

#[test]
fn the_first_start_says_what_it_made_and_its_curl_line_works_as_pasted() {
    let store = Store::new();
    let server = store.serve();
    for word in [
        "data ",
        "keys ",
        "back them up apart from the data",
        "store ",
        "tenant ",
        "address ",
        "created",
    ] {
        assert!(server.stdout.contains(word), "`{word}` is not in\n{}", server.stdout);
    }
    let line = server.stdout.lines().find_map(|line| line.strip_prefix("try "));
    let line = line.expect("a line to try").trim();
    let pasted = std::process::Command::new("sh").args(["-c", line]).output().expect("a shell");
    let answer = String::from_utf8_lossy(&pasted.stdout).into_owned();
    assert!(answer.contains(r#""status":"committed""#), "{line}\n{answer}");
    // The same with curl's own view of the status.
    let failing = format!("{line} --fail --silent --output /dev/null --write-out '%{{http_code}}'");
    let pasted = std::process::Command::new("sh").args(["-c", &failing]).output().expect("a shell");
    assert_eq!(String::from_utf8_lossy(&pasted.stdout), "200");
}

#[test]
fn token_and_records_survive_a_restart_and_secrets_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let store = Store::new();
    let server = store.serve();
    let (token, keys) = (server.client.token.clone(), server.client.checkpoint_keys.clone());
    let index = commit(&server);
    for file in ["client.json", "auth-header"] {
        let mode =
            std::fs::metadata(store.data_dir().join(file)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let ran = server.stop();
    assert!(!ran.stderr.contains(&token) && !ran.stdout.contains(&token), "a token in the log");
    assert!(!ran.stderr.contains("user.login"), "an event in the log");
    assert!(store.data_dir().join("MANIFEST").exists());

    let server = store.serve();
    assert!(server.stdout.contains("opened, "), "{}", server.stdout);
    assert!(!store.data_dir().join("MANIFEST").exists());
    assert_eq!(server.client.token, token);
    assert_eq!(server.client.checkpoint_keys, keys);
    let rows = server.post("/v1/query", r#"{"sql":"select \"index\" from events"}"#).json();
    assert_eq!(rows["rows"], serde_json::json!([[index]]));
    // Between them stands the record of the query.
    assert_eq!(commit(&server), index + 2);
}

#[test]
fn a_killed_server_keeps_what_it_acknowledged() {
    let store = Store::new();
    let server = store.serve();
    let last = (0..20).map(|_| commit(&server)).max().expect("twenty");
    server.kill();
    let server = store.serve();
    let rows =
        server.post("/v1/query", r#"{"sql":"select count(*) n, max(\"index\") m from events"}"#);
    assert_eq!(rows.json()["rows"], serde_json::json!([[20, last]]));
}

#[test]
fn a_locked_store_is_refused_with_the_owners_process_and_address() {
    let store = Store::new();
    let server = store.serve();
    let ran = store.try_serve(&[]).expect_err("the store is owned");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains(&format!("process {}", server.pid())), "{}", ran.stderr);
    assert!(ran.stderr.contains(&server.client.url), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
    assert_eq!(commit(&server), 0);
}

#[test]
fn a_store_without_its_keys_is_refused_and_nothing_is_written() {
    let store = Store::new();
    store.serve().stop();
    let before = files(&store.data_dir());
    let keys = store.key_dir();
    let away = store.root().join("away");
    let moves: [(&str, &dyn Fn()); 3] = [
        ("all keys", &|| std::fs::rename(&keys, &away).expect("moved")),
        ("the checkpoint key", &|| {
            let folder =
                std::fs::read_dir(&keys).expect("keys").next().expect("one").expect("an entry");
            std::fs::create_dir_all(&away).expect("a folder");
            std::fs::rename(folder.path().join("checkpoint-default.key"), away.join("k"))
                .expect("moved");
        }),
        ("another store's root key", &|| {
            let folder =
                std::fs::read_dir(&keys).expect("keys").next().expect("one").expect("an entry");
            let root = folder.path().join("root.key");
            let text = std::fs::read_to_string(&root).expect("a root key");
            let (before, secret) = text.trim_end().rsplit_once(' ').expect("words");
            let other: String = secret.chars().rev().skip_while(|c| *c == '=').collect();
            std::fs::write(&root, format!("{before} {other}=\n")).expect("written");
        }),
    ];
    for (what, remove) in moves {
        let kept = files(&keys);
        remove();
        let ran = store.try_serve(&[]).expect_err(what);
        assert_eq!(ran.code, Some(2), "{what}: {ran:?}");
        assert!(ran.stderr.contains(&keys.display().to_string()), "{what}: {}", ran.stderr);
        assert_eq!(files(&store.data_dir()), before, "{what}: something was written");
        for (path, bytes) in kept {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, bytes).expect("put back");
        }
        let _gone = std::fs::remove_dir_all(&away);
    }
    store.serve().stop();
}

#[test]
fn addresses_that_others_can_reach_are_refused_with_the_reason() {
    for listen in ["0.0.0.0:0", "[::]:0", "nonsense"] {
        let store = Store::new();
        let ran = store.cli(&["serve", "--listen", listen]);
        assert_eq!(ran.code, Some(2), "{listen}: {ran:?}");
        assert!(listen == "nonsense" || ran.stderr.contains("TLS"), "{listen}: {}", ran.stderr);
        assert!(!store.data_dir().exists(), "{listen}: something was written");
    }
}

#[test]
fn a_wrong_configuration_is_refused_with_the_line() {
    let store = Store::new();
    std::fs::write(store.root().join("indelible.toml"), "[lake]\nhot_byte_max = 1\n")
        .expect("a file");
    let ran = store.cli(&["serve"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("indelible.toml:2:1 error "), "{}", ran.stderr);
    assert!(ran.stderr.contains("`lake.hot_bytes_max`"), "{}", ran.stderr);
}

#[test]
fn missing_files_are_seen_at_the_next_start() {
    for file in ["MANIFEST", "control.db", "ledger/checkpoint/default"] {
        let store = Store::new();
        let server = store.serve();
        commit(&server);
        assert_eq!(server.get("/t/default/checkpoint").status, 200);
        server.stop();
        std::fs::remove_file(store.data_dir().join(file)).expect("removed");
        let ran = store.try_serve(&[]).expect_err(file);
        assert_eq!(ran.code, Some(10), "{file}: {ran:?}");
        assert!(ran.stderr.contains(file), "{file}: {}", ran.stderr);
    }
}

#[test]
fn a_changed_control_db_is_seen_at_the_next_start() {
    let store = Store::new();
    let server = store.serve();
    commit(&server);
    server.stop();
    let path = store.data_dir().join("control.db");
    let mut bytes = std::fs::read(&path).expect("control.db");
    // The file change counter: SQLite itself would never notice.
    bytes[27] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    let ran = store.try_serve(&[]).expect_err("a refusal");
    assert_eq!(ran.code, Some(10), "{ran:?}");
    assert!(ran.stderr.contains("control.db"), "{}", ran.stderr);
    assert!(store.data_dir().join("MANIFEST").exists(), "the evidence stays");
}

#[test]
fn a_full_hot_budget_stops_intake_and_never_recovery() {
    let store = Store::new();
    let mut command = store.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("INDELIBLE__LAKE__HOT_BYTES_MAX", "20000");
    let server = store.start(command).expect("a start");
    let event =
        format!(r#"{{"action":"a.b","actor":"ana","attrs":{{"text":"{}"}}}}"#, "x".repeat(3000));
    let full =
        (0..100).map(|_| server.post("/v1/events", &event)).find(|reply| reply.status != 200);
    let full = full.expect("a budget that fills up");
    assert_eq!(full.status, 429, "{}", full.text());
    assert_eq!(full.json()["code"], "hot_full");
    assert!(full.header("retry-after").is_some());
    assert_eq!(server.get("/readyz?verbose").status, 503);
    server.stop();
    let mut command = store.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("INDELIBLE__LAKE__HOT_BYTES_MAX", "1024");
    let server = store.start(command).expect("recovery takes the whole tail");
    assert!(
        server.post("/v1/query", r#"{"sql":"select count(*) from events"}"#).json()["rows"][0][0]
            .as_u64()
            > Some(1)
    );
}

#[test]
fn a_stop_under_load_answers_or_refuses_every_request() {
    let store = Store::new();
    let server = store.serve();
    let (url, token) = (server.client.url.clone(), server.client.token.clone());
    let (told, started) = std::sync::mpsc::sync_channel(8);
    let senders: Vec<_> = (0..4)
        .map(|_| {
            let (url, token, told) = (url.clone(), token.clone(), told.clone());
            std::thread::spawn(move || {
                let mut committed = 0_u64;
                for round in 0.. {
                    if round == 5 {
                        told.send(()).expect("somebody listens");
                    }
                    let call = Call::new("POST", "/v1/events").token(&token);
                    let call = call.header("content-type", "application/json").body(EVENT);
                    match call.try_send(&url) {
                        Ok(reply) if reply.status == 200 => committed += 1,
                        Ok(reply) => {
                            assert_eq!(reply.status, 503, "{}", reply.text());
                            assert_eq!(reply.json()["code"], "stopping");
                            return committed;
                        }
                        // A connection that was never taken: the listener is closed, and nothing was stored.
                        Err(_) => return committed,
                    }
                }
                committed
            })
        })
        .collect();
    for _ in 0..4 {
        started.recv().expect("four senders");
    }
    let ran = server.stop();
    assert!(!ran.stderr.contains("cut off"), "{}", ran.stderr);
    let committed: u64 = senders.into_iter().map(|sender| sender.join().expect("no panic")).sum();
    let server = store.serve();
    let stored = server.post("/v1/query", r#"{"sql":"select count(*) from events"}"#).json();
    assert_eq!(stored["rows"], serde_json::json!([[committed]]));
}

#[test]
fn counts_that_left_no_record_are_recorded_at_the_stop() {
    let store = Store::new();
    let server = store.serve();
    let event = r#"{"id":"01890000-0000-7000-8000-00000000000a","action":"a.b","actor":"x"}"#;
    for (body, status) in [
        (event, 200),
        (event, 200),
        (&event.replace("a.b", "a.c"), 409),
        (r#"{"action":"nope"}"#, 422),
    ] {
        let reply = server.post("/v1/events", body);
        assert_eq!(reply.status, status, "{}", reply.text());
    }
    server.stop();
    let server = store.serve();
    let sql = r#"{"sql":"select * from system_log where kind = 'accounting'"}"#;
    let rows = server.post("/v1/query", sql);
    assert_eq!(rows.status, 200, "{}", rows.text());
    let text = rows.text();
    for count in [r#"\"rejected\":1"#, r#"\"duplicate\":1"#, r#"\"conflict\":1"#] {
        assert!(text.contains(count), "`{count}` is not in {text}");
    }
}

/// Flips a bit of `text` where it stands in the log.
fn damage(store: &Store, text: &str) {
    let logs = files(&store.data_dir().join("ledger/wal"));
    let place =
        |bytes: &[u8]| bytes.windows(text.len()).position(|window| window == text.as_bytes());
    let found = logs.into_iter().find_map(|(path, bytes)| Some((path, place(&bytes)?, bytes)));
    let (path, at, mut bytes) = found.expect("the text is in the log");
    bytes[at] ^= 1;
    std::fs::write(path, bytes).expect("written");
}

#[test]
fn a_damaged_payload_is_a_recorded_loss_and_the_rest_is_served() {
    let store = Store::new();
    let server = store.serve();
    for note in ["first", "the-one-that-is-hit", "third"] {
        let event = format!(r#"{{"action":"a.b","actor":"x","attrs":{{"note":"{note}"}}}}"#);
        assert_eq!(server.post("/v1/events", &event).status, 200);
    }
    server.stop();
    damage(&store, "the-one-that-is-hit");
    let losses = r#"{"sql":"select attrs from system_log where kind = 'loss'"}"#;
    for round in ["at the first start", "at the second, no second record"] {
        let server = store.serve();
        let lost = server.post("/v1/query", losses).json();
        assert_eq!(lost["rows"].as_array().map(Vec::len), Some(1), "{round}: {lost}");
        assert!(lost.to_string().contains(r#"\"from\":1"#), "{lost}");
        let rest = server.post("/v1/query", r#"{"sql":"select \"index\" from events"}"#).json();
        assert_eq!(rest["rows"], serde_json::json!([[0], [2]]), "{round}");
        assert_eq!(rest["coverage"]["complete"], false, "a part is never passed off as the whole");
        assert!(server.log().contains("records are lost"), "{round}");
        assert_eq!(server.get("/t/default/tile/0/000.p/3").status, 200, "proofs go on");
        server.stop();
    }
}
