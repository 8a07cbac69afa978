//! `verify` and `repair`: what a stopped store says, what it says after somebody was at it, and how it is mended.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger::disk::{Disk, RealDisk};
use ledger::inspect::{self, Beside};
use ledger::{Append, Class, Item, KeyBlob, Now, Options, Source};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tlog::note::{self, SigningKey};

use crate::harness::{Call, Ran, Server, Store};

/// Events that every store here holds, in batches of ten.
const EVENTS: usize = 60;
/// The smallest size of a log file, so that there are several.
const WAL_FILE_BYTES: &str = "65536";

fn serve(store: &Store) -> Server {
    try_serve(store).unwrap_or_else(|ran| panic!("the server did not start: {ran:?}"))
}

fn try_serve(store: &Store) -> Result<Server, Ran> {
    let mut command = store.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("INDELIBLE__LEDGER__WAL_FILE_BYTES", WAL_FILE_BYTES);
    store.start(command)
}

/// One event, long enough and random enough that six batches fill several log files.
fn event(number: usize) -> String {
    let mut draw = Draw(number as u64);
    let letters = b"abcdefghijklmnopqrstuvwxyz";
    let filler: String =
        (0..4000).map(|_| char::from(letters[draw.below(letters.len())])).collect();
    format!(
        r#"{{"action":"invoice.approve","actor":"ana","targets":["invoice/{number}"],"attrs":{{"marker":"m-{number}","filler":"{filler}"}}}}"#
    )
}

