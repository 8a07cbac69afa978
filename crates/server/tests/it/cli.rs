//! The command line itself: what it lists, how it refuses.

use crate::harness::Store;

#[test]
fn help_lists_every_command_and_goes_to_stdout() {
    let ran = Store::new().cli(&["--help"]);
    assert_eq!(ran.code, Some(0));
    assert_eq!(ran.stderr, "");
    for command in [
        "serve",
        "send",
        "import",
        "show",
        "search",
        "tail",
        "sql",
        "proof",
        "receipt",
        "verify",
        "repair",
        "segment",
        "tenant",
        "key",
        "health",
        "config",
        "completions",
        "version",
    ] {
        let listed = ran.stdout.lines().any(|line| line.split_whitespace().next() == Some(command));
        assert!(listed, "`{command}` is missing in\n{}", ran.stdout);
    }
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_so_on_stderr() {
    for args in [&["sevre"][..], &["serve", "--nonsense"], &["show"], &[]] {
        let ran = Store::new().cli(args);
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert_eq!(ran.stdout, "", "{args:?}");
        assert_ne!(ran.stderr, "", "{args:?}");
    }
}

#[test]
fn version_and_completions_print_data() {
    let version = Store::new().cli(&["version", "--json"]);
    assert_eq!(version.code, Some(0));
    assert!(version.stdout.contains(env!("CARGO_PKG_VERSION")));
    for shell in ["bash", "zsh", "fish"] {
        let script = Store::new().cli(&["completions", shell]);
        assert_eq!(script.code, Some(0), "{shell}");
        assert!(script.stdout.contains("indelible"), "{shell}");
    }
}

#[test]
fn without_a_server_a_client_command_names_where_it_looked() {
    let ran = Store::new().cli(&["sql", "select 1"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("client.json"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
}

/// What a shell is offered behind `words`, the last of which is being typed.
fn offered(store: &Store, words: &[&str]) -> Vec<String> {
    let mut command = store.command(&["--", "indelible"]);
    command.env("INDELIBLE_COMPLETE", "fish").args(words).stdin(std::process::Stdio::null());
    let output = command.output().expect("the binary starts");
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]), "{words:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let value = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
    // Where no value fits, options are offered: they are another test's.
    let is_option = words.last().is_some_and(|word| word.starts_with('-'));
    text.lines().map(value).filter(|value| value.starts_with('-') == is_option).collect()
}

#[test]
fn completions_offer_commands_options_and_the_values_of_a_running_server() {
    let store = Store::new();
    // Without a server no value is offered, and nothing said.
    assert_eq!(offered(&store, &["tenant", "show", "de"]), [""; 0]);
    let server = store.serve();
    for action in ["invoice.approve", "invoice.approve", "invoice.void"] {
        let event = format!(r#"{{"action":"{action}","actor":"ana"}}"#);
        assert_eq!(server.post("/v1/events", &event).status, 200);
    }
    let key = server.client.token.split('_').nth(1).expect("a look-up part").to_owned();
    let cases: [(&[&str], &[&str]); 6] = [
        (&["sea"], &["search"]),
        (&["search", "--js"], &["--json", "--jsonl"]),
        (&["send", "invoice"], &["invoice.approve", "invoice.void"]),
        (&["tenant", "show", "de"], &["default"]),
        (&["key", "ls", "--tenant", "sys"], &["system"]),
        (&["key", "revoke", &key], &[&key]),
    ];
    for (words, expected) in cases {
        assert_eq!(offered(&store, words), expected, "{words:?}");
    }
    server.stop();
    assert_eq!(offered(&store, &["send", "invoice"]), [""; 0], "the server is gone");
}
