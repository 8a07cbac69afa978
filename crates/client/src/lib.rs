//! The producer: sends events to Indelible and keeps what proves it.
