//! What the crate promises to other languages and to the disk, tested from outside.

// The name by which every other crate of the workspace knows this one.
extern crate indelible_event as event;

#[cfg(test)]
mod arbitrary;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod search;
#[cfg(test)]
mod vectors;