fn fill(server: &Server) {
    for batch in 0..EVENTS / 10 {
        let lines: Vec<String> = (0..10).map(|place| event(batch * 10 + place)).collect();
        let reply = server.post("/v1/events", &format!("[{}]", lines.join(",")));
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

/// A store with events that was stopped cleanly.
fn stopped() -> Store {
    let store = Store::new();
    let server = serve(&store);
    fill(&server);
    server.stop();
    store
}

fn verify(store: &Store, more: &[&str]) -> (i32, Value) {
    let mut args = vec!["verify", "store", "--json"];
    args.extend(more);
    let ran = store.cli(&args);
    let said = serde_json::from_str(&ran.stdout);
    (ran.code.expect("an exit code"), said.unwrap_or_else(|error| panic!("{error}: {ran:?}")))
}

/// Verifies, and expects damage that names `what`.
fn expect_damage(store: &Store, what: &str, case: &str) {
    let (code, said) = verify(store, &[]);
    assert_eq!(code, 10, "{case}\n{said:#}");
    let failed = said["findings"].as_array().expect("findings").iter();
    let named: Vec<String> =
        failed.filter(|found| found["weight"] == "failed").map(Value::to_string).collect();
    assert!(named.iter().any(|text| text.contains(what)), "{case}: {what} is not in {named:#?}");
}

/// Every file of the ledger, by its path below the data directory.
fn ledger_files(store: &Store) -> Vec<String> {
    fn below(folder: &Path, name: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = format!("{name}/{}", path.file_name().expect("a name").to_string_lossy());
            if path.is_dir() { below(&path, &name, found) } else { found.push(name) }
        }
    }
    let mut found = Vec::new();
    below(&store.data_dir().join("ledger"), "ledger", &mut found);
    found.sort();
    found
}

fn path(store: &Store, name: &str) -> PathBuf {
    store.data_dir().join(name)
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Bytes up to the last one that is not zero.
fn extent(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// Numbers that look random and are the same in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }
}

#[test]
fn a_stopped_store_is_verified_and_every_flipped_bit_is_found() {
    let store = stopped();
    let (code, said) = verify(&store, &[]);
    assert_eq!(code, 0, "{said:#}");
    assert_eq!(said["records"], said["records_opened"]);
    assert_eq!(said["findings"], serde_json::json!([]));
    let files: Vec<String> = ledger_files(&store)
        .into_iter()
        .filter(|name| extent(&read(&path(&store, name))) > 0)
        .collect();
    assert!(files.iter().filter(|name| name.ends_with(".log")).count() > 2, "{files:?}");
    let mut draw = Draw(7);
    for round in 0..30 {
        let name = &files[round % files.len()];
        let place = path(&store, name);
        let sound = read(&place);
        let (byte, bit) = (draw.below(extent(&sound)), draw.below(8));
        let mut flipped = sound.clone();
        flipped[byte] ^= 1 << bit;
        write(&place, &flipped);
        expect_damage(&store, name, &format!("bit {bit} of byte {byte} of {name}"));
        write(&place, &sound);
    }
    assert_eq!(verify(&store, &[]).0, 0);
}

#[test]
fn what_is_missing_or_too_much_is_found() {
    let store = stopped();
    let mut names: Vec<String> =
        ledger_files(&store).into_iter().filter(|name| !name.contains("spare-")).collect();
    names.extend(["MANIFEST".to_owned(), "control.db".to_owned()]);
    for name in &names {
        let place = path(&store, name);
        let sound = read(&place);
        std::fs::remove_file(&place).expect("a file to remove");
        expect_damage(&store, name, &format!("{name} deleted"));
        write(&place, &sound);
    }
    let logs = names.iter().filter(|name| name.ends_with(".log"));
    let last = logs.clone().next_back().expect("a log file");
    let spare = ledger_files(&store).into_iter().find(|name| name.contains("spare-"));
    for name in logs.chain(&spare) {
        let place = path(&store, name);
        let sound = read(&place);
        let mut more = sound.clone();
        if extent(&sound) == sound.len() {
            continue;
        }
        *more.last_mut().expect("a byte") = 1;
        write(&place, &more);
        expect_damage(&store, name, &format!("a byte past the extent of {name}"));
        write(&place, &sound);
    }
    // A file that is none of the store's is named, and nothing follows from it.
    write(&path(&store, "ledger/wal/notes.txt"), b"x");
    let (code, said) = verify(&store, &[]);
    assert_eq!(code, 0, "{said:#}");
    assert!(said["findings"].to_string().contains("notes.txt"), "{said:#} {last}");
}

#[test]
fn records_that_were_cut_off_are_missed() {
    let store = stopped();
    let receipt = store.root().join("kept.json");
    let server = serve(&store);
    let kept = server.post("/v1/events", &event(1000)).json();
    let id = kept["results"][0]["id"].as_str().expect("an id").to_owned();
    let index = kept["results"][0]["index"].as_u64().expect("an index");
    write(&receipt, &server.get(&format!("/v1/receipts/{id}")).body);
    server.stop();
    let receipt = receipt.to_str().expect("a path").to_owned();
    let (code, said) = verify(&store, &["--receipt", &receipt]);
    assert_eq!(code, 0, "{said:#}");

    // Everything from the frame of that record on is zeros now.
    let (file, offset) = frame_of(&store, index);
    let place = path(&store, &file);
    let mut bytes = read(&place);
    let start = usize::try_from(offset).expect("an offset");
    bytes[start..].fill(0);
    write(&place, &bytes);
    let later =
        ledger_files(&store).into_iter().filter(|name| name.ends_with(".log") && *name > file);
    later.for_each(|name| std::fs::remove_file(path(&store, &name)).expect("a log file"));
    expect_damage(&store, "ledger/", "the newest record cut");
    for name in ["MANIFEST", "ledger/acked"] {
        std::fs::remove_file(path(&store, name)).expect("a file to remove");
        expect_damage(&store, "ledger/", &format!("the newest record cut, {name} deleted"));
    }
    for folder in ["ledger/checkpoint", "ledger/state"] {
        std::fs::remove_dir_all(path(&store, folder)).expect("a folder to remove");
    }
    // Now the store agrees with itself; only who kept a receipt can tell.
    assert_eq!(verify(&store, &[]).0, 0);
    let (code, said) = verify(&store, &["--receipt", &receipt]);
    assert_eq!(code, 10, "{said:#}");
    assert!(said["findings"].to_string().contains("are missing"), "{said:#}");
}

/// The file and the offset of the frame that holds this record of tenant `default`.
fn frame_of(store: &Store, index: u64) -> (String, u64) {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(&store.data_dir()));
    let mut found = None;
    let looked = inspect::inspect(&disk, Beside::Nothing, &mut |section| {
        let after = section.first.0 + u64::from(section.count);
        if section.tenant.as_str() == "default" && (section.first.0..after).contains(&index) {
            found = Some((section.file.to_owned(), section.offset));
        }
    });
    looked.expect("a readable ledger");
    found.expect("a frame with the record")
}

/// One append as the log of a store holds it.
struct Stored {
    append: Append,
    now: Now,
}

/// Every append of a store, in order.
fn appends(store: &Store) -> Vec<Stored> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(&store.data_dir()));
    let mut found = Vec::new();
    let looked = inspect::inspect(&disk, Beside::Nothing, &mut |section| {
        let entries = section.entries.clone().expect("sound roots");
        let payloads = section.payloads.clone().expect("a sound payload");
        let items = entries.into_iter().zip(payloads).map(|(entry, payload)| Item {
            kind: entry.kind,
            root: entry.root,
            payload,
            id: None,
        });
        let keys: Vec<KeyBlob> = section.keys.clone().expect("sound keys");
        let source: Source = section.source.clone();
        let append = Append {
            tenant: section.tenant.clone(),
            source,
            items: items.collect(),
            packed: None,
            keys,
            class: Class::System,
            looked_below: tlog::Index(0),
        };
        found.push(Stored {
            append,
            now: Now { wall: section.received_at, monotonic_ns: section.received_at.0 },
        });
    });
    looked.expect("a readable ledger");
    found
}

