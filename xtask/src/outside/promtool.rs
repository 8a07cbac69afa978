//! Prometheus's own checker over a scrape of a running server and over the alert rules. It promises
//! to see something wrong where there is: a scrape with a badly named figure must be found first.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{shipped, there};
use crate::crash::http::Http;
use crate::crash::server::Home;
use crate::run;

/// A figure that breaks a rule: a counter whose name does not say so.
const WRONG: &str =
    "# HELP indelible_wrong what is counted\n# TYPE indelible_wrong counter\nindelible_wrong 1\n";

/// Checks figures and rules.
pub(super) fn run(binary: &Path) -> Result<(), String> {
    if !there("promtool", "prometheus") {
        return Ok(());
    }
    if metrics(WRONG).is_ok() {
        return Err("promtool finds nothing wrong with a badly named figure".into());
    }
    let scraped = scrape(binary)?;
    metrics(&scraped)?;
    let mut rules = Command::new("promtool");
    rules.args(["check", "rules"]).arg(shipped("packaging/monitoring/alerts.yml"));
    run::step(&mut rules)?;
    let lines = scraped.lines().filter(|line| line.starts_with("# TYPE ")).count();
    run::say(&format!("promtool: {lines} figures and the alert rules are as they should be"));
    Ok(())
}

/// What a server shows that has just begun.
fn scrape(binary: &Path) -> Result<String, String> {
    let home = Home::new(binary, 7)?;
    let server = home.serve()?;
    let mut http =
        Http::connect(&server.door).map_err(|error| format!("no connection: {error}"))?;
    let reply =
        http.call("GET /metrics", "", b"").map_err(|error| format!("no scrape: {error}"))?;
    server.stop()?;
    home.remove();
    match reply.status {
        200 => Ok(String::from_utf8_lossy(&reply.body).into_owned()),
        other => Err(format!("`/metrics` was answered with {other}")),
    }
}

/// `promtool check metrics` of a text.
fn metrics(text: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot run promtool: {error}");
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes()).map_err(failed)?;
    }
    let ended = child.wait_with_output().map_err(failed)?;
    let said = String::from_utf8_lossy(&ended.stderr);
    match ended.status.success() && said.trim().is_empty() {
        true => Ok(()),
        false => Err(format!("promtool check metrics:\n{said}")),
    }
}
