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
