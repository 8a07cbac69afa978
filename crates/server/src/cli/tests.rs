//! The command line as a person types it: what is read, what is refused, what `--help` says.

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

const ID: &str = "01928f5e-0000-7000-8000-000000000001";

#[test]
fn the_tree_of_commands_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn command_lines_of_the_contract_are_read() {
    let lines = [
        "serve",
        "serve --config F --data-dir D --key-dir K --listen 127.0.0.1:7070 --roles all --accept-clock",
        "serve --listen 127.0.0.1:0 --log info --log-format json",
        "send a.b --actor ana",
        "send a.b --actor ana --target invoice/1 --target user/2 --outcome denied --set k=v --set n=1 --json",
        "send @events.jsonl --data-dir D",
        "send - --events-out F",
        "import cloudtrail folder file.json.gz --json --events-out F",
        "import jsonl events.jsonl --again",
        "show ID",
        "show ID --proof --json",
        "search",
        "search outcome:denied --limit 3 --json",
        "search -kind:read --csv",
        "search a:b --table --data-dir D",
        "tail",
        "tail outcome:denied --since 10m --limit 3 --jsonl",
        "sql SELECT",
        "sql SELECT --json",
        "sql SELECT --format arrow",
        "proof get ID",
        "proof get ID -o F.tlog-proof",
        "receipt get ID -o F",
        "verify store --data-dir D --key-dir K --receipt F --receipt G --key K",
        "verify receipt F --event E --key K --key L --instance 000102030405060708090a0b0c0d0e0f --seq 7",
        "verify checkpoint OLD NEW --proof F --key K",
        "repair wal --data-dir D",
        "repair catalog --data-dir D --key-dir K --json",
        "segment ls --json",
        "segment flush --data-dir D",
        "tenant ls --json",
        "tenant show acme",
        "tenant create acme --data-dir D --key-dir K",
        "key create --tenant acme --producer web --scope write,read",
        "key create --producer web",
        "key ls --tenant acme",
        "key revoke abcdefg2 --json",
        "key revoke ind_abcdefg2",
        "health --data-dir D --json",
        "config init",
        "config init -o F",
        "config check --config F --deny-warnings --json --listen 127.0.0.1:0",
        "config show --origin --json",
        "config schema",
        "doctor --data-dir D --key-dir K --listen 127.0.0.1:0 --json",
        "support-bundle --list --data-dir D",
        "support-bundle --yes --log-file F -o G --config C",
        "completions bash",
        "man",
        "man key create",
        "man --out D",
        "help",
        "help exit-codes",
        "help errors",
        "help tenant create",
        "version --json",
    ];
    for line in lines {
        let read = parse(line);
        assert!(read.is_ok(), "{line}: {}", read.unwrap_err());
    }
}

#[test]
fn command_lines_that_mean_nothing_are_refused() {
    use ErrorKind::{
        ArgumentConflict, DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion,
        InvalidSubcommand, InvalidValue, MissingRequiredArgument, UnknownArgument, ValueValidation,
    };
    let lines = [
        ("", DisplayHelpOnMissingArgumentOrSubcommand),
        ("--help", DisplayHelp),
        ("--version", DisplayVersion),
        ("sned a.b", InvalidSubcommand),
        ("send", MissingRequiredArgument),
        ("send a.b --actor ana --set novalue", ValueValidation),
        ("send a.b --actor ana --set =v", ValueValidation),
        ("send a.b --colour red", UnknownArgument),
        ("show 17", ValueValidation),
        ("sql", MissingRequiredArgument),
        ("sql SELECT --format xml", InvalidValue),
        ("sql SELECT --json --format csv", ArgumentConflict),
        ("proof get", MissingRequiredArgument),
        ("proof ID", InvalidSubcommand),
        ("receipt get x", ValueValidation),
        ("tenant create Acme", ValueValidation),
        ("tenant create a/b", ValueValidation),
        ("key create", MissingRequiredArgument),
        ("key create --producer web --scope everything", InvalidValue),
        ("key create --producer Web", ValueValidation),
        ("key revoke ind_abcdefg2_and-the-secret-of-the-token", ValueValidation),
        ("key revoke short", ValueValidation),
        ("import syslog f", InvalidSubcommand),
        ("import cloudtrail", MissingRequiredArgument),
        ("config", DisplayHelpOnMissingArgumentOrSubcommand),
        ("config explain", InvalidSubcommand),
        ("completions tcl", InvalidValue),
        ("version extra", UnknownArgument),
        ("support-bundle --list --yes", ArgumentConflict),
        ("man send --out D", ArgumentConflict),
    ];
    for (line, kind) in lines {
        let error = parse(line).expect_err(line);
        assert_eq!(error.kind(), kind, "{line}: {error}");
    }
}

#[test]
fn every_command_has_help_with_examples() {
    let mut command = Cli::command();
    command.build();
    for sub in command.get_subcommands() {
        let help = sub.clone().render_help().to_string();
        assert!(help.contains("Examples:\n  indelible "), "{}: {help}", sub.get_name());
    }
}

/// Every help and topic that can be asked for.
fn helps() -> Vec<String> {
    fn walk(command: &clap::Command, found: &mut Vec<String>) {
        found.push(command.clone().render_help().to_string());
        found.push(command.clone().render_long_help().to_string());
        for inner in command.get_subcommands() {
            walk(inner, found);
        }
    }
    let mut root = tree();
    root.build();
    let mut found = vec![FIRST.to_owned(), help::exit_codes(), help::environment()];
    found.extend([help::QUERY.to_owned(), help::errors()]);
    walk(&root, &mut found);
    found
}

