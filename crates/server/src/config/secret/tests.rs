//! References that are taken, opened and refused; none of the words holds the secret.

use toml::de::DeTable;

use super::*;

/// What the value `text` of a key is taken for.
fn read(text: &str) -> Result<SecretReference, Wrong> {
    let line = format!("key = {text}");
    let table = DeTable::parse(&line).expect("TOML");
    SecretReference::read(table.get_ref().get("key").expect("a value").get_ref())
}

#[test]
fn a_reference_names_one_place_and_a_secret_is_none() {
    let taken = [
        ("{ file = \"/k\" }", SecretReference::File(PathBuf::from("/k"))),
        ("{ env = \"KEY\" }", SecretReference::Env("KEY".to_owned())),
        ("{ credential = \"key\" }", SecretReference::Credential("key".to_owned())),
    ];
    for (text, reference) in taken {
        assert_eq!(read(text), Ok(reference), "{text}");
    }
    let refused = [
        ("\"hunter2\"", "never itself"),
        ("17", "never itself"),
        ("{}", "one place"),
        ("{ file = \"/k\", env = \"KEY\" }", "one place"),
        ("{ file = \"\" }", "by a text"),
        ("{ file = 1 }", "by a text"),
        ("{ vault = \"k\" }", "a `file`, an `env` or a `credential`"),
        ("{ credential = \"../k\" }", "by its name alone"),
    ];
    for (text, words) in refused {
        let wrong = read(text).expect_err(text);
        assert!(wrong.what.contains(words), "{text}: {}", wrong.what);
        assert!(!wrong.what.contains("hunter2") && !wrong.hint.contains("hunter2"));
    }
}

#[test]
fn a_reference_is_opened_where_it_leads_or_says_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("key"), "hunter2\n").expect("a file");
    std::fs::write(folder.path().join("empty"), "\n").expect("a file");
    let credentials = folder.path().display().to_string();
    let environment = BTreeMap::from([
        ("KEY".to_owned(), "hunter2".to_owned()),
        ("CREDENTIALS_DIRECTORY".to_owned(), credentials),
    ]);
    let of = |name: &str| SecretReference::File(folder.path().join(name));
    let credential = |name: &str| SecretReference::Credential(name.to_owned());
    let env = |name: &str| SecretReference::Env(name.to_owned());
    for reference in [of("key"), env("KEY"), credential("key")] {
        let opened = reference.open(&environment).expect("a secret");
        assert_eq!(opened.as_str(), "hunter2", "{reference:?}");
    }
    let refused = [
        (of("none"), &environment, "cannot be read"),
        (of("empty"), &environment, "an empty secret"),
        (env("NONE"), &environment, "is not set"),
        (credential("none"), &environment, "cannot be read"),
        (credential("key"), &BTreeMap::new(), "only a service of systemd"),
    ];
    for (reference, environment, words) in refused {
        let why = reference.open(environment).expect_err(words);
        assert!(why.contains(words), "{why}");
    }
}
