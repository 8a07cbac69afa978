//! Makings that broke off, and folders that are not new.

use event::ids::StoreName;

use super::*;

fn config(root: &Path, data: &str) -> Config {
    Config {
        data_dir: root.join(data),
        key_dir: Some(root.join("keys")),
        store_name: Some(name()),
        ..Config::default()
    }
}

fn name() -> StoreName {
    StoreName::parse("mine").expect("a store name")
}

/// Makes a store up to a step, as if the process had been killed behind it.
fn break_off(root: &Path, config: &Config, step: usize) {
    let (base, now) = (root.join("keys"), Timestamp(7));
    std::fs::create_dir_all(&config.data_dir).expect("a folder");
    let first = [default_tenant(), tenants::system()];
    let keyring = Keyring::draft(&base, &name(), &first).expect("keys");
    if step > 1 {
        let rows = first.map(|tenant| tenants::draw(&keyring, &tenant, now));
        let keys = [draw_local(now).key, draw_admin(now).key];
        Control::draft(&config.data_dir, &name(), &rows, &keys).expect("a draft");
    }
    if step > 2 {
        keyring.publish(&base).expect("named keys");
    }
}

#[test]
fn a_making_that_broke_off_is_finished_or_begun_anew() {
    for (step, is_finished) in [(1, false), (2, false), (3, true)] {
        let root = tempfile::tempdir().expect("a folder");
        let config = config(root.path(), "data");
        break_off(root.path(), &config, step);
        let made = open(&config, Timestamp(9));
        let made = made.unwrap_or_else(|error| panic!("after step {step}: {error}"));
        assert_eq!(made.drawn.is_none(), is_finished, "after step {step}");
        let secret = *made.keyring.root().secret();
        drop(made);
        let opened = open(&config, Timestamp(11)).expect("it is a store");
        assert!(opened.drawn.is_none(), "after step {step}");
        assert_eq!(*opened.keyring.root().secret(), secret, "after step {step}");
        assert_eq!(opened.keyring.folder(), root.path().join("keys/mine"));
    }
}

#[test]
fn a_second_store_does_not_take_the_keys_of_the_first() {
    let root = tempfile::tempdir().expect("a folder");
    let first = open(&config(root.path(), "first"), Timestamp(7)).expect("a new store");
    let path = root.path().join("keys/mine/root.key");
    let key = std::fs::read(&path).expect("a root key");
    let error = open(&config(root.path(), "second"), Timestamp(7)).expect_err("the name is taken");
    assert!(matches!(error, StoreError::Keys(OpenError::Keyring(_))), "{error}");
    assert_eq!(std::fs::read(&path).expect("a root key"), key);
    drop(first);
    open(&config(root.path(), "first"), Timestamp(9)).expect("the first is as it was");
}

#[test]
fn what_a_store_left_behind_is_not_new() {
    for left in
        ["ledger/wal/00000000000000000001.log", "ledger/packs/x", "ledger/acked", "MANIFEST"]
    {
        let root = tempfile::tempdir().expect("a folder");
        let config = config(root.path(), "data");
        let path = config.data_dir.join(left);
        std::fs::create_dir_all(path.parent().expect("a folder above")).expect("folders");
        std::fs::write(&path, "x").expect("a file");
        let error = open(&config, Timestamp(7)).expect_err(left);
        assert!(matches!(error, StoreError::ControlMissing { .. }), "{left}: {error}");
        assert!(!root.path().join("keys").exists(), "{left}: keys were made");
    }
}
