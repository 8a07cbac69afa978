//! `indelible demo` as a newcomer meets it: every line of its tour is run as pasted, the tampered copy is found, and nobody's
//! own store gets samples.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Ran, Server, Store};

fn demo(store: &Store) -> Result<Server, Ran> {
    store.start(store.command(&["demo", "--listen", "127.0.0.1:0", "--rate", "50"]))
}

/// The commands of the tour, by their number or word.
fn tour(stdout: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut name = "";
    for line in stdout.lines() {
        let first = line.split(' ').next().unwrap_or_default();
        if let Some(command) = line.strip_prefix("   ").filter(|_| !name.is_empty()) {
            found.insert(name.to_owned(), command.to_owned());
        }
        name = if first.parse::<u8>().is_ok() { first } else { "" };
        for word in ["your own", "another"] {
            if let Some(command) = line.strip_prefix(word) {
                found.insert(word.to_owned(), command.trim().to_owned());
            }
        }
    }
    found
}

/// Runs a line as a person's shell does, in the folder in which the demo was started.
fn pasted(store: &Store, line: &str) -> Ran {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(store.root()).stdin(Stdio::null());
    shell.env("INDELIBLE_KEY_DIR", store.key_dir());
    let output = shell.output().expect("a shell");
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn every_line_of_the_tour_works_as_pasted_and_the_tampered_copy_is_found() {
    let store = Store::new();
    let server = demo(&store).unwrap_or_else(|ran| panic!("the demo did not start: {ran:?}"));
    let tour = tour(&server.stdout);
    assert_eq!(tour.len(), 7, "five commands, one's own event, another tenant: {}", server.stdout);
    let table = [
        ("1", 0, "agent:helpdesk"),
        ("2", 0, "success"),
        ("3", 0, "agent:helpdesk"),
        ("4", 0, "logged as sent: yes"),
        ("5", 10, "result: FAILED"),
        ("your own", 0, "\"status\":\"committed\""),
        ("another", 0, "denied"),
    ];
    for (name, code, words) in table {
        let ran = pasted(&store, &tour[name]);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.code, Some(code), "{name}: {}: {said}", tour[name]);
        assert!(said.contains(words), "{name}: no `{words}` in {said}");
    }
    let place = pasted(&store, &tour["5"]).stdout;
    assert!(
        place.contains("tenant `default`, records ") && place.contains("lake/default."),
        "{place}"
    );
    let tenants = pasted(&store, &format!("{} tenant ls", env!("CARGO_BIN_EXE_indelible"))).stdout;
    for name in ["default", "northwind", "cloud"] {
        assert!(tenants.contains(name), "{tenants}");
    }
    server.stop();
    // The negative control: what was not tampered with is whole.
    assert_eq!(store.cli(&["verify", "store"]).code, Some(0));
    let again = demo(&store).unwrap_or_else(|ran| panic!("the second start failed: {ran:?}"));
    assert_eq!(self::tour(&again.stdout)["3"], tour["3"], "it goes on with the same store");
    again.stop();
}

#[test]
fn what_is_not_a_sample_store_is_refused_and_left_alone() {
    let store = Store::new();
    store.serve().stop();
    let before = store.cli(&["verify", "store", "--json"]).stdout;
    let refused = demo(&store).expect_err("somebody's own store");
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("--data-dir ./indelible-demo"), "{}", refused.stderr);
    let records =
        |text: &str| serde_json::from_str::<Value>(text).expect("JSON")["records"].clone();
    assert_eq!(records(&store.cli(&["verify", "store", "--json"]).stdout), records(&before));
    let full = Store::new();
    std::fs::create_dir(full.data_dir()).expect("a folder");
    std::fs::write(full.data_dir().join("letters.txt"), "mine").expect("a file");
    assert_eq!(demo(&full).expect_err("somebody's folder").code, Some(2));
    let beside = Store::new();
    std::fs::create_dir(beside.root().join("indelible-data-tampered")).expect("a folder");
    let refused = demo(&beside).expect_err("a folder in the way");
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    std::fs::remove_dir(beside.root().join("indelible-data-tampered")).expect("it is as it was");
    let begun_again = demo(&beside);
    begun_again.unwrap_or_else(|ran| panic!("a making that broke off: {ran:?}")).stop();
}
