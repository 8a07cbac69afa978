//! The seed loop, the quick share: I1, I3, I4 and I5 (and I2, I6, I8, I12 on the way) over a few hundred
//! lives under every fault that the simulated disk has. `cargo xtask sim` runs more.

use sim::world::{Plan, Report, run};

const SEEDS: u64 = 250;

fn total(first: u64, count: u64) -> Report {
    let mut total = Report::default();
    for seed in first..first + count {
        match run(seed, Plan::default()) {
            Ok(report) => total.add(&report),
            Err(broken) => panic!("{broken}\nreplay: cargo xtask sim --seed {seed}"),
        }
    }
    total
}

#[test]
fn i1_i3_i4_i5_hold_over_every_seed() {
    let total = total(0, SEEDS);
    // A loop that never meets a fault holds every promise: each must have happened, and often.
    for (what, times) in [
        ("power cuts", total.cuts),
        ("kills", total.kills),
        ("clean stops", total.stops),
        ("starts that died", total.failed_starts),
        ("refused syncs", total.refused_syncs),
        ("records that survived unanswered", total.survived),
        ("log files trimmed", total.trimmed),
        ("starts of a log without its first file", total.based),
        ("times that streams went idle", total.went_idle),
        ("streams that came back", total.returned),
        ("times that files were merged", total.merged),
    ] {
        assert!(times > 50, "only {times} {what}");
    }
    assert!(total.committed > 10_000, "{total}");
    assert!(total.seen > 1_000, "{total}");
}

#[test]
fn one_seed_is_one_run() {
    for seed in [3, 44, 555] {
        let first = run(seed, Plan::default()).unwrap();
        assert_eq!(first, run(seed, Plan::default()).unwrap(), "seed {seed}");
        assert_ne!(first.trace, run(seed + 1, Plan::default()).unwrap().trace, "seed {seed}");
    }
}
