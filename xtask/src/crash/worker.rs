//! One of the processes that get killed: reads request bodies from standard input, one a line, posts
//! each, and prints the answer as one line. It remembers nothing and repeats nothing: that is the
//! feeder's work.

use std::io::{BufRead as _, Write as _};

use super::http::{Door, Http};

/// Runs until standard input ends or the server is gone. The words are host and token file.
pub(crate) fn run(words: &[String]) -> Result<(), String> {
    let [host, token_file] = words else { return Err("worker HOST TOKEN_FILE".into()) };
    let token = std::fs::read_to_string(token_file).map_err(|error| error.to_string())?;
    let door = Door { host: host.clone(), token };
    let mut http = Http::connect(&door).map_err(|error| error.to_string())?;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let body = line.map_err(|error| error.to_string())?;
        let reply = http
            .call("POST /v1/events", "content-type: application/json\r\n", body.as_bytes())
            .map_err(|error| error.to_string())?;
        let answer = String::from_utf8_lossy(&reply.body).replace('\n', " ");
        writeln!(out, "{} {answer}", reply.status).map_err(|error| error.to_string())?;
        out.flush().map_err(|error| error.to_string())?;
    }
    Ok(())
}
