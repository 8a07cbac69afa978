//! What is shipped around the binary: the service of systemd and the container, and what the service manager is told.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;
use std::time::Duration;

use crate::harness::{Server, Store};

const UNIT: &str = include_str!("../../../../packaging/systemd/indelible.service");
const CONTAINER: &str = include_str!("../../../../packaging/container/Containerfile");
const COMPOSE: &str = include_str!("../../../../packaging/container/compose.yaml");
/// Far above what any step takes on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// A service manager that only listens.
struct Manager {
    socket: UnixDatagram,
    name: String,
}

impl Manager {
    fn at_path(store: &Store) -> Manager {
        let path = store.root().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        Manager::of(socket, path.display().to_string())
    }

    fn abstract_one(label: &str) -> Manager {
        let name = format!("indelible-{label}-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        Manager::of(UnixDatagram::bind_addr(&address).expect("a socket"), format!("@{name}"))
    }

    fn of(socket: UnixDatagram, name: String) -> Manager {
        socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        Manager { socket, name }
    }

    fn start(&self, store: &Store, variables: &[(&str, &str)]) -> Server {
        let mut command = store.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("NOTIFY_SOCKET", &self.name).envs(variables.iter().copied());
        store.start(command).expect("a start")
    }

    /// Everything that is said until `word` is.
    fn until(&self, word: &str) -> Vec<String> {
        let mut said: Vec<String> = Vec::new();
        while said.last().is_none_or(|last| !last.lines().any(|line| line == word)) {
            let mut datagram = [0; 4096];
            let read = self.socket.recv(&mut datagram);
            let bytes = read.unwrap_or_else(|error| panic!("`{word}`: {error}, after {said:?}"));
            said.push(String::from_utf8_lossy(&datagram[..bytes]).into_owned());
        }
        said
    }
}

#[test]
fn the_service_manager_is_told_of_recovery_readiness_reloads_and_the_stop() {
    let store = Store::new();
    for manager in [Manager::at_path(&store), Manager::abstract_one("told")] {
        let server = manager.start(&store, &[]);
        let said = manager.until("READY=1");
        let (ready, before) = said.split_last().expect("something");
        assert!(ready.contains(&format!("STATUS=serving at {}", server.client.url)), "{ready}");
        assert!(!before.is_empty(), "recovery said nothing");
        for sign in before {
            assert!(sign.starts_with("EXTEND_TIMEOUT_USEC=60000000\nSTATUS=recovering"), "{sign}");
        }
        assert_eq!(server.get("/readyz").status, 200, "ready is ready");
        let sent = Command::new("kill").args(["-HUP", &server.pid().to_string()]).status();
        assert!(sent.expect("`kill` starts").success());
        assert_eq!(manager.until("READY=1"), ["RELOADING=1", "READY=1"]);
        server.stop();
        let last = manager.until("STOPPING=1");
        assert_eq!(last.len(), 1, "{last:?}");
    }
}

#[test]
fn signs_of_life_come_as_long_as_the_ledger_takes_turns_and_only_to_whom_they_are_due() {
    let store = Store::new();
    let manager = Manager::at_path(&store);
    let server = manager.start(&store, &[("WATCHDOG_USEC", "30000")]);
    for _ in 0..3 {
        manager.until("WATCHDOG=1");
    }
    server.stop();
    // Another process was meant: every datagram from the start to the stop is seen, and none of them is a sign of life.
    let manager = Manager::abstract_one("not-meant");
    let server = manager.start(&store, &[("WATCHDOG_USEC", "30000"), ("WATCHDOG_PID", "1")]);
    server.post("/v1/events", r#"{"action":"a.b","actor":"ana"}"#);
    server.stop();
    let said = manager.until("STOPPING=1");
    assert!(said.iter().all(|sign| !sign.contains("WATCHDOG")), "{said:?}");
}

#[test]
fn a_manager_that_is_not_there_stops_nobody() {
    let store = Store::new();
    let mut command = store.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("NOTIFY_SOCKET", store.root().join("nobody"));
    store.start(command).expect("a start").stop();
}

#[test]
fn health_says_whether_an_event_could_be_committed() {
    let store = Store::new();
    let nobody = store.cli(&["health"]);
    assert_eq!(nobody.code, Some(2), "{nobody:?}");
    let server = store.serve();
    let healthy = store.cli(&["health"]);
    assert_eq!((healthy.code, healthy.stdout.as_str()), (Some(0), "ready\n"), "{healthy:?}");
    let checks = store.cli(&["health", "--json"]);
    assert!(checks.stdout.contains("\"ready\":true"), "{checks:?}");
    server.stop();
    let gone = store.cli(&["health"]);
    assert_eq!(gone.code, Some(5), "{gone:?}");
}

#[test]
fn the_unit_and_the_container_say_nothing_that_the_binary_does_not_know() {
    let store = Store::new();
    assert_eq!(store.cli(&["config", "init"]).code, Some(0));
    let ours = UNIT.lines().filter_map(|line| line.split_once("=/usr/bin/indelible "));
    let mut commands = Vec::new();
    for (key, words) in ours {
        let words = words.replace("/etc/indelible/indelible.toml", "indelible.toml");
        commands.push((key.to_owned(), words));
    }
    let keys: Vec<&str> = commands.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["ExecStartPre", "ExecStart", "ExecReload"]);
    let (_, check) = &commands[0];
    assert_eq!(check, &commands[2].1, "a reload is checked as a start is");
    let ran = store.cli(&check.split(' ').collect::<Vec<_>>());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(commands[1].1, check.replace("config check", "serve"), "what is checked is served");
    for (file, text) in [("unit", UNIT), ("Containerfile", CONTAINER), ("compose.yaml", COMPOSE)] {
        let mut variables: Vec<(String, String)> = Vec::new();
        for word in text.split([' ', '\n', '"']).filter(|word| word.contains("INDELIBLE_")) {
            let word = word.strip_prefix("Environment=").unwrap_or(word);
            let (name, value) = word.split_once(['=', ':']).expect(word);
            // In YAML the value stands apart, between quotes.
            let rest =
                text.split(&format!("{name}: \"")).nth(1).and_then(|rest| rest.split('"').next());
            variables.push((name.to_owned(), rest.unwrap_or(value).replace("%S", "/var/lib")));
        }
        assert!(variables.len() >= 2, "{file}: {variables:?}");
        let mut command = store.command(&["config", "check"]);
        let output = command.envs(variables.clone()).output().expect("the binary starts");
        assert!(output.status.success(), "{file}: {variables:?} {output:?}");
    }
}
