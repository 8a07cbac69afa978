//! Who wins, and which addresses get a token.

use super::*;

fn from_file() -> Result<Connection, Error> {
    Ok(Connection {
        url: "http://127.0.0.1:1".to_owned(),
        token: "ind_file".to_owned(),
        tenant: "default".to_owned(),
        checkpoint_keys: vec!["k".to_owned()],
    })
}

#[test]
fn the_environment_wins_over_the_file() {
    let text = |text: &str| Some(text.to_owned());
    // (INDELIBLE_URL, token from the environment, url, token, tenant)
    let cases = [
        (None, None, "http://127.0.0.1:1", "ind_file", "default"),
        (text("http://localhost:2"), None, "http://localhost:2", "ind_file", "default"),
        (None, text("ind_env\n"), URL, "ind_env", ""),
        (text("http://localhost:2"), text("ind_env"), "http://localhost:2", "ind_env", ""),
    ];
    for (url, token, expected_url, expected_token, tenant) in cases {
        let found = Connection::choose(url, token, from_file).unwrap();
        assert_eq!((found.url.as_str(), found.token.as_str()), (expected_url, expected_token));
        assert_eq!(found.tenant, tenant);
    }
    assert!(!format!("{:?}", from_file()).contains("ind_file"));
}

#[test]
fn a_token_goes_to_this_machine_only() {
    let base = |url: &str| {
        let connection = Connection { url: url.to_owned(), ..from_file().unwrap() };
        connection.base_url().map(str::to_owned).map_err(|error| error.to_string())
    };
    for url in
        ["http://127.0.0.1:7070", "http://localhost", "http://[::1]:80", "http://127.9.9.9:1"]
    {
        assert_eq!(base(url).as_deref(), Ok(url));
    }
    assert_eq!(base("http://localhost:1/").as_deref(), Ok("http://localhost:1"));
    let refused = [
        "",
        "localhost:7070",
        "https://127.0.0.1:7070",
        "http://",
        "http://10.0.0.1:7070",
        "http://example.org",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "http://127.0.0.1@example.org",
        "http://localhost:1/v1",
        "http://[::2]:80",
        "http://0.0.0.0:80",
    ];
    for url in refused {
        assert!(base(url).is_err(), "{url}");
    }
}

#[test]
fn files_are_read_within_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client.json");
    assert!(read_connection(&path).unwrap_err().to_string().contains("cannot be read"));
    std::fs::write(&path, serde_json::to_vec(&from_file().unwrap()).unwrap()).unwrap();
    assert_eq!(read_connection(&path), from_file());
    std::fs::write(&path, r#"{"url":"http://127.0.0.1:1","token":"t"}"#).unwrap();
    assert_eq!(read_connection(&path).unwrap().tenant, "");
    std::fs::write(&path, "{}").unwrap();
    assert!(read_connection(&path).unwrap_err().to_string().contains("is not a connection file"));
}
