//! Every limit on a search, by name.
//!
//! Promises: each constant has a test that meets it and one that passes it. Refuses to be configurable: a saved search
//! that one store reads must not be refused by another.

/// Bytes of a search.
pub const SEARCH_BYTES_MAX: usize = 8 * 1024;
/// Groups inside one another.
pub const SEARCH_DEPTH_MAX: usize = 16;
/// Terms, values and groups together.
pub const SEARCH_NODES_MAX: usize = 256;
/// Segments of a path, as in `attrs.order.total`.
pub const PATH_SEGMENTS_MAX: usize = 16;
/// Stars of one value.
pub const STARS_MAX: usize = 8;
/// Suggestions of one completion.
pub const SUGGESTIONS_MAX: usize = 20;