/// What somebody can do who has the whole data directory and no key: writes the ledger anew from `appends`, with every
/// checksum, chain, tree and snapshot right, and lists the new files in a `MANIFEST` of their own signing.
fn forge(store: &Store, appends: Vec<Stored>) {
    let origin = |tenant: &str| format!("{}/{tenant}", store_name(store));
    let forged = |tenant: &str| SigningKey::new(&origin(tenant), [66; 32]).expect("a key");
    let folder = store.root().join("forged");
    std::fs::create_dir_all(&folder).expect("a folder");
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(&folder));
    let name = event::ids::StoreName::parse(&store_name(store)).expect("a store name");
    let mut options = Options::new(name, [9; 16]);
    options.wal_file_bytes = WAL_FILE_BYTES.parse().expect("a number");
    let start = appends.first().expect("appends").now;
    let (mut writer, reader, _) = ledger::open(disk, options, start).expect("an empty ledger");
    let mut last = start;
    for stored in appends {
        let tenant = stored.append.tenant.clone();
        reader.install_signer(&tenant, forged(tenant.as_str()));
        let answers = writer.turn(stored.now, vec![stored.append]);
        assert!(matches!(answers.as_slice(), [ledger::Answer::Done(_)]), "{answers:?}");
        last = stored.now;
    }
    writer.prepare_stop(last).expect("a stop");
    writer.finish_stop().expect("a stop");
    std::fs::remove_dir_all(path(store, "ledger")).expect("a ledger");
    std::fs::rename(folder.join("ledger"), path(store, "ledger")).expect("a ledger to put there");
    write(&path(store, "MANIFEST"), forged_manifest(store, &forged("system")).as_bytes());
}

fn forged_manifest(store: &Store, key: &SigningKey) -> String {
    let mut names: Vec<String> = ledger_files(store)
        .into_iter()
        .filter(|name| name != "ledger/acked" && !name.contains("spare-"))
        .chain(["control.db".to_owned()])
        .collect();
    names.sort();
    let lines = names.iter().map(|name| {
        let bytes = read(&path(store, name));
        let hash: String =
            Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{} {hash} {name}\n", bytes.len())
    });
    let lines: String = lines.collect();
    let text = format!("indelible.manifest/v1\n{}\n{}\n{lines}", store_name(store), names.len());
    note::sign(&text, &[key])
}

fn store_name(store: &Store) -> String {
    let key = &store.admin().checkpoint_keys[0];
    key.split('/').next().expect("a name").to_owned()
}

