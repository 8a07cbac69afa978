//! The proofs against things that are not this crate: RFC 6962's text as a model, Certificate Transparency's reference
//! tests, two published crates, and the vectors of a second implementation.
#![cfg(test)]

mod mangle;
mod model;
mod oracle;
mod reference;
mod store;
mod vectors;
