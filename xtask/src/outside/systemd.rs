//! systemd's own tools over the unit that is shipped. It promises to see a wrong unit where there is one, to hold the
//! score of its hardening, and to hold the system calls of a real run against the filter of the unit: there is no
//! systemd to run it under on the machines that build.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{shipped, there};
use crate::crash::http::Http;
use crate::crash::server::{Home, SERVE};
use crate::crash::trace::traced;
use crate::run;

const UNIT: &str = "packaging/systemd/indelible.service";
/// Tenths of the exposure that `systemd-analyze security` may give: 1.2 of 10.
const EXPOSURE_MAX: &str = "12";
/// A line that no systemd knows.
const WRONG: (&str, &str) = ("MemoryDenyWriteExecute=yes", "MemoryDenyWriteExecution=yes");
/// A unit that may do anything that its user may.
const OPEN: (&str, &str) = ("CapabilityBoundingSet=\n", "\n");

/// Calls that only root's processes make, as those of this check may be; the unit's never are. SQLite gives a journal the
/// owner of its database, and looks first whether it is root.
const OF_ROOT: &[&str] = &["fchown"];

/// Checks the unit.
pub(super) fn run(binary: &Path) -> Result<(), String> {
    if !there("systemd-analyze", "systemd") {
        return Ok(());
    }
    let text =
        std::fs::read_to_string(shipped(UNIT)).map_err(|error| format!("{UNIT}: {error}"))?;
    let home = Home::new(binary, 8)?;
    let unit = home.root().join("indelible.service");
    let write = |text: &str| {
        // The binary is where it was built, and `systemd-analyze` wants to see it.
        let text = text.replace("/usr/bin/indelible", &binary.display().to_string());
        std::fs::write(&unit, text).map_err(|error| format!("cannot write a unit: {error}"))
    };
    write(&text.replace(WRONG.0, WRONG.1))?;
    if verified(&unit).is_ok() {
        return Err("systemd-analyze finds nothing wrong with a wrong unit".into());
    }
    write(&text.replace(OPEN.0, OPEN.1))?;
    if scored(&unit).is_ok() {
        return Err("systemd-analyze finds an open unit as closed as the shipped one".into());
    }
    write(&text)?;
    verified(&unit)?;
    scored(&unit)?;
    filtered(&home, &text)?;
    home.remove();
    Ok(())
}

/// `systemd-analyze verify`, which must have nothing to say.
fn verified(unit: &Path) -> Result<(), String> {
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(unit).output();
    let output = output.map_err(|error| format!("cannot run systemd-analyze: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match output.status.success() && said.is_empty() {
        true => Ok(()),
        false => Err(format!("systemd-analyze verify: {said}")),
    }
}

fn scored(unit: &Path) -> Result<(), String> {
    let mut command = Command::new("systemd-analyze");
    command.args(["security", "--no-pager", "--offline=true", "--threshold", EXPOSURE_MAX]);
    let output = command.arg(unit).output();
    let output = output.map_err(|error| format!("cannot run systemd-analyze: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = said.lines().rev().find(|line| line.contains("exposure level"));
    let last = last.unwrap_or("no score").trim_start_matches(['→', ' ']).to_owned();
    run::say(&format!("systemd: {last}"));
    if output.status.success() { Ok(()) } else { Err(format!("above {EXPOSURE_MAX}: {last}")) }
}

/// Every system call from a start over requests and a reload to the stop is one that the unit lets pass.
fn filtered(home: &Home, unit: &str) -> Result<(), String> {
    if !there("strace", "strace") {
        return Ok(());
    }
    let (trace, file) = trace_of(home);
    let before = ["-f", "-qq", "-e", "signal=none", "-o", &file];
    let server = home.start(home.command_under("strace", &before, SERVE))?;
    let mut http = Http::connect(&server.door).map_err(|error| error.to_string())?;
    for (call, body) in [
        ("POST /v1/events", r#"{"action":"a.b","actor":"ana"}"#),
        ("POST /v1/segments/flush", ""),
        ("POST /v1/query", r#"{"sql":"select * from events order by action"}"#),
        ("GET /metrics", ""),
    ] {
        let reply = http.call(call, "content-type: application/json\r\n", body.as_bytes());
        reply.map_err(|error| format!("{call}: {error}"))?;
    }
    let pid = traced(&server)?;
    for signal in ["-HUP", "-TERM"] {
        let mut kill = Command::new("kill");
        run::step(kill.args([signal, &pid]))?;
    }
    server.wait()?;
    let text = std::fs::read_to_string(&trace).map_err(|error| format!("no trace: {error}"))?;
    let called: BTreeSet<&str> = text.lines().filter_map(call_of).collect();
    let allowed = allowed(unit)?;
    let is_let_pass = |call: &str| allowed.contains(call) || OF_ROOT.contains(&call);
    let refused: Vec<&&str> = called.iter().filter(|call| !is_let_pass(call)).collect();
    if called.len() < 30 || !allowed.contains("fdatasync") || allowed.contains("mount") {
        return Err(format!("the trace or the filter was not understood: {called:?}"));
    }
    if !refused.is_empty() {
        return Err(format!("the unit's filter would refuse {refused:?}"));
    }
    run::say(&format!("systemd: {} kinds of system calls, all within the filter", called.len()));
    Ok(())
}

fn trace_of(home: &Home) -> (PathBuf, String) {
    let path = home.root().join("trace");
    let text = path.display().to_string();
    (path, text)
}

/// The name of the call on a line of strace, which begins with the thread's id.
fn call_of(line: &str) -> Option<&str> {
    let rest = line.split_once(' ')?.1.trim_start();
    let name = rest.strip_prefix("<... ").unwrap_or(rest).split(['(', ' ']).next()?;
    let is_name = !name.is_empty()
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_name.then_some(name)
}

/// The system calls that the lines `SystemCallFilter=` of the unit let pass.
fn allowed(unit: &str) -> Result<BTreeSet<String>, String> {
    let mut allowed = BTreeSet::new();
    for line in unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        match line.strip_prefix('~') {
            // What is in both sets is let pass only if the later line does not take it away.
            Some(taken) => {
                let taken = members(taken)?;
                allowed.retain(|call| !taken.contains(call));
            }
            None => allowed.extend(members(line)?),
        }
    }
    Ok(allowed)
}

/// The calls of a set of systemd, with those of the sets in it.
fn members(set: &str) -> Result<BTreeSet<String>, String> {
    let output =
        Command::new("systemd-analyze").args(["syscall-filter", "--no-pager", set]).output();
    let output = output.map_err(|error| format!("cannot run systemd-analyze: {error}"))?;
    let mut found = BTreeSet::new();
    for line in String::from_utf8_lossy(&output.stdout).lines().skip(1).map(str::trim) {
        match line {
            "" => {}
            comment if comment.starts_with('#') => {}
            inner if inner.starts_with('@') => found.extend(members(inner)?),
            call => {
                found.insert(call.to_owned());
            }
        }
    }
    Ok(found)
}
