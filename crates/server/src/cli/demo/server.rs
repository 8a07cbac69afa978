//! A server in this process: the one of `serve`, on a thread of its own.
//!
//! Promises: it ends on a signal as `serve` does, and when it is told to; its end is told with its exit code. Refuses to
//! outlive its owner: whoever drops it has told it to stop.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::cli::exit::{Exit, Failure};
use crate::cli::serve;
use crate::clock::Clock;
use crate::config::{Config, Live, Sources};
use crate::failures;
use crate::logs::Log;
use crate::recovery::Clocks;
use crate::run::{self, Audience, Caller, ClockWord};

/// What the servers of one process share.
#[derive(Debug)]
pub(super) struct Stage {
    /// The clock.
    pub(super) clock: Clock,
    /// The log.
    pub(super) log: Arc<Log>,
}

/// A server that was started.
#[derive(Debug)]
pub(super) struct Running {
    /// Its configuration.
    pub(super) config: Arc<Config>,
    ready: Receiver<String>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<Result<Exit, Failure>>,
}

impl Running {
    /// Starts one.
    pub(super) fn start(live: Live, stage: &Stage) -> Result<Running, Failure> {
        let config = live.now();
        let (tell, ready) = sync_channel(1);
        let (stop, stopped) = watch::channel(false);
        let audience = Audience::Caller(Caller { ready: tell, stop: stopped });
        let clocks = Clocks { clock: stage.clock, word: ClockWord::Judged };
        let log = Arc::clone(&stage.log);
        let work = move || run::run(Arc::new(live), &log, clocks, audience);
        let thread = std::thread::Builder::new().name("serve".to_owned()).spawn(work);
        let thread = thread.map_err(|error| failures::io(&error))?;
        Ok(Running { config, ready, stop, thread })
    }

    /// Its address once it is ready; `None` if it ended before.
    pub(super) fn ready(&self) -> Option<String> {
        self.ready.recv().ok()
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Tells it to stop, and waits for its end.
    pub(super) fn stop(self) -> Result<Exit, Failure> {
        let _ended_already = self.stop.send(true);
        self.end()
    }

    /// Waits for its end.
    pub(super) fn end(self) -> Result<Exit, Failure> {
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| {
            Err(Failure::new(Exit::Failed, "the server broke off", "its log on stderr says why"))
        })
    }
}

/// The configuration of these sources, with other values of some flags.
pub(super) fn with_flags(
    mut sources: Sources,
    flags: &[(&'static str, &str)],
) -> Result<Live, Failure> {
    for (flag, value) in flags {
        sources.flags.retain(|(name, _)| name != flag);
        sources.flags.push((flag, (*value).to_owned()));
    }
    let loaded = sources.load();
    Live::new(sources, loaded).map_err(|refused| serve::refused(&refused))
}
