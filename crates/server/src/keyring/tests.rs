//! Keys that open, and keys that must not.

use std::os::unix::fs::PermissionsExt;

use super::*;
use event::ids::ProducerId;

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).expect("a tenant name")
}

fn created(base: &Path, store: &StoreName) -> Keyring {
    let drafted = Keyring::draft(base, store, &[tenant("default")]);
    drafted.and_then(|keys| keys.publish(base)).expect("new keys")
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[test]
fn created_keys_open_again_and_nobody_else_may_read_them() {
    let base = tempfile::tempdir().expect("a folder");
    let store = draw_store_name();
    let made = created(base.path(), &store);
    let opened = Keyring::open(base.path(), &store).expect("keys");
    assert_eq!(made.root.secret(), opened.root.secret());
    let key = opened.checkpoint_key(&tenant("default")).expect("a checkpoint key");
    assert_eq!(key.name(), format!("{store}/default"));
    assert_eq!(mode(opened.folder()), 0o700);
    for file in ["root.key", "checkpoint-default.key"] {
        assert_eq!(mode(&opened.folder().join(file)), 0o600, "{file}");
    }
}

#[test]
fn missing_and_foreign_keys_are_refused_by_name() {
    let base = tempfile::tempdir().expect("a folder");
    let (mine, other) = (draw_store_name(), draw_store_name());
    assert!(matches!(Keyring::open(base.path(), &mine), Err(KeyringError::Missing { .. })));
    created(base.path(), &mine);
    std::fs::rename(base.path().join(mine.as_str()), base.path().join(other.as_str()))
        .expect("renamed");
    let error = Keyring::open(base.path(), &other).expect_err("another store's keys");
    assert!(error.to_string().contains(&format!("that of store `{mine}`")), "{error}");
    // A root key moved over without its checkpoint keys' names does not help either.
    let root = base.path().join(other.as_str()).join("root.key");
    let text =
        std::fs::read_to_string(&root).expect("a root key").replace(mine.as_str(), other.as_str());
    std::fs::write(&root, text).expect("written");
    let opened = Keyring::open(base.path(), &other).expect("a renamed root key");
    let error = opened.checkpoint_key(&tenant("default")).expect_err("a key of another origin");
    assert!(matches!(error, KeyringError::Foreign { .. }), "{error}");
}

#[test]
fn a_wrapped_key_opens_only_in_its_own_place() {
    let (store, other) = (draw_store_name(), draw_store_name());
    let root = RootKey::draw();
    let keys = root.draw_tenant(&store, &tenant("a"));
    let (kek, ledger) = (&keys.wrapped_kek[..], &keys.wrapped_ledger[..]);
    let opened = root.open_tenant(&store, &tenant("a"), kek, ledger).expect("own place");
    assert_eq!(opened.ledger_key(), keys.ledger_key());
    assert!(root.open_tenant(&other, &tenant("a"), kek, ledger).is_err(), "another store");
    assert!(root.open_tenant(&store, &tenant("b"), kek, ledger).is_err(), "another tenant");
    assert!(root.open_tenant(&store, &tenant("a"), kek, kek).is_err(), "another kind");
    assert!(
        RootKey::draw().open_tenant(&store, &tenant("a"), kek, ledger).is_err(),
        "another root"
    );
    for position in 0..ledger.len() {
        let mut changed = ledger.to_vec();
        changed[position] ^= 1;
        assert!(root.open_tenant(&store, &tenant("a"), kek, &changed).is_err(), "byte {position}");
    }
}

#[test]
fn import_keys_are_bound_to_their_producer() {
    let store = draw_store_name();
    let keys = RootKey::draw().draw_tenant(&store, &tenant("a"));
    let (ours, theirs) =
        (ProducerId::parse("p").expect("a name"), ProducerId::parse("q").expect("a name"));
    let (key, wrapped) = keys.draw_import_key(&store, &tenant("a"), &ours);
    let opened = keys.open_import_key(&store, &tenant("a"), &ours, &wrapped).expect("own place");
    assert_eq!(opened.0, key.0);
    assert!(keys.open_import_key(&store, &tenant("a"), &theirs, &wrapped).is_err());
}

#[test]
fn drawn_names_differ_and_carry_eighty_bits() {
    let names: std::collections::BTreeSet<_> = (0..100).map(|_| draw_store_name()).collect();
    assert_eq!(names.len(), 100);
    assert!(names.iter().all(|name| name.as_str().len() * 5 >= 80));
}
