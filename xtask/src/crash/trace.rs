//! What the kernel saw: a system-call trace of the real binary. For every 2xx to an append the
//! `fdatasync` of the WAL must have returned between its last write and the answer (I1), and a
//! refused `fdatasync` must be followed by no acknowledgement and exit code 70 (I8).

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::fresh_seed;
use super::http::Http;
use super::server::{Home, SERVE, Server};
use super::store::{Contents, acknowledged};
use crate::run;

/// Requests in the trace, one after another.
const REQUESTS: usize = 40;
/// The exit code of a server that stopped itself after a disk fault.
const DISK_FAULT: i32 = 70;
/// The file of every traced store where strace writes.
const TRACE: &str = "trace";

/// Both traces. Says plainly when there is no strace.
pub(crate) fn run(binary: &Path) -> Result<(), String> {
    let there = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        run::say("xtask: NOT RUN: there is no `strace` on this machine");
        return Ok(());
    }
    run::say(&order(binary)?);
    run::say(&refused_sync(binary)?);
    Ok(())
}

/// Appends under a trace of writes, syncs and answers.
fn order(binary: &Path) -> Result<String, String> {
    let home = Home::new(binary, fresh_seed())?;
    let path = home.root().join(TRACE);
    let file = path.display().to_string();
    let before = [
        "-f",
        "-y",
        "-s",
        "24",
        "-o",
        &file,
        "-e",
        "trace=pwrite64,pwritev,write,writev,sendto,sendmsg,fdatasync,fsync",
    ];
    let server = home.start(home.command_under("strace", &before, SERVE))?;
    let mut http = Http::connect(&server.door).map_err(|error| error.to_string())?;
    for number in 0..REQUESTS {
        append(&mut http, number)?;
    }
    // strace is the child; the server is below it, and ends by its own signal.
    stop_traced(&server)?;
    server.wait()?;
    let text = std::fs::read_to_string(&path).map_err(|error| format!("no trace: {error}"))?;
    let answers = check_order(&text)?;
    if answers < REQUESTS {
        return Err(format!("the trace shows {answers} answers, {REQUESTS} were sent"));
    }
    home.remove();
    Ok(format!("trace: {answers} acknowledgements, each after the WAL's fdatasync returned"))
}

fn append(http: &mut Http, number: usize) -> Result<u64, String> {
    let body =
        format!("{{\"action\":\"trace.write\",\"actor\":\"ana\",\"attrs\":{{\"n\":{number}}}}}");
    let headers = "content-type: application/json\r\n";
    let reply = http.call("POST /v1/events", headers, body.as_bytes());
    let reply = reply.map_err(|error| format!("no answer: {error}"))?;
    if reply.status != 200 {
        return Err(format!("answered {}", reply.status));
    }
    let items = acknowledged(&reply.body)?;
    items.first().map(|item| item.index).ok_or_else(|| "an answer without an item".into())
}

/// SIGTERM to the server ends strace as well.
fn stop_traced(server: &Server) -> Result<(), String> {
    let sent = Command::new("kill").args(["-TERM", &traced(server)?]).status();
    sent.map(|_| ()).map_err(|error| format!("cannot send SIGTERM: {error}"))
}

/// The process id of a server under strace: strace is the child, and the server its own.
pub(crate) fn traced(server: &Server) -> Result<String, String> {
    let children = format!("/proc/{0}/task/{0}/children", server.pid());
    let text = std::fs::read_to_string(&children).map_err(|error| error.to_string())?;
    Ok(text.split_whitespace().next().ok_or("strace has no child")?.to_owned())
}

