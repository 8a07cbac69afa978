//! One segment file. The file itself is still to come: this is what views need to know of it.

use std::ops::Range;

/// An open segment.
#[derive(Debug)]
pub struct Segment {
    indices: Range<u64>,
}

impl Segment {
    /// The indices that it covers.
    pub fn indices(&self) -> Range<u64> {
        self.indices.clone()
    }
}
