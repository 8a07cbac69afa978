//! A running digest of a simulation, to say that two runs were the same run. It is quick and the
//! same everywhere, and is not meant to resist anybody.

/// The digest so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace(u64);

impl Trace {
    /// The digest of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Adds bytes, their length first, so that two neighbours cannot be mistaken for one.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.add(bytes);
    }

    /// Adds a text.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Adds a number.
    pub fn number(&mut self, number: u64) {
        self.add(&number.to_be_bytes());
    }

    /// The digest as a number.
    #[must_use]
    pub fn value(self) -> u64 {
        self.0
    }

    fn add(&mut self, bytes: &[u8]) {
        // Eight bytes a step: a simulation hashes every zero of every fresh file.
        for chunk in bytes.chunks(8) {
            let word = chunk.iter().fold(0, |word: u64, byte| (word << 8) | u64::from(*byte));
            self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.0 ^= self.0 >> 29;
        }
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}
