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
        "config init",
        "config init -o F",
        "config check --config F --deny-warnings --json --listen 127.0.0.1:0",
        "config show --origin --json",
        "config schema",
        "completions bash",
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

/// The command line of blank-separated words, with a real id for `ID`.
fn parse(line: &str) -> Result<Cli, clap::Error> {
    let words = line.split_whitespace().map(|word| if word == "ID" { ID } else { word });
    Cli::try_parse_from(std::iter::once("indelible").chain(words))
}
