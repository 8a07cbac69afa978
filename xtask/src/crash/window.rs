//! Twenty processes without streams, killed at random. An outside feeder draws the ids and repeats
//! each event until some process has seen it acknowledged; the server is killed and restarted on
//! the way as well. Each id must be stored once (I5), and at least 200 retries must have been
//! answered `duplicate`, or the run has not tried what it is for. On a build without the id window
//! the same run must find an id that is stored twice.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use super::http::Door;
use super::server::Home;
use super::store::{Contents, acknowledged, parse_id};
use super::{Dice, fresh_seed};
use crate::run;

const PROCESSES: usize = 20;
const DUPLICATES_MIN: u64 = 200;
/// One run has this many kills of processes; far more than the retries that it needs.
const KILLS: u64 = 900;
/// The server itself is killed after each of this many kills of processes.
const KILLS_PER_RESTART: u64 = 300;
const DEADLINE: Duration = Duration::from_secs(120);

/// The run on the true build; the figures as a line.
pub(crate) fn run(binary: &Path) -> Result<String, String> {
    let seed = fresh_seed();
    let home = Home::new(binary, seed)?;
    let figures = feed(&home, seed).map_err(|why| format!("window, seed {seed:#x}: {why}"))?;
    home.remove();
    if figures.duplicates < DUPLICATES_MIN {
        return Err(format!("only {} retries were answered `duplicate`", figures.duplicates));
    }
    Ok(format!(
        "id window: {PROCESSES} processes, {} kills, {} restarts of the server, {} events, \
         {} retries answered duplicate; each id stored once",
        figures.kills, figures.restarts, figures.events, figures.duplicates
    ))
}

/// The same run on a build without the id window: it must find a double.
pub(crate) fn must_fail(binary: &Path, name: &str) -> Result<(), String> {
    let seed = fresh_seed();
    let home = Home::new(binary, seed)?;
    let outcome = feed(&home, seed);
    home.remove();
    match outcome {
        Err(why) if why.contains("is stored twice") => {
            run::say(&format!("crash window: the build `{name}` is caught, as it must be: {why}"));
            Ok(())
        }
        Err(why) => Err(format!("the build `{name}` failed for another reason: {why}")),
        Ok(_) => Err(format!("the build `{name}` passed: the run proves nothing")),
    }
}

#[derive(Debug, Default)]
struct Figures {
    kills: u64,
    restarts: u64,
    events: u64,
    duplicates: u64,
}

/// What a process printed, or that it is gone.
enum Said {
    Answer(usize, u64, String),
    Gone(usize, u64),
}

/// The outside feeder: owns the events, the processes and the truth about what was acknowledged.
struct Feeder {
    dice: Dice,
    door: Door,
    token_file: PathBuf,
    workers: Vec<Worker>,
    says: Receiver<Said>,
    say: SyncSender<Said>,
    /// Events that no process has been seen to get acknowledged, to be handed out again.
    again: Vec<String>,
    acknowledged: HashMap<u128, u64>,
    figures: Figures,
    /// Above it no new event is drawn, only old ones are repeated.
    kills_max: u64,
}

struct Worker {
    child: Child,
    stdin: ChildStdin,
    /// Distinguishes this process from earlier ones in the same place.
    life: u64,
    /// What it was handed and has not answered.
    holds: Vec<String>,
}

fn feed(home: &Home, seed: u64) -> Result<Figures, String> {
    let mut server = home.serve()?;
    let (say, says) = sync_channel(1024);
    let mut feeder = Feeder {
        dice: Dice::new(seed),
        door: server.door.clone(),
        token_file: home.root().join("token"),
        workers: Vec::new(),
        says,
        say,
        again: Vec::new(),
        acknowledged: HashMap::new(),
        figures: Figures::default(),
        kills_max: 0,
    };
    while feeder.figures.kills < KILLS {
        feeder.kills_max = feeder.figures.kills + KILLS_PER_RESTART;
        feeder.hire()?;
        feeder.work()?;
        feeder.dismiss();
        if feeder.figures.kills < KILLS {
            server.kill()?;
            server = home.serve()?;
            feeder.door = server.door.clone();
            feeder.figures.restarts += 1;
        }
    }
    feeder.drain()?;
    let contents = Contents::read(&server.door)?;
    server.stop()?;
    feeder.check(&contents)?;
    Ok(feeder.figures)
}

impl Feeder {
    fn hire(&mut self) -> Result<(), String> {
        fs::write(&self.token_file, &self.door.token).map_err(|error| error.to_string())?;
        for at in 0..PROCESSES {
            let worker = self.spawn(at)?;
            self.workers.push(worker);
        }
        for at in 0..PROCESSES {
            self.hand(at)?;
        }
        Ok(())
    }

