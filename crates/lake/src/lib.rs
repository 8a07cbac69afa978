//! The archive: records to Arrow rows, and the hot tail.
