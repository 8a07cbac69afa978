//! The client commands against a real server, as a person at a shell meets them.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use crate::harness::{Ran, Store};

/// Runs `command` to its end with `input` on its stdin.
fn run_with(mut command: Command, input: &str) -> Ran {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    ran(child.wait_with_output().expect("it ends"))
}

fn ran(output: Output) -> Ran {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The last word of a line: the id of what was sent.
fn id_of(line: &str) -> &str {
    line.split_whitespace().last().expect("a word")
}

#[test]
fn one_event_is_sent_shown_asked_for_and_proven() {
    let store = Store::new();
    let server = store.serve();
    let sent = store.cli(&[
        "send",
        "invoice.approve",
        "--actor",
        "ana@acme",
        "--target",
        "invoice/10021",
        "--outcome",
        "denied",
        "--set",
        "amount=0.10",
        "--set",
        "note=two words",
        "--events-out",
        "event.json",
    ]);
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert!(sent.stdout.starts_with("committed "), "{sent:?}");
    let id = id_of(&sent.stdout);

    let shown = store.cli(&["show", id, "--proof"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    for part in ["\"action\": \"invoice.approve\"", "\"amount\": 0.10", id] {
        assert!(shown.stdout.contains(part), "{part} in {}", shown.stdout);
    }
    assert!(shown.stderr.contains("proof: index "), "{}", shown.stderr);
    let json = store.cli(&["show", id, "--proof", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(value["event"]["actor"]["id"], "ana@acme");
    assert!(value["proof"]["checkpoint"].is_string());

    let rows = store.cli(&["sql", "SELECT action, outcome FROM events", "--json"]);
    assert_eq!(rows.code, Some(0), "{rows:?}");
    let value: serde_json::Value = serde_json::from_str(&rows.stdout).expect("JSON");
    assert_eq!(value, serde_json::json!([{"action": "invoice.approve", "outcome": "denied"}]));
    assert!(rows.stderr.starts_with("coverage: "), "{}", rows.stderr);

    let receipt = store.cli(&["receipt", "get", id, "-o", "receipt.json"]);
    assert_eq!((receipt.code, receipt.stdout.as_str()), (Some(0), ""), "{receipt:?}");
    let verified = store.cli(&["verify", "receipt", "receipt.json", "--event", "event.json"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let proof = store.cli(&["proof", "get", id]);
    assert!(proof.stdout.starts_with("c2sp.org/tlog-proof@v1\n"), "{proof:?}");
    server.stop();
}

#[test]
fn forms_of_rows_are_those_of_the_contract() {
    let store = Store::new();
    let server = store.serve();
    assert_eq!(store.cli(&["send", "a.b", "--actor", "ana"]).code, Some(0));
    let form = |form: &str| {
        let ran = store.cli(&["sql", "SELECT action, actor_id FROM events", "--format", form]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.stdout
    };
    assert_eq!(form("jsonl"), "{\"action\":\"a.b\",\"actor_id\":\"ana\"}\n");
    assert_eq!(form("csv"), "action,actor_id\na.b,ana\n");
    assert_eq!(form("table"), "action  actor_id\na.b     ana\n");
    assert_eq!(form("json"), "[\n{\"action\":\"a.b\",\"actor_id\":\"ana\"}\n]\n");
    // (statement, what stderr names)
    let refused = [("SELEC 1", "query_invalid"), ("DELETE FROM events", "query_not_allowed")];
    for (statement, code) in refused {
        let ran = store.cli(&["sql", statement]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains(code) && ran.stderr.contains("hint: "), "{}", ran.stderr);
    }
    server.stop();
}

#[test]
fn a_file_is_sent_line_by_line_and_a_second_time_is_known() {
    let store = Store::new();
    let server = store.serve();
    let good = r#"{"id":"01928f5e-0000-7000-8000-000000000001","action":"a.b","actor":"ana"}"#;
    let bad = r#"{"action":"a.b"}"#;
    let drawn = r#"{"action":"a.b","actor":"bob"}"#;
    let lines = format!("{good}\n\n{bad}\n{drawn}\nnot json\n");
    std::fs::write(store.root().join("events.jsonl"), &lines).expect("a file");
    let first = store.cli(&["send", "@events.jsonl", "--json"]);
    assert_eq!(first.code, Some(6), "{first:?}");
    let results: Vec<serde_json::Value> =
        first.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let seen: Vec<_> = results
        .iter()
        .map(|result| (result["line"].as_u64(), result["status"].as_str(), result["code"].as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (Some(1), Some("committed"), None),
            (Some(3), Some("rejected"), Some("missing_field")),
            (Some(4), Some("committed"), None),
            (Some(5), Some("rejected"), Some("malformed_json")),
        ]
    );
    let again = run_with(store.command(&["send", "-"]), &format!("{good}\n"));
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.stdout.starts_with("duplicate "), "{again:?}");
    let other = good.replace("ana", "eve");
    let conflict = run_with(store.command(&["send", "-"]), &other);
    assert_eq!((conflict.code, conflict.stdout.as_str()), (Some(1), ""), "{conflict:?}");
    assert!(conflict.stderr.contains("id_conflict"), "{}", conflict.stderr);
    server.stop();
}

#[test]
fn tenants_and_keys_are_made_used_and_ended() {
    let store = Store::new();
    let server = store.serve();
    let made = store.cli(&["tenant", "create", "acme"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let again = store.cli(&["tenant", "create", "acme"]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("already_exists"), "{}", again.stderr);
    for name in ["acme", "default"] {
        assert!(store.cli(&["tenant", "ls"]).stdout.lines().any(|line| line.starts_with(name)));
    }
    let key = store.cli(&[
        "key",
        "create",
        "--tenant",
        "acme",
        "--producer",
        "web",
        "--scope",
        "write,read",
    ]);
    assert_eq!(key.code, Some(0), "{key:?}");
    let token = key.stdout.trim_end();
    assert!(token.starts_with("ind_") && !key.stderr.contains(token), "{key:?}");
    let as_web = |args: &[&str]| {
        let mut command = store.command(args);
        command.env("INDELIBLE_TOKEN", token).env("INDELIBLE_URL", &server.client.url);
        run_with(command, "")
    };
    assert_eq!(as_web(&["send", "a.b", "--actor", "ana"]).code, Some(0));
    assert!(as_web(&["sql", "SELECT tenant FROM system_log"]).code.is_some());
    let count = as_web(&["sql", "SELECT count(*) AS n FROM events", "--format", "csv"]);
    assert_eq!(count.stdout, "n\n1\n");
    assert_eq!(
        as_web(&["tenant", "create", "mine"]).code,
        Some(4),
        "a producer is no administrator"
    );
    let lookup = token.get(..12).expect("ind_ and eight");
    assert_eq!(store.cli(&["key", "revoke", lookup]).code, Some(0));
    let ended = as_web(&["send", "a.b", "--actor", "ana"]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    let listed = store.cli(&["key", "ls", "--tenant", "acme"]);
    assert!(listed.stdout.contains("revoked ") && !listed.stdout.contains(token), "{listed:?}");
    server.stop();
}

#[test]
fn what_is_not_there_has_its_own_exit_code() {
    let store = Store::new();
    let server = store.serve();
    let id = "01928f5e-0000-7000-8000-0000000000ff";
    for args in [&["show", id][..], &["proof", "get", id], &["receipt", "get", id]] {
        let ran = store.cli(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
        assert!(
            ran.stderr.contains("not_found") && ran.stderr.contains("hint: "),
            "{}",
            ran.stderr
        );
    }
    let mut wrong = store.command(&["sql", "SELECT 1"]);
    wrong.env("INDELIBLE_TOKEN", "ind_aaaaaaaa_wrong").env("INDELIBLE_URL", &server.client.url);
    assert_eq!(run_with(wrong, "").code, Some(4));
    server.stop();
}

#[test]
fn an_interruption_names_what_may_be_stored() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let store = Store::new();
    let mut command = store.command(&["send", "a.b", "--actor", "ana"]);
    command
        .env("INDELIBLE_TOKEN", "ind_aaaaaaaa_token")
        .env("INDELIBLE_URL", format!("http://{}", listener.local_addr().expect("an address")));
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the binary starts");
    let (mut connection, _) = listener.accept().expect("it connects");
    let mut request = String::new();
    let mut buffer = [0; 4096];
    while !request.contains("\"id\":\"") || !request.ends_with('\n') {
        let count = connection.read(&mut buffer).expect("a request");
        assert_ne!(count, 0, "it went away: {request}");
        request.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    let (_, from_id) = request.split_once("\"id\":\"").expect("an id");
    let (id, _) = from_id.split_once('"').expect("its end");
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.expect("`kill` starts").success());
    let ran = ran(child.wait_with_output().expect("it ends"));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(6), ""), "{ran:?}");
    assert!(ran.stderr.contains("interrupted") && ran.stderr.contains(id), "{id}: {}", ran.stderr);
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    for args in [&["completions", "bash"][..], &["version"], &["--help"], &["send", "--help"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let store = Store::new();
        let mut command = store.command(args);
        command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
        let ran = ran(command.output().expect("it ends"));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}
