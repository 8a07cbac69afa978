//! The running configuration: what every request reads, and what SIGHUP changes.
//!
//! Promises: a reload is taken whole or not at all; a key that cannot change while the server runs keeps its value and is
//! named. Refuses to watch files: who changes one says when it is done.

use std::sync::{Arc, PoisonError, RwLock};

use super::keys::Change;
use super::{Config, Loaded, Mistake, Refused, Setting, Sources};

/// The configuration of a server from its start on.
#[derive(Debug)]
pub(crate) struct Live {
    sources: Sources,
    running: RwLock<Running>,
}

#[derive(Debug)]
struct Running {
    config: Arc<Config>,
    settings: Vec<Setting>,
}

/// What a reload came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reloaded {
    /// Keys whose new value counts from now on.
    pub(crate) changed: Vec<&'static str>,
    /// Keys whose new value counts from the next start on.
    pub(crate) waiting: Vec<&'static str>,
    /// What is probably not meant.
    pub(crate) warnings: Vec<Mistake>,
}

impl Live {
    /// The configuration that `loaded` is, to be read again from `sources`.
    ///
    /// # Errors
    /// When something is wrong with it.
    pub(crate) fn new(sources: Sources, loaded: Loaded) -> Result<Live, Refused> {
        let config = Arc::new(loaded.config()?);
        let running = RwLock::new(Running { config, settings: loaded.settings });
        Ok(Live { sources, running })
    }

    /// What counts at this moment.
    pub(crate) fn now(&self) -> Arc<Config> {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&running.config)
    }

    /// Reads the sources again.
    ///
    /// # Errors
    /// When something is wrong with what they say: nothing has changed then.
    pub(crate) fn reload(&self) -> Result<Reloaded, Refused> {
        let fresh = self.sources.load();
        fresh.config()?;
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        let mut reloaded =
            Reloaded { changed: Vec::new(), waiting: Vec::new(), warnings: fresh.mistakes };
        for (old, new) in running.settings.iter_mut().zip(fresh.settings) {
            match old.key.change {
                _ if old.value == new.value => {}
                Change::Live => {
                    reloaded.changed.push(new.key.name);
                    *old = new;
                }
                Change::Restart => reloaded.waiting.push(new.key.name),
            }
        }
        running.config = Arc::new(Config::of(&running.settings));
        Ok(reloaded)
    }
}

#[cfg(test)]
impl Live {
    /// A configuration without sources.
    pub(crate) fn fixed(config: Config) -> Live {
        let running = Running { config: Arc::new(config), settings: Vec::new() };
        Live { sources: Sources::default(), running: RwLock::new(running) }
    }
}
