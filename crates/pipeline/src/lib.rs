//! The way in: wire bytes to events to records, one verdict an item. No IO.
