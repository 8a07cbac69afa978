//! Development only: the simulator. It promises that one seed is one run: the disk, the clock, the
//! workload and every crash come from it and from nothing else. It is used from tests and from
//! `cargo xtask sim`, never by the product, and holds no product code that tests could come to
//! depend on.
#![expect(
    clippy::indexing_slicing,
    reason = "development only: a panic here is a failed test, and sizes come from our own code"
)]

pub mod disk;
pub mod model;
pub mod random;
pub mod trace;
pub mod workload;
pub mod world;
