//! Files and variables that are taken, and those that are refused with the place and the key that was meant.

use super::*;

fn loaded(file: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("indelible.toml");
    std::fs::write(&path, file).expect("a file");
    let environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(Some(&path), environment)
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_default() {
    let file =
        "[server]\nlisten = \"127.0.0.1:1\"\ndrain_timeout_ms = 5\n[lake]\nhot_bytes_max = 4096\n";
    let environment = [
        ("INDELIBLE__SERVER__LISTEN", "127.0.0.1:2"),
        ("INDELIBLE__LEDGER__WAL_FILE_BYTES", "65536"),
        ("INDELIBLE_URL", "not a setting"),
    ];
    let config = loaded(file, &environment).expect("a good configuration");
    assert_eq!(config.listen, "127.0.0.1:2");
    assert_eq!(config.drain_timeout_ms, 5);
    assert_eq!(config.hot_bytes_max, 4096);
    assert_eq!(config.wal_file_bytes, 65_536);
    assert_eq!(config.header_timeout_ms, Config::default().header_timeout_ms);
}

#[test]
fn what_is_wrong_is_refused_with_its_place_and_a_hint() {
    // Text of the file, what the error must contain, what the hint must contain.
    let cases = [
        (
            "[server]\nlisen = \"x\"\n",
            "indelible.toml:2: unknown key `server.lisen`",
            "`server.listen`",
        ),
        ("[lake]\n\nhot_byte_max = 5\n", ":3: unknown key", "`lake.hot_bytes_max`"),
        ("listen = \"x\"\n", "unknown key `listen`", "docs/operate"),
        ("[server]\nlisten = 7070\n", ":2: `server.listen` must be a text", "docs/operate"),
        (
            "[lake]\nhot_bytes_max = \"160MiB\"\n",
            "must be a whole number from 1024",
            "docs/operate",
        ),
        ("[lake]\nhot_bytes_max = -1\n", "must be a whole number", "docs/operate"),
        ("[telemetry]\nlog_format = \"xml\"\n", "`logfmt` or `json`", "docs/operate"),
        ("[ledger]\nstore_name = \"Not a name\"\n", "store name", "docs/operate"),
        ("[server]\nlisten = \"a\"\nlisten = \"b\"\n", ":3: ", "TOML"),
        ("[server\n", ":1: ", "TOML"),
    ];
    for (file, what, hint) in cases {
        let error = loaded(file, &[]).expect_err(file);
        assert!(error.to_string().contains(what), "{file:?} gave {error}");
        assert!(error.hint.contains(hint), "{file:?} hinted {}", error.hint);
    }
    let error = loaded("", &[("INDELIBLE__LAKE__HOT", "1")]).expect_err("an unknown variable");
    assert_eq!(error.place, "INDELIBLE__LAKE__HOT");
}

#[test]
fn a_named_file_must_be_there_and_an_unnamed_one_need_not() {
    let error = Config::load(Some(Path::new("no-such-file.toml")), std::iter::empty());
    assert!(error.expect_err("no file").what.contains("cannot be read"));
    assert!(Config::load(None, std::iter::empty()).is_ok());
}

#[test]
fn every_setting_is_documented_and_takes_what_it_is_set_to() {
    let page = include_str!("../../../../docs/operate/configuration.md");
    for setting in SETTINGS {
        let (table, key) = setting.path.split_once('.').expect("a dotted path");
        assert!(page.contains(&format!("`{table}.{key}`")), "`{}` is not documented", setting.path);
    }
}