/// Walks a trace; the number of 2xx answers, each of which stood after the sync of every WAL write
/// before it.
pub(crate) fn check_order(trace: &str) -> Result<usize, String> {
    let mut unsynced: Option<&str> = None;
    let (mut answers, mut synced_since) = (0, false);
    // Calls that strace shows in two lines, by thread: the file a sync is for.
    let mut open: Vec<(&str, &str)> = Vec::new();
    for line in trace.lines() {
        let (thread, rest) = line.trim_start().split_once(' ').unwrap_or(("", line));
        let rest = rest.trim_start();
        let wal = rest.contains("/ledger/wal/");
        let unfinished = rest.contains("<unfinished ...>");
        if (rest.starts_with("pwrite") || rest.starts_with("write(")) && wal {
            unsynced = Some(line);
            synced_since = false;
        } else if rest.starts_with("fdatasync") && wal {
            if unfinished {
                open.push((thread, line));
            } else if rest.ends_with("= 0") {
                (unsynced, synced_since) = (None, true);
            }
        } else if rest.starts_with("<... fdatasync resumed>") {
            let ours = open.iter().position(|(other, _)| *other == thread);
            if let Some(at) = ours {
                open.remove(at);
                if rest.ends_with("= 0") {
                    (unsynced, synced_since) = (None, true);
                }
            }
        } else if is_success(rest) {
            if let Some(write) = unsynced {
                return Err(format!("I1: answered before the sync:\n  {write}\n  {line}"));
            }
            if !synced_since {
                return Err(format!(
                    "I1: answered without any sync since the last answer:\n  {line}"
                ));
            }
            answers += 1;
            synced_since = false;
        }
    }
    Ok(answers)
}

fn is_success(call: &str) -> bool {
    let sends =
        ["sendto(", "sendmsg(", "write(", "writev("].iter().any(|name| call.starts_with(name));
    sends && call.contains("HTTP/1.1 200")
}

/// The third sync of the running server is refused: what was acknowledged before stays, nothing is
/// acknowledged after, and the process ends with 70.
fn refused_sync(binary: &Path) -> Result<String, String> {
    let home = Home::new(binary, fresh_seed())?;
    let server = home.serve()?;
    let mut http = Http::connect(&server.door).map_err(|error| error.to_string())?;
    let mut last = append(&mut http, 0)?;
    let mut strace = attach(server.pid())?;
    let mut kept = 1;
    let refused = loop {
        match append(&mut http, kept) {
            Ok(index) => {
                last = index;
                kept += 1;
            }
            Err(why) => break why,
        }
        if kept > REQUESTS {
            return Err("the refused sync never happened".into());
        }
    };
    let late = Http::connect(&server.door).is_ok_and(|mut http| append(&mut http, 0).is_ok());
    if late {
        return Err("I8: an append was acknowledged after the refused sync".into());
    }
    let ended = server.wait()?;
    let _ = strace.wait();
    if ended.code() != Some(DISK_FAULT) {
        return Err(format!("I8: after the refused sync the process ended with {ended}"));
    }
    let again = home.serve()?;
    let contents = Contents::read(&again.door)?;
    contents.check_once()?;
    if contents.at(last).is_none() || contents.rows.len() < kept {
        return Err(format!(
            "I1: {kept} events were acknowledged, {} are left",
            contents.rows.len()
        ));
    }
    again.stop()?;
    home.remove();
    Ok(format!(
        "refused fdatasync: {kept} acknowledged before, none after ({refused}), exit 70, all there again"
    ))
}

/// Attaches strace so that the third `fdatasync` of each thread fails, and waits until it holds.
fn attach(pid: u32) -> Result<Child, String> {
    let mut strace = Command::new("strace")
        .args(["-f", "-p", &pid.to_string(), "-e", "trace=fdatasync"])
        .args(["-e", "inject=fdatasync:error=EIO:when=3"])
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start strace: {error}"))?;
    let stderr = strace.stderr.take().ok_or("strace without standard error")?;
    let mut lines = BufReader::new(stderr).lines();
    loop {
        match lines.next() {
            Some(Ok(line)) if line.contains("attached") => break,
            Some(Ok(_)) => {}
            _ => return Err("strace could not attach".into()),
        }
    }
    // Its further words must be read, or it would block on a full pipe.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    Ok(strace)
}

#[cfg(test)]
mod tests;
