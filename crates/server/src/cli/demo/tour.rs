//! The tour: what is there, and five commands for another terminal.
//!
//! Promises: every line that begins with the binary's name works as pasted, in the folder in which the demo was started.

use std::path::Path;

use super::story::{CLINIC, CLOUD};
use super::traffic::Scene;
use super::{Folders, make};
use crate::cli::exit::Failure;
use crate::cli::text::quoted;
use crate::cli::{connect, print};
use crate::config::Config;

/// Prints it.
pub(super) fn print(scene: &Scene, config: &Config, folders: &Folders) -> Result<(), Failure> {
    let binary = binary();
    let data = option("--data-dir", &folders.data, connect::DATA_DIR);
    let keys = config.key_dir.as_deref().map(|folder| format!(" --key-dir {}", quoted(folder)));
    let keys = keys.unwrap_or_default();
    let (copy, theft) = (quoted(&folders.tampered), &scene.theft);
    let sent = quoted(&scene.keys.join(make::SENT_FILE));
    let token = quoted(&scene.keys.join(make::token_file(CLOUD)));
    let url = &scene.url;
    let header = quoted(
        &std::path::absolute(&folders.data)
            .unwrap_or_else(|_| folders.data.clone())
            .join("auth-header"),
    );
    print::data(&format!(
        "\
three tenants, events coming in:
  default    a shop: people, services, and a helpdesk agent that acts for people
  {CLINIC}  a clinic
  {CLOUD}      2,900 real CloudTrail records, and what happened since

Try, in another terminal in this folder; each line works as pasted:

1  who was denied what? the agent, for instance, may not move money
   {binary} search 'outcome:denied actor.kind:agent' --limit 5{data}
2  watch what happens as it happens
   {binary} tail --since 10s{data} | head -8
3  ask in SQL
   {binary} sql \"select actor_id, count(*) as denied from events where outcome = 'denied' group by actor_id order by denied desc limit 5\"{data}
4  mallory took the list of customers: take a receipt for that, and hold it against what the shop sent, without the server
   {binary} receipt get {theft} -o receipt.json{data} && {binary} verify receipt receipt.json --event {sent}{keys}
5  in a copy of this store somebody changed one word of that event, and mended every checksum: find it
   {binary} verify store --data-dir {copy}{keys}

your own   curl -H @{header} {url}/v1/events -d '{{\"action\":\"user.login\",\"actor\":\"you\"}}'
another    INDELIBLE_URL={url} INDELIBLE_TOKEN_FILE={token} {binary} search 'outcome:denied' --limit 5
stop       Ctrl-C; `{binary} demo` goes on with the same store",
    ))
}

/// The option that names a folder, unless it is the one that is meant anyway.
fn option(name: &str, folder: &Path, default: &str) -> String {
    if folder == Path::new(default) { String::new() } else { format!(" {name} {}", quoted(folder)) }
}

/// The binary as it can be called from here.
fn binary() -> String {
    let Ok(path) = std::env::current_exe() else { return "indelible".to_owned() };
    let here = std::env::current_dir()
        .ok()
        .and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    match here {
        Some(relative) if relative.components().count() > 1 => quoted(&relative),
        Some(relative) => format!("./{}", quoted(&relative)),
        None => quoted(&path),
    }
}