#[test]
fn help_shows_examples_first_in_at_most_100_columns() {
    let helps = helps();
    assert!(helps.len() > 60, "{} helps", helps.len());
    for help in helps {
        let long: Vec<_> = help.lines().filter(|line| line.chars().count() > 100).collect();
        assert!(long.is_empty(), "{long:?} of\n{help}");
        if let Some(examples) = help.find("Examples:\n") {
            assert!(Some(examples) < help.find("Usage: "), "{help}");
        }
    }
}

#[test]
fn the_first_day_can_be_typed() {
    let lines = FIRST.lines().filter_map(|line| line.strip_prefix("  indelible "));
    let lines: Vec<_> = lines.filter_map(|line| Some(line.split('#').next()?.trim())).collect();
    assert_eq!(lines.len(), 8);
    for line in lines {
        let mut words = vec!["indelible".to_owned()];
        // A text in quotes is one word.
        for (place, part) in line.split('\'').enumerate() {
            match place % 2 {
                0 => words.extend(part.split_whitespace().map(str::to_owned)),
                _ => words.push(part.to_owned()),
            }
        }
        assert!(parsed(&words).is_ok(), "{words:?}");
    }
}

#[test]
fn misspelt_options_and_topics_are_answered_with_what_was_meant() {
    let misspelt = |line: &str| {
        let words = std::iter::once("indelible").chain(line.split_whitespace());
        typos::misspelt(&words.map(Into::into).collect::<Vec<_>>())
    };
    // (command line, hint)
    let cases = [
        ("search --limt 3", "did you mean `--limit`?"),
        ("search a:b --cvs", "did you mean `--csv`?"),
        ("tail --json", "did you mean `--jsonl`?"),
        ("tail --sinse=10m", "did you mean `--since`?"),
        ("tail --entirely-else", "`indelible tail --help` lists"),
    ];
    for (line, hint) in cases {
        let failure = misspelt(line).unwrap_or_else(|| panic!("{line} is taken"));
        assert!(failure.exit == Exit::Usage && failure.hint.starts_with(hint), "{failure:?}");
    }
    for line in ["search -kind:read --limit 3", "search -- --odd", "send --limt", "serch", "tail"] {
        assert_eq!(misspelt(line), None, "{line}");
    }
    let error = help::help_of(&["exitcodes"]).expect_err("no topic");
    assert_eq!(error.hint, "did you mean `exit-codes`?");
}

/// The page that is made of the tree.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/cli.md");

#[test]
fn the_page_of_commands_is_the_tree() {
    let made = reference::markdown();
    if std::env::var_os("INDELIBLE_WRITE_DOCS").is_some() {
        std::fs::write(PAGE, &made).expect("written");
    }
    let written = std::fs::read_to_string(PAGE).expect("docs/reference/cli.md");
    assert_eq!(written, made, "run this test with INDELIBLE_WRITE_DOCS=1 and commit the page");
}

#[test]
fn every_page_of_the_manual_is_whole() {
    let pages = reference::pages();
    assert!(pages.len() > 30, "{} pages", pages.len());
    for page in &pages {
        assert!(!page.about.is_empty() && page.usage.starts_with("indelible"), "{page:?}");
        for (label, means) in &page.options {
            assert!(!label.is_empty() && !means.is_empty(), "{}: `{label}` {means}", page.name);
        }
        let roff = reference::roff(page, &[]);
        assert!(roff.starts_with(".TH INDELIBLE") && roff.contains(".SH SYNOPSIS\n"), "{roff}");
        // A line that begins with a dot is a request: none may come from a text.
        let requests = [".TH", ".SH", ".TP", ".B ", ".nf", ".fi"];
        for line in roff.lines().filter(|line| line.starts_with(['.', '\''])) {
            assert!(requests.iter().any(|request| line.starts_with(request)), "{line}");
        }
    }
}

#[test]
fn exit_codes_are_explained_where_operators_read() {
    let page = include_str!("../../../../docs/operate/exit-codes.md");
    let page = page.split("\n## ").next().expect("the table of all commands");
    for (exit, meaning) in exit::EXITS {
        let code = *exit as u8;
        assert!(page.contains(&format!("\n| {code} | ")), "{code} ({meaning}) is not in the page");
    }
    let first = |line: &str| line.strip_prefix("| ")?.split(" |").next()?.parse::<u8>().ok();
    let rows = page.lines().filter_map(first);
    assert_eq!(rows.count(), exit::EXITS.len(), "the page has a code that is none");
}

#[test]
fn variables_are_those_that_the_sources_look_at() {
    let sources = [
        include_str!("../keyring.rs"),
        include_str!("../config.rs"),
        include_str!("../../../client/src/connection.rs"),
    ];
    for (name, _) in help::ENVIRONMENT.iter().filter(|(name, _)| name.starts_with("INDELIBLE")) {
        let bare = name.trim_end_matches("A__B");
        assert!(sources.iter().any(|source| source.contains(bare)), "{name} is looked at nowhere");
    }
}

/// The command line of blank-separated words, with a real id for `ID`.
fn parse(line: &str) -> Result<Cli, clap::Error> {
    let words = line.split_whitespace().map(|word| if word == "ID" { ID } else { word });
    parsed(std::iter::once("indelible").chain(words))
}