#[test]
fn records_rewritten_by_somebody_without_a_key_are_found() {
    let store = stopped();
    let change = |appends: &mut Vec<Stored>| {
        let of_default =
            appends.iter_mut().filter(|stored| stored.append.tenant.as_str() == "default");
        let stored = of_default.last().expect("an append");
        let payload = &mut stored.append.items[3].payload;
        let at = payload.windows(3).position(|three| three == b"m-5").expect("the marker");
        payload[at + 3] ^= 7;
    };
    // The root is left as it was: it does not follow from the payload.
    let mut appended = appends(&store);
    change(&mut appended);
    forge(&store, appended);
    let (code, said) = verify(&store, &[]);
    assert_eq!(code, 10, "{said:#}");
    let text = said["findings"].to_string();
    assert!(text.contains("records 53 to before 54"), "{text}");
    assert!(text.contains("does not follow from the payload"), "{text}");
    assert!(text.contains("`MANIFEST` is not signed"), "{text}");

    // Another root is put there: it follows from no key of this store, and neither tree nor signature fit.
    let mut appended = appends(&store);
    change(&mut appended);
    change_root(&mut appended);
    forge(&store, appended);
    let (code, said) = verify(&store, &[]);
    assert_eq!(code, 10, "{said:#}");
    assert!(said["findings"].to_string().contains("records 53 to before 54"), "{said:#}");
    // Somebody who has only pinned the key of the ledger sees it, too.
    let key = default_key(&store);
    let (code, said) = verify(&store, &["--key-dir", "nowhere", "--key", &key]);
    assert_eq!(code, 10, "{said:#}");
}

fn change_root(appends: &mut [Stored]) {
    let of_default = appends.iter_mut().filter(|stored| stored.append.tenant.as_str() == "default");
    let stored = of_default.last().expect("an append");
    stored.append.items[3].root = tlog::hash::leaf_hash(b"another");
}

/// The verifier key of tenant `default`, as `client.json` names it.
fn default_key(store: &Store) -> String {
    let client: Value =
        serde_json::from_slice(&read(&path(store, "client.json"))).expect("client.json");
    client["checkpoint_keys"][0].as_str().expect("a key").to_owned()
}

#[test]
fn what_cannot_be_checked_is_said() {
    let store = stopped();
    let (code, said) = verify(&store, &["--key-dir", "nowhere"]);
    assert_eq!(code, 11, "{said:#}");
    assert!(said["findings"].to_string().contains("roots from payloads"), "{said:#}");
    let key = default_key(&store);
    let (code, said) = verify(&store, &["--key-dir", "nowhere", "--key", &key]);
    assert_eq!(code, 11, "{said:#}");
    assert_eq!(said["tenants"][0]["key_source"], "pinned by you");
    for args in [&["--data-dir", "nowhere"][..], &["--key", "no-key"], &["--receipt", "nowhere"]] {
        let mut all = vec!["verify", "store"];
        all.extend(args);
        assert_eq!(store.cli(&all).code, Some(2), "{args:?}");
    }
    // Damage goes before what could not be checked.
    let log = ledger_files(&store).into_iter().find(|name| name.ends_with(".log")).expect("a log");
    let mut bytes = read(&path(&store, &log));
    bytes[40] ^= 1;
    write(&path(&store, &log), &bytes);
    assert_eq!(verify(&store, &["--key-dir", "nowhere"]).0, 10);
}

#[test]
fn beside_a_running_server_the_acknowledged_records_are_checked() {
    let store = Store::new();
    let server = serve(&store);
    fill(&server);
    let ran = store.cli(&["verify", "store"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("a server is running on this store"), "{}", ran.stdout);
    assert!(ran.stdout.contains("tenant default: 60 records"), "{}", ran.stdout);
    server.kill();
    // Not stopped cleanly: there is no MANIFEST, and everything else is checked.
    let (code, said) = verify(&store, &[]);
    assert_eq!(code, 0, "{said:#}");
    assert!(said["findings"].to_string().contains("not stopped cleanly"), "{said:#}");
}

/// Where in the log of a stopped store something is damaged, and what must come of it.
struct Planted {
    what: &'static str,
    /// The byte to flip, given the file and the frame's offset in it.
    at: fn(&[u8], usize) -> usize,
    /// Records that are lost: the ten of the batch, or none.
    lost: usize,
}

/// The frame of the fourth batch of tenant `default`.
fn fourth_frame(store: &Store) -> (String, usize, tlog::Hash) {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(&store.data_dir()));
    let mut found = None;
    let looked = inspect::inspect(&disk, Beside::Nothing, &mut |section| {
        if section.tenant.as_str() == "default" && section.first.0 == 30 {
            let root = section.entries.as_ref().expect("sound roots")[5].root;
            found = Some((section.file.to_owned(), section.offset, root));
        }
    });
    looked.expect("a readable ledger");
    let (file, offset, root) = found.expect("the fourth batch");
    (file, usize::try_from(offset).expect("an offset"), root)
}

