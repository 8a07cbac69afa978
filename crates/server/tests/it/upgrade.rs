//! Stores of earlier versions, committed under `testdata/stores`: each must open in this one, for ever, and say what it said.
//!
//! A fixture is what a version left on disk, once after a clean stop and once after a `kill -9`, with its keys and with what was
//! known of it then: sizes and roots, every event as it was served, a receipt with the event that was sent, a checkpoint. The
//! keys are no secret: they sign nothing else. `INDELIBLE_WRITE_STORE=1` makes the fixture of the present version, once; one
//! that is there is never written again.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::archive::{TINY, archive, fill};
use crate::harness::{Call, Server, Store};

/// Files of a store that say nothing about its format, or open one on the machine that made it.
const LEFT_OUT: [&str; 4] = ["lock", "client.json", "auth-header", "admin.json"];
/// How the two lives of a fixture ended.
const ENDS: [&str; 2] = ["stopped", "killed"];
/// The event that has a receipt.
const SENT: &str = r#"{"id":"01928f5e-0000-7000-8000-00000000f1f7","action":"role.grant","actor":"cho@acme","targets":[{"type":"user","id":"ana@acme","owner":"ana"}],"outcome":{"status":"denied","reason":"four eyes"},"attrs":{"ticket":"T-1"}}"#;

fn stores() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/stores")
}

fn serve(store: &Store) -> Server {
    let mut command = store.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.envs(TINY);
    store.start(command).unwrap_or_else(|ran| panic!("an earlier store does not open: {ran:?}"))
}

/// Copies a folder without the files that are left out.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a name");
        let target = to.join(&name);
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&entry.path(), &target),
            false if LEFT_OUT.contains(&&*name) || name.starts_with("spare-") => {}
            false => drop(fs::copy(entry.path(), target).expect("a copy")),
        }
    }
}

/// Only the owner may read keys; a version control system does not keep that.
fn close(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let (is_dir, mode) = if path.is_dir() { (true, 0o700) } else { (false, 0o600) };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
        if is_dir {
            close(&path);
        }
    }
}

