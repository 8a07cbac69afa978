//! Requests that nobody here thought of, drawn by schemathesis from the OpenAPI document that the running server gives. It
//! promises that no answer is a 5xx and that every answer is one that the document knows; that a document which lies is
//! found out first; and that a server's own count of 5xx agrees.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::crash::http::Http;
use crate::crash::server::{Home, Server};
use crate::{planted, run};

/// The version that the options below are written for.
const VERSION: &str = "4.32.5";
/// What an answer is held to. Whether data is good is not among it: an event that breaks a rule is a result.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,unsupported_method,allow_header_conformance,\
    ignored_auth,missing_required_header";
/// Requests drawn for each operation, beside those that cover its limits.
const EXAMPLES: &str = "60";
/// Where the server shows its document.
const DOCUMENT: &str = "openapi.json";
/// An event and a number that the examples of the document name.
const NAMED: &[(&str, &str)] = &[
    (
        "",
        r#"{"id":"01928f5e-0000-7000-8000-000000000001","action":"invoice.approve","actor":"ana@acme"}"#,
    ),
    (
        "indelible-instance: 000102030405060708090a0b0c0d0e0f\r\nindelible-seq: 1\r\n",
        r#"{"action":"invoice.approve","actor":"ana@acme"}"#,
    ),
];

/// A server, and the tool pointed at it.
struct Bench<'a> {
    tool: &'a Path,
    url: String,
    folder: &'a Path,
}

/// Runs the tool as a producer and as an administrator.
pub(super) fn run(binary: &Path) -> Result<(), String> {
    let Some(tool) = installed()? else {
        run::say("xtask: NOT RUN: schemathesis cannot be installed (it takes python3 and PyPI)");
        return Ok(());
    };
    let home = Home::new(binary, 11)?;
    let server = home.serve()?;
    let bench =
        Bench { tool: &tool, url: format!("http://{}", server.door.host), folder: home.root() };
    for (headers, event) in NAMED {
        let headers = format!("content-type: application/json\r\n{headers}");
        asked(&server, "POST /v1/events", &headers, event.as_bytes())?;
    }
    bench.finds_a_lie(&server)?;
    bench.passes(&server.door.token)?;
    bench.passes(&admin(home.root())?)?;
    let figures = asked(&server, "GET /metrics", "", b"")?;
    let failed = figures
        .lines()
        .find(|line| line.starts_with("indelible_http_answers_total{class=\"5xx\"}"));
    if failed.is_none_or(|line| !line.ends_with(" 0")) {
        return Err(format!("the server counted a 5xx: {}", failed.unwrap_or("it does not say")));
    }
    server.stop()?;
    home.remove();
    run::say("schemathesis: no 5xx, and no answer that the document does not know");
    Ok(())
}

impl Bench<'_> {
    /// One run over everything that the document has; it must find nothing.
    fn passes(&self, token: &str) -> Result<(), String> {
        let mut command = self.command(&format!("{}/{DOCUMENT}", self.url));
        // The flag that carries the token is not printed: it is this store's alone, and gone with it.
        command.args(["--header", &format!("Authorization: Bearer {token}")]);
        command.args(["--max-examples", EXAMPLES]);
        run::say(&format!("xtask: schemathesis run {}/{DOCUMENT}", self.url));
        let status =
            command.status().map_err(|error| format!("cannot run schemathesis: {error}"))?;
        if status.success() { Ok(()) } else { Err("schemathesis found something".into()) }
    }

    /// The negative control: a document that leaves out a status is found to.
    fn finds_a_lie(&self, server: &Server) -> Result<(), String> {
        let document = asked(server, &format!("GET /{DOCUMENT}"), "", b"")?;
        let lie = self.folder.join(DOCUMENT);
        let written = fs::write(&lie, document.replace("\"401\"", "\"418\""));
        written.map_err(|error| format!("cannot write a document: {error}"))?;
        let mut command = self.command(&lie.display().to_string());
        command.args(["--url", &self.url, "--include-path", "/v1/segments"]);
        let status = command.stdout(Stdio::null()).status();
        match status.map_err(|error| format!("cannot run schemathesis: {error}"))?.success() {
            true => Err("schemathesis believes a document that lies".into()),
            false => Ok(()),
        }
    }

    fn command(&self, document: &str) -> Command {
        let mut command = Command::new(self.tool);
        command.args(["run", document, "--checks", CHECKS]);
        command.args(["--phases", "examples,coverage,fuzzing", "--continue-on-failure"]);
        command.args(["--seed", "1", "--no-color", "--warnings", "off"]);
        command.current_dir(self.folder);
        command
    }
}

/// The tool in an environment of its own below the build folder, made if it is not there.
fn installed() -> Result<Option<PathBuf>, String> {
    let folder = planted::target()?.join("outside").join(format!("schemathesis-{VERSION}"));
    let tool = folder.join("bin/schemathesis");
    if tool.exists() {
        return Ok(Some(tool));
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(&folder);
    let mut install = Command::new(folder.join("bin/pip"));
    install.args(["install", "--quiet", &format!("schemathesis=={VERSION}")]);
    let is_made = run::step(&mut make).and_then(|()| run::step(&mut install)).is_ok();
    Ok(Some(tool).filter(|tool| is_made && tool.exists()))
}

/// One answer of a running server.
fn asked(server: &Server, start: &str, headers: &str, body: &[u8]) -> Result<String, String> {
    let mut http =
        Http::connect(&server.door).map_err(|error| format!("no connection: {error}"))?;
    let reply = http.call(start, headers, body).map_err(|error| format!("{start}: {error}"))?;
    match reply.status {
        200 => Ok(String::from_utf8_lossy(&reply.body).into_owned()),
        other => Err(format!("`{start}` was answered with {other}")),
    }
}

/// The administrator's token, from the key folder.
fn admin(root: &Path) -> Result<String, String> {
    let none = || "there is no admin.json".to_owned();
    let stores = fs::read_dir(root.join("keys")).map_err(|error| format!("no keys: {error}"))?;
    let store = stores.flatten().next().ok_or_else(none)?;
    let text = fs::read_to_string(store.path().join("admin.json")).map_err(|_| none())?;
    let file: serde_json::Value = serde_json::from_str(&text).map_err(|_| none())?;
    file.get("token").and_then(serde_json::Value::as_str).map(str::to_owned).ok_or_else(none)
}
