//! What is written comes back, also to somebody who may only look.

use super::*;

fn tenant(name: &str) -> TenantRow {
    TenantRow {
        name: TenantId::parse(name).expect("a tenant name"),
        created_at: Timestamp(7),
        wrapped_kek: vec![1; 93],
        wrapped_ledger_key: vec![2; 77],
    }
}

fn key(lookup: &str, scopes: &str) -> ApiKey {
    ApiKey {
        lookup: lookup.to_owned(),
        sha256: [3; 32],
        principal: Principal {
            tenant: TenantId::parse("default").expect("a tenant name"),
            producer: Some(ProducerId::parse("local").expect("a producer name")),
            scopes: scopes.parse().expect("scopes"),
        },
        created_at: Timestamp(9),
        revoked_at: None,
    }
}

fn store() -> StoreName {
    StoreName::parse("abc-1").expect("a store name")
}

#[test]
fn what_is_written_is_there_after_a_close_and_a_look_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    Control::draft(folder.path(), &store(), &[tenant("default")], &[key("aaaaaaaa", "write,read")])
        .and_then(|()| Control::publish(folder.path()))
        .expect("made");
    let control = Control::open(folder.path()).expect("opened");
    control.add_tenant(&tenant("acme")).expect("a tenant");
    control.add_key(&key("bbbbbbbb", "log:read")).expect("a key");
    control.revoke("bbbbbbbb", Timestamp(11)).expect("ended");
    control.mark_opened().expect("marked");
    let names = || -> Vec<String> {
        let files = std::fs::read_dir(folder.path()).expect("a folder");
        let mut names: Vec<_> = files
            .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    // While it is open, and after it was closed.
    let before = names();
    for content in [look::look(folder.path()), {
        assert_eq!(names(), before);
        control.close().expect("closed");
        assert_eq!(names(), ["control.db"]);
        look::look(folder.path())
    }] {
        let content = content.expect("readable").expect("there");
        assert_eq!(content.store, store());
        assert_eq!(content.state, State::Opened);
        let tenants: Vec<_> = content.tenants.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(tenants, ["acme", "default"]);
        assert_eq!(content.keys.len(), 2);
        assert_eq!(content.keys[1].revoked_at, Some(Timestamp(11)));
        assert_eq!(content.keys[0], key("aaaaaaaa", "write,read"));
    }
    assert_eq!(names(), ["control.db"]);
}

#[test]
fn import_keys_are_drawn_once() {
    let folder = tempfile::tempdir().expect("a folder");
    Control::draft(folder.path(), &store(), &[tenant("default")], &[])
        .and_then(|()| Control::publish(folder.path()))
        .expect("made");
    let control = Control::open(folder.path()).expect("opened");
    let (name, producer) = (tenant("default").name, ProducerId::parse("local").expect("a name"));
    let first = control.import_key(&name, &producer, || vec![1; 77]).expect("drawn");
    let again = control.import_key(&name, &producer, || vec![2; 77]).expect("kept");
    assert_eq!(first, again);
}

#[test]
fn a_database_of_another_version_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    Control::draft(folder.path(), &store(), &[], &[])
        .and_then(|()| Control::publish(folder.path()))
        .expect("made");
    let database = Connection::open(folder.path().join("control.db")).expect("open");
    database.pragma_update(None, "user_version", 2).expect("changed");
    drop(database);
    let error = Control::open(folder.path()).expect_err("another version");
    assert!(error.to_string().contains("version is 2"), "{error}");
}