fn find(bytes: &[u8], needle: &[u8], from: usize) -> usize {
    let rest = &bytes[from..];
    from + rest.windows(needle.len()).position(|window| window == needle).expect("the bytes")
}

#[test]
fn planted_damage_is_mended_or_named_and_nothing_else_is_missing() {
    let planted = [
        Planted { what: "the first header copy", at: |_, frame| frame + 20, lost: 0 },
        Planted {
            what: "the second header copy",
            at: |bytes, frame| {
                let head = bytes[frame..frame + 40].to_vec();
                find(bytes, &head, frame + 1) + 20
            },
            lost: 0,
        },
        Planted {
            what: "the payload",
            // Payloads are most of a frame: its middle is in them.
            at: |bytes, frame| {
                let head = bytes[frame..frame + 40].to_vec();
                frame.midpoint(find(bytes, &head, frame + 1))
            },
            lost: 10,
        },
    ];
    for case in planted {
        let store = stopped();
        let (file, frame, _) = fourth_frame(&store);
        let place = path(&store, &file);
        let mut bytes = read(&place);
        let at = (case.at)(&bytes, frame);
        bytes[at] ^= 4;
        write(&place, &bytes);
        mend(&store, (case.what, &file), case.lost);
    }
}

#[test]
fn planted_damage_to_roots_is_mended() {
    let store = stopped();
    let (file, frame, root) = fourth_frame(&store);
    let place = path(&store, &file);
    let mut bytes = read(&place);
    let at = find(&bytes, root.as_bytes(), frame);
    bytes[at + 7] ^= 1;
    write(&place, &bytes);
    mend(&store, ("the roots", &file), 0);
}

