//! Segment files from outside: what they cost, and that old ones can be read for ever.

// The name by which every other crate of the workspace knows this one.
extern crate indelible_lake as lake;

#[cfg(test)]
mod events;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod measure;