/// What a store says of itself: size and root of each tenant.
fn trees(store: &Store) -> Vec<Value> {
    let ran = store.cli(&["verify", "store", "--json"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let said: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let tenants = said["tenants"].as_array().expect("tenants").iter();
    tenants.map(|of| json!([of["tenant"], of["size"], of["root"]])).collect()
}

/// Every event as it is served, a line each.
fn events(store: &Store) -> String {
    let ran = store.cli(&["search", "", "--jsonl"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let mut lines: Vec<&str> = ran.stdout.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn checkpoint(server: &Server) -> String {
    let reply = server.get("/t/default/checkpoint");
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text()
}

/// A store with everything that a format holds: merged segments, several log files, streams, a gap, a dead letter,
/// another tenant, rows that are not archived.
fn populate(store: &Store) -> Server {
    let server = serve(store);
    fill(&server);
    for seed in 0..4 {
        let bulk = bulk(seed);
        assert_eq!(server.post("/v1/events", &bulk).status, 200);
        archive(&server);
    }
    let admin = store.cli(&["tenant", "create", "acme"]);
    assert_eq!(admin.code, Some(0), "{}", admin.stderr);
    let stream = |seq: &str, body: &str| {
        let call = Call::new("POST", "/v1/events").token(&server.client.token).body(body);
        let call = call.header("content-type", "application/json");
        let call = call.header("indelible-instance", "5f0c1b7e9a3d4c62b8e1f0a9d7c65432");
        call.header("indelible-seq", seq).send(&server.client.url)
    };
    assert_eq!(
        stream("1", r#"[{"action":"a.b","actor":"ana"},{"action":"a.c","actor":"ana"}]"#).status,
        200
    );
    let lost = "/v1/streams/local/5f0c1b7e9a3d4c62b8e1f0a9d7c65432/lost";
    let reply = server.post(lost, r#"{"from":3,"to":5,"reason":"the disk of the producer"}"#);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(stream("6", r#"[{"action":"a.d","actor":"ana"}]"#).status, 200);
    let unknown =
        server.post("/v1/events", r#"{"schema":"no.such@1","action":"a.b","actor":"ana"}"#);
    assert_eq!(unknown.status, 422, "{}", unknown.text());
    assert_eq!(server.post("/v1/events", SENT).status, 200);
    server
}

/// Events that fill a log file, so that it is trimmed: text that no codec makes small.
fn bulk(seed: u64) -> String {
    let mut state = seed + 1;
    let mut word = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{state:016x}")
    };
    let event = |_| json!({"action": "blob.put", "actor": "svc:bulk", "attrs": {"text": (0..80).map(|_| word()).collect::<String>()}});
    Value::Array((0..60).map(event).collect()).to_string()
}

/// Makes the fixture of this version.
fn make(folder: &Path) {
    for end in ENDS {
        let (store, folder) = (Store::new(), folder.join(end));
        let server = populate(&store);
        let (receipt, sent) = (store.root().join("receipt.json"), folder.join("sent.json"));
        let id = "01928f5e-0000-7000-8000-00000000f1f7";
        let got = store.cli(&["receipt", "get", id, "-o", &receipt.display().to_string()]);
        assert_eq!(got.code, Some(0), "{}", got.stderr);
        let (events, checkpoint) = (events(&store), checkpoint(&server));
        match end {
            "stopped" => drop(server.stop()),
            _ => server.kill(),
        }
        copy(&store.data_dir(), &folder.join("data"));
        copy(&store.key_dir(), &folder.join("keys"));
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("a write");
        fs::copy(receipt, folder.join("receipt.json")).expect("a copy");
        fs::write(sent, SENT).expect("a write");
        write("events.jsonl", &events);
        write("default.checkpoint", &checkpoint);
        write("trees.json", &format!("{:#}\n", Value::Array(trees(&store))));
    }
}

#[test]
fn a_store_of_every_earlier_version_opens_and_says_what_it_said() {
    let present = stores().join(env!("CARGO_PKG_VERSION"));
    if std::env::var_os("INDELIBLE_WRITE_STORE").is_some() && !present.exists() {
        make(&present);
    }
    let versions: Vec<_> = fs::read_dir(stores())
        .expect("fixtures")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    let versions: Vec<_> = versions.into_iter().filter(|path| path.is_dir()).collect();
    assert!(
        versions.contains(&present),
        "a version comes with its fixture: INDELIBLE_WRITE_STORE=1 makes it"
    );
    for version in &versions {
        for end in ENDS {
            opens(&version.join(end));
        }
    }
}

fn opens(fixture: &Path) {
    let place = fixture.display().to_string();
    let store = Store::new();
    copy(&fixture.join("data"), &store.data_dir());
    copy(&fixture.join("keys"), &store.key_dir());
    close(store.root());
    let text = |name: &str| fs::read_to_string(fixture.join(name)).expect("a part of the fixture");
    let before: Vec<Value> = serde_json::from_str(&text("trees.json")).expect("JSON");
    assert_eq!(trees(&store), before, "{place}: before it was opened");
    let server = serve(&store);
    assert_eq!(events(&store), text("events.jsonl"), "{place}: every event is served as it was");
    let path = |name: &str| fixture.join(name).display().to_string();
    let verified =
        store.cli(&["verify", "receipt", &path("receipt.json"), "--event", &path("sent.json")]);
    assert_eq!(verified.code, Some(0), "{place}: {}", verified.stdout);
    let again = server.post("/v1/events", SENT).json();
    assert_eq!(again["results"][0]["status"], "duplicate", "{place}: what was stored is known");
    let reply = server.post("/v1/events", r#"{"action":"store.open","actor":"a later version"}"#);
    assert_eq!(reply.status, 200, "{place}: {}", reply.text());
    let newer = store.root().join("newer.checkpoint");
    fs::write(&newer, checkpoint(&server)).expect("a write");
    let log = format!("{}/t/default", server.client.url);
    let grown = store.cli(&[
        "verify",
        "checkpoint",
        &path("default.checkpoint"),
        &newer.display().to_string(),
        "--log",
        &log,
    ]);
    assert_eq!(grown.code, Some(0), "{place}: {}{}", grown.stdout, grown.stderr);
    archive_all(&server);
    server.stop();
    for of in trees(&store) {
        let held = before.iter().find(|earlier| earlier[0] == of[0]);
        let held = held.unwrap_or_else(|| panic!("{place}: a tenant that was not there: {of}"));
        assert!(of[1].as_u64() >= held[1].as_u64(), "{place}: {of}");
    }
}

fn archive_all(server: &Server) {
    let reply = server.post("/v1/segments/flush", "");
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// The negative control: a byte that is not as it was left is found.
#[test]
fn a_fixture_with_a_changed_byte_is_not_taken() {
    let fixture = stores().join(env!("CARGO_PKG_VERSION")).join("stopped");
    let store = Store::new();
    copy(&fixture.join("data"), &store.data_dir());
    copy(&fixture.join("keys"), &store.key_dir());
    close(store.root());
    let packs = store.data_dir().join("lake");
    let segment =
        fs::read_dir(packs).expect("segments").next().expect("one").expect("an entry").path();
    let mut bytes = fs::read(&segment).expect("bytes");
    let place = bytes.len() / 2;
    bytes[place] ^= 1;
    fs::write(&segment, bytes).expect("a write");
    assert_eq!(store.cli(&["verify", "store"]).code, Some(10));
}