/// Repairs a damaged store, serves it, and looks for every record that is not lost.
fn mend(store: &Store, (what, file): (&str, &str), lost: usize) {
    expect_damage(store, file, what);
    let ran = store.cli(&["repair", "wal"]);
    assert_eq!(ran.code, Some(0), "{what}: {ran:?}");
    assert!(
        ran.stdout.contains(if lost > 0 { "records 30 to before 40" } else { file }),
        "{what}: {ran:?}"
    );
    let server = serve(store);
    let rows = server.post("/v1/query", r#"{"sql":"select count(*) from events"}"#).json();
    assert_eq!(rows["rows"][0][0], EVENTS - lost, "{what}: {rows}");
    server.stop();
    let (code, said) = verify(store, &[]);
    assert_eq!(code, if lost > 0 { 10 } else { 0 }, "{what}: {said:#}");
    if lost > 0 {
        assert!(said["findings"].to_string().contains("recorded at index"), "{what}: {said:#}");
        let (code, said) = verify(store, &["--accept-recorded-loss"]);
        assert_eq!(code, 0, "{what}: {said:#}");
    }
}

/// Requests of every sort, then enough events that a pack covers their records.
fn fill_a_pack(server: &Server) {
    const INSTANCE: &str = "00112233445566778899aabbccddeeff";
    let post = |body: &str, seq: Option<u64>, due: u16| {
        let call = Call::new("POST", "/v1/events").token(&server.client.token).body(body);
        let call = call.header("content-type", "application/x-ndjson");
        let call = match seq {
            Some(seq) => call
                .header("indelible-instance", INSTANCE)
                .header("indelible-seq", &seq.to_string()),
            None => call,
        };
        let reply = call.send(&server.client.url);
        assert_eq!(reply.status, due, "{}", reply.text());
    };
    let plain = r#"{"action":"user.login","actor":"ana"}"#;
    let named =
        r#"{"action":"user.login","actor":"ana","id":"0190a1b2-c3d4-4e5f-8a6b-7c8d9e0f1a2b"}"#;
    let unknown = r#"{"action":"user.login","actor":"ana","schema":"acme.no@1"}"#;
    let unknown_named = r#"{"action":"user.login","actor":"ana","schema":"acme.no@1","id":"0190a1b2-c3d4-4e5f-8a6b-7c8d9e0f1a2c"}"#;
    post(&format!("{plain}\n{named}\n"), None, 200);
    post(&format!("{unknown}\n{unknown_named}\n{plain}\n"), None, 207);
    post(&format!("{plain}\n{named}\n"), Some(1), 200);
    post(&format!("{{\"bad\n{unknown}\n{unknown_named}\n"), Some(3), 207);
    // A gap of one number stands for as much as an event of that number, and is not one.
    for lost in [r#"{"from":6,"to":9,"reason":"lost"}"#, r#"{"from":10,"to":10,"reason":"lost"}"#] {
        let reply = server.post(&format!("/v1/streams/local/{INSTANCE}/lost"), lost);
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    post(plain, Some(11), 200);
    let many = format!("{plain}\n").repeat(9_500);
    (0..7).for_each(|_| post(&many, None, 200));
}

#[test]
fn frames_below_the_packs_are_rebuilt_from_records_of_every_sort() {
    let store = Store::new();
    let server = serve(&store);
    fill_a_pack(&server);
    server.stop();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(&store.data_dir()));
    let mut frames = Vec::new();
    let looked = inspect::inspect(&disk, Beside::Nothing, &mut |section| {
        if section.tenant.as_str() == "default" && section.first.0 < 13 {
            let offset = usize::try_from(section.offset).expect("an offset");
            frames.push((section.file.to_owned(), offset, format!("{:?}", section.source)));
        }
    });
    looked.expect("a readable ledger");
    // The last of them is the last frame of its file: the first frame of the next file names it.
    assert_eq!(frames.len(), 7, "{frames:?}");
    for (file, frame, source) in frames {
        let place = path(&store, &file);
        let sound = read(&place);
        let head = sound[frame..frame + 40].to_vec();
        let copy = find(&sound, &head, frame + 1);
        let mut damaged = sound.clone();
        damaged[frame + 20] ^= 1;
        damaged[copy + 20] ^= 1;
        write(&place, &damaged);
        expect_damage(&store, &file, &source);
        let ran = store.cli(&["repair", "wal"]);
        assert_eq!(ran.code, Some(0), "{source}: {ran:?}");
        assert!(read(&place) == sound, "{source}: not the log that was written");
    }
    let (code, said) = verify(&store, &[]);
    assert_eq!(code, 0, "{said:#}");
    serve(&store).stop();
}

/// The vectors of the second implementation.
fn vector(name: &str) -> String {
    format!("{}/../../testdata/vectors/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn two_checkpoints_are_compared_by_tiles_or_by_a_proof() {
    let store = Store::new();
    let (old, new, key) =
        (vector("older.checkpoint"), vector("tree/checkpoint"), vector("key.vkey"));
    let (tree, proof) = (vector("tree"), vector("consistency-777-1000.txt"));
    let wrong = store.root().join("wrong.txt");
    let text = String::from_utf8(read(Path::new(&proof))).expect("a proof");
    write(&wrong, text.lines().rev().collect::<Vec<_>>().join("\n").as_bytes());
    let wrong = wrong.to_str().expect("a path");
    let rows: [(&str, Vec<&str>, i32); 8] = [
        ("by tiles", vec![&old, &new, "--key", &key, "--log", &tree], 0),
        ("by a proof", vec![&old, &new, "--key", &key, "--proof", &proof], 0),
        ("by another proof", vec![&old, &new, "--key", &key, "--proof", wrong], 10),
        ("by nothing", vec![&old, &new, "--key", &key], 11),
        ("without a key", vec![&old, &new, "--proof", &proof], 11),
        ("exchanged", vec![&new, &old, "--key", &key, "--proof", &proof], 10),
        ("a log without tiles", vec![&old, &new, "--key", &key, "--log", "."], 11),
        ("no file", vec!["nowhere", &new, "--key", &key], 2),
    ];
    for (name, args, due) in rows {
        let mut all = vec!["verify", "checkpoint"];
        all.extend(args);
        let ran = store.cli(&all);
        assert_eq!(ran.code, Some(due), "{name}: {ran:?}");
    }
}

#[test]
fn a_growing_ledger_is_compared_with_itself_over_http() {
    let store = Store::new();
    let server = serve(&store);
    let checkpoint = |name: &str| {
        write(&store.root().join(name), &server.get("/t/default/checkpoint").body);
    };
    server.post("/v1/events", &event(0));
    checkpoint("old");
    fill(&server);
    checkpoint("new");
    let url = server.client.url.clone();
    for log in [url.clone(), format!("{url}/t/default")] {
        let ran = store.cli(&["verify", "checkpoint", "old", "new", "--log", &log]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stdout.contains("this machine's key directory"), "{}", ran.stdout);
    }
}

#[test]
fn a_receipt_is_verified_against_the_event_that_was_sent() {
    let store = Store::new();
    let server = serve(&store);
    let sent = r#"{"actor":"ana", "action":"user.login","outcome":"denied"}"#;
    write(&store.root().join("sent.json"), sent.as_bytes());
    write(&store.root().join("other.json"), sent.replace("denied", "success").as_bytes());
    let id = server.post("/v1/events", sent).json()["results"][0]["id"].clone();
    let id = id.as_str().expect("an id");
    write(&store.root().join("receipt.json"), &server.get(&format!("/v1/receipts/{id}")).body);
    let key = server.client.checkpoint_keys[0].clone();
    server.stop();
    write(&store.root().join("keys.txt"), format!("{key}\n").as_bytes());
    let rows: [(&[&str], i32, &str); 7] = [
        (&["--event", "sent.json"], 0, "this machine's key directory"),
        (&["--event", "sent.json", "--key", &key], 0, "pinned by you"),
        (
            &["--event", "sent.json", "--key", "keys.txt", "--key-dir", "nowhere"],
            0,
            "pinned by you",
        ),
        (&["--event", "sent.json", "--key-dir", "nowhere"], 11, "key: none"),
        (&["--event", "other.json"], 10, "/outcome/status"),
        (&[], 11, "no event is given"),
        (
            &[
                "--event",
                "sent.json",
                "--instance",
                "00112233445566778899aabbccddeeff",
                "--seq",
                "1",
            ],
            10,
            "in no stream",
        ),
    ];
    for (args, due, said) in rows {
        let mut all = vec!["verify", "receipt", "receipt.json"];
        all.extend(args);
        let ran = store.cli(&all);
        assert_eq!(ran.code, Some(due), "{args:?}: {ran:?}");
        assert!(ran.stdout.contains(said), "{args:?}: {}", ran.stdout);
    }
    for args in [
        &["nowhere"][..],
        &["receipt.json", "--key", "no-key"],
        &["receipt.json", "--event", "nowhere"],
    ] {
        let mut all = vec!["verify", "receipt"];
        all.extend(args);
        assert_eq!(store.cli(&all).code, Some(2), "{args:?}");
    }
}

#[test]
fn the_vectors_have_their_exit_codes_through_the_binary() {
    let store = Store::new();
    let cases = String::from_utf8(read(Path::new(&vector("cases.jsonl")))).expect("cases");
    // One of each name; the whole set runs in `event`.
    let mut seen = std::collections::BTreeSet::new();
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).expect("a case");
        let name = case["name"].as_str().expect("a name");
        if !seen.insert(name.to_owned()) || seen.len() % 4 != 0 {
            continue;
        }
        let keys: Vec<&str> =
            case["keys"].as_array().expect("keys").iter().filter_map(Value::as_str).collect();
        write(
            &store.root().join("r.json"),
            case["receipt"].as_str().expect("a receipt").as_bytes(),
        );
        write(&store.root().join("keys"), keys.join("\n").as_bytes());
        let mut args = vec!["verify", "receipt", "r.json", "--key", "keys"];
        if let Some(event) = case["event"].as_str() {
            let bytes = tlog::encoding::from_base64(event).expect("base64");
            write(&store.root().join("e.json"), &bytes);
            args.extend(["--event", "e.json"]);
        }
        let seq = case["seq"].to_string();
        if let Some(instance) = case["instance"].as_str() {
            args.extend(["--instance", instance, "--seq", &seq]);
        }
        let ran = store.cli(&args);
        assert_eq!(ran.code.map(i64::from), case["exit"].as_i64(), "{name}: {ran:?}");
    }
}
