//! Named benchmark scenarios.
fn main() {}
