//! What an outbox refuses before it has a database; the rest is `cargo xtask outbox`, on a real one.
#![cfg(test)]

mod guide;

use indelible_client::{Audit, Connection, Error as ClientError};
use indelible_outbox::{Error, Outbox, Relay};
use sqlx::postgres::PgPoolOptions;

fn connection(url: &str) -> Connection {
    Connection {
        url: url.to_owned(),
        token: "ind_aaaaaaaa_secret".to_owned(),
        tenant: String::new(),
        checkpoint_keys: Vec::new(),
    }
}

#[tokio::test]
async fn a_relay_is_refused_that_could_not_work() {
    let pool = |most| {
        let soon = std::time::Duration::from_millis(100);
        let options = PgPoolOptions::new().max_connections(most).acquire_timeout(soon);
        options.connect_lazy("postgres://nobody@127.0.0.1:1/none").unwrap()
    };
    // (connections, address, why it is refused)
    let cases = [
        (1, "http://127.0.0.1:7070", "room for one connection"),
        (2, "https://127.0.0.1:7070", "begins with http://"),
        (2, "http://10.0.0.7:7070", "another machine"),
    ];
    for (most, url, words) in cases {
        let error = Relay::new(pool(most), &connection(url)).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let relay = Relay::new(pool(2), &connection("http://127.0.0.1:7070")).unwrap();
    assert!(matches!(relay.turn().await, Err(Error::Database(_))), "there is no database");
}

#[test]
fn events_of_an_outbox_go_nowhere_else() {
    let outbox = Outbox::new("billing-api").unwrap();
    let record = || outbox.record("invoice.pay").actor("ana@acme");
    let refused = [
        record().send().map(|_| ()),
        record().best_effort(),
        record().hand_over(),
        record().commit().wait().map(|_| ()),
    ];
    for result in refused {
        assert!(matches!(result, Err(ClientError::Setup { .. })), "{result:?}");
    }
    let (id, json) = record().into_json().unwrap();
    let said: &str = std::str::from_utf8(&json).unwrap();
    assert!(said.contains(&id.to_string()) && !said.contains('\n'), "{said}");
    assert!(matches!(outbox.record("pay").into_json(), Err(ClientError::Invalid { .. })));
    assert!(Outbox::new("Billing API").is_err());
    let known = record().id(id).into_json().unwrap();
    assert_eq!(known.0, id, "an id that it has stays");
    let (audit, _) = Audit::recorder("billing-api").unwrap();
    assert!(audit.record("invoice.pay").actor("a").into_json().is_ok(), "any audit makes events");
}
