//! What is kept in memory of segment files, under one budget of bytes: the least recently asked for
//! goes first.
//!
//! Promises: what is kept is never more than the budget; two who ask at once may both load, and get
//! equal values. It knows no files.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Error;

/// What of a segment is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// Metadata, page indexes, run tables, the directory of names.
    Footer,
    /// At which row each index is.
    Order,
    /// The bloom filters of its ids.
    Blooms,
    /// Its rollup partial.
    Rollup,
    /// The sum of its rollup partial and of all before it.
    Sum,
}

/// A segment's number, and what of it.
pub type Key = (u64, What);

/// Values by key, up to a budget.
pub struct Cache {
    max: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    values: HashMap<Key, Value>,
    bytes: usize,
    /// Counts the questions: the age of a value is when it was last asked for.
    asked: u64,
}

struct Value {
    value: Arc<dyn Any + Send + Sync>,
    bytes: usize,
    asked: u64,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("max", &self.max).finish_non_exhaustive()
    }
}

impl Cache {
    /// An empty cache that keeps at most `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Cache {
        Cache { max: bytes_max, kept: Mutex::default() }
    }

    /// Bytes that are kept now.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// The value of a key: what is kept, else what `load` gives, with its size.
    ///
    /// # Errors
    /// Those of `load`; then nothing is kept.
    pub fn get<T: Any + Send + Sync>(
        &self,
        key: Key,
        load: impl FnOnce() -> Result<(T, usize), Error>,
    ) -> Result<Arc<T>, Error> {
        if let Some(value) = self.kept(key) {
            return Ok(value);
        }
        let (value, bytes) = load()?;
        let value = Arc::new(value);
        self.keep(key, &value, bytes);
        Ok(value)
    }

    /// The value of a key, if it is kept.
    pub fn kept<T: Any + Send + Sync>(&self, key: Key) -> Option<Arc<T>> {
        self.lock().look(key)?.downcast().ok()
    }

    /// Keeps a value of so many bytes, as long as there is room.
    pub fn keep<T: Any + Send + Sync>(&self, key: Key, value: &Arc<T>, bytes: usize) {
        let shared: Arc<dyn Any + Send + Sync> = Arc::<T>::clone(value);
        self.lock().keep(key, (shared, bytes), self.max);
    }

    /// Drops all that is kept of a segment.
    pub fn forget(&self, segment: u64) {
        for what in [What::Footer, What::Order, What::Blooms, What::Rollup, What::Sum] {
            self.lock().remove((segment, what));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn look(&mut self, key: Key) -> Option<Arc<dyn Any + Send + Sync>> {
        self.asked += 1;
        let value = self.values.get_mut(&key)?;
        value.asked = self.asked;
        Some(Arc::clone(&value.value))
    }

    fn keep(&mut self, key: Key, (value, bytes): (Arc<dyn Any + Send + Sync>, usize), max: usize) {
        self.remove(key);
        if bytes > max {
            return;
        }
        // Linear, but only where something is loaded, which costs a hundred times more.
        while self.bytes + bytes > max {
            let oldest = self.values.iter().min_by_key(|(_, value)| value.asked);
            let Some(oldest) = oldest.map(|(key, _)| *key) else { break };
            self.remove(oldest);
        }
        self.bytes += bytes;
        self.values.insert(key, Value { value, bytes, asked: self.asked });
    }

    fn remove(&mut self, key: Key) {
        if let Some(value) = self.values.remove(&key) {
            self.bytes -= value.bytes;
        }
    }
}

#[cfg(test)]
mod tests;