    fn spawn(&mut self, at: usize) -> Result<Worker, String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(own)
            .args(["crash", "worker", &self.door.host])
            .arg(&self.token_file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start a process: {error}"))?;
        let stdin = child.stdin.take().ok_or("a process without standard input")?;
        let stdout = child.stdout.take().ok_or("a process without standard output")?;
        let (say, life) = (self.say.clone(), self.dice.next());
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if say.send(Said::Answer(at, life, line)).is_err() {
                    return;
                }
            }
            let _ = say.send(Said::Gone(at, life));
        });
        Ok(Worker { child, stdin, life, holds: Vec::new() })
    }

    /// Hands a process its next request: events that were not acknowledged before new ones.
    fn hand(&mut self, at: usize) -> Result<(), String> {
        let count = usize::try_from(1 + self.dice.below(4)).unwrap_or(1);
        let mut events = self.again.split_off(self.again.len().saturating_sub(count));
        while events.len() < count {
            events.push(self.event());
        }
        let worker = self.workers.get_mut(at).ok_or("no such process")?;
        let line =
            if let [only] = &events[..] { only.clone() } else { format!("[{}]", events.join(",")) };
        worker.holds = events;
        // A process that is gone is noticed when its output ends.
        let _ = writeln!(worker.stdin, "{line}");
        Ok(())
    }

    fn event(&mut self) -> String {
        self.figures.events += 1;
        let id = self.dice.uuid();
        format!("{{\"id\":\"{id}\",\"action\":\"user.login\",\"actor\":\"ana@acme\"}}")
    }

    /// Until the kills of this server's life are done: each answer may cost another process its
    /// life, in whatever it is doing.
    fn work(&mut self) -> Result<(), String> {
        while self.figures.kills < self.kills_max {
            match self.says.recv_timeout(DEADLINE).map_err(|_| "no process said anything")? {
                Said::Answer(at, life, line) if self.is_alive(at, life) => {
                    self.take(at, &line)?;
                    self.hand(at)?;
                    if self.dice.below(3) == 0 {
                        let victim = usize::try_from(self.dice.below(20)).unwrap_or(0);
                        self.kill(victim)?;
                    }
                }
                Said::Gone(at, life) if self.is_alive(at, life) => self.replace(at)?,
                Said::Answer(..) | Said::Gone(..) => {}
            }
        }
        Ok(())
    }

    fn is_alive(&self, at: usize, life: u64) -> bool {
        self.workers.get(at).is_some_and(|worker| worker.life == life)
    }

    fn take(&mut self, at: usize, line: &str) -> Result<(), String> {
        let (status, body) = line.split_once(' ').ok_or("a process said something else")?;
        if status != "200" {
            return Err(format!("a request was answered {status}: {body}"));
        }
        let items = acknowledged(body.as_bytes())?;
        let worker = self.workers.get_mut(at).ok_or("no such process")?;
        let events = std::mem::take(&mut worker.holds);
        for (event, item) in events.iter().zip(&items) {
            self.figures.duplicates += u64::from(item.duplicate);
            self.acknowledged.insert(id_of(event)?, item.index);
        }
        Ok(())
    }

    fn kill(&mut self, at: usize) -> Result<(), String> {
        if let Some(worker) = self.workers.get_mut(at) {
            let _ = worker.child.kill();
            self.figures.kills += 1;
        }
        self.replace(at)
    }

    /// A process is gone: what it held goes back, and another one takes its place. What it may
    /// have printed before it died is not looked at: nobody saw it.
    fn replace(&mut self, at: usize) -> Result<(), String> {
        let fresh = self.spawn(at)?;
        let worker = self.workers.get_mut(at).ok_or("no such process")?;
        let mut old = std::mem::replace(worker, fresh);
        let _ = old.child.kill();
        let _ = old.child.wait();
        self.again.append(&mut old.holds);
        self.hand(at)
    }

    /// All processes end; what they held was not seen acknowledged.
    fn dismiss(&mut self) {
        for mut worker in std::mem::take(&mut self.workers) {
            let _ = worker.child.kill();
            let _ = worker.child.wait();
            self.again.append(&mut worker.holds);
        }
    }

    /// Repeats what is left until everything was seen acknowledged.
    fn drain(&mut self) -> Result<(), String> {
        let worker = self.spawn(0)?;
        self.workers = vec![worker];
        while !self.again.is_empty() {
            self.hand(0)?;
            self.wait_for_own()?;
        }
        self.dismiss();
        Ok(())
    }

    /// Waits for the one process that is left; the last words of earlier ones are passed over.
    fn wait_for_own(&mut self) -> Result<(), String> {
        loop {
            match self.says.recv_timeout(DEADLINE).map_err(|_| "no process said anything")? {
                Said::Answer(at, life, line) if self.is_alive(at, life) => {
                    return self.take(at, &line);
                }
                Said::Gone(at, life) if self.is_alive(at, life) => {
                    return Err("the last process ended".into());
                }
                Said::Answer(..) | Said::Gone(..) => {}
            }
        }
    }

    fn check(&self, contents: &Contents) -> Result<(), String> {
        contents.check_once()?;
        for (id, index) in &self.acknowledged {
            if contents.at(*index) != Some(*id) {
                return Err(format!(
                    "I1: id {id:032x} was acknowledged at index {index}, is not there"
                ));
            }
        }
        let (stored, drawn) = (contents.rows.len(), self.figures.events);
        if u64::try_from(stored).ok() == Some(drawn) && self.acknowledged.len() == stored {
            return Ok(());
        }
        let seen = self.acknowledged.len();
        Err(format!("{drawn} events drawn, {seen} acknowledged, {stored} stored"))
    }
}

fn id_of(event: &str) -> Result<u128, String> {
    let value: serde_json::Value =
        serde_json::from_str(event).map_err(|error| error.to_string())?;
    let id = value.get("id").and_then(serde_json::Value::as_str).and_then(parse_id);
    id.ok_or_else(|| "an event without an id".into())
}
