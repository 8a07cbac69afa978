//! Death at every single operation of a small run, first start included: no operation may be the
//! one at which a promise breaks.

use sim::disk::Crash;
use sim::world::{Death, Plan, run};

/// Of these the first process fills log files, archives and trims.
const SEEDS: [u64; 4] = [2, 39, 70, 110];
const TURNS: u64 = 8;

#[test]
fn i1_i12_hold_wherever_the_first_process_dies() {
    for seed in SEEDS {
        for crash in [Crash::PowerCut, Crash::Kill] {
            let mut operation = 0;
            loop {
                let first = Some(Death { operation, crash });
                let plan = Plan { lives: 2, turns: TURNS, first };
                let report = match run(seed, plan) {
                    Ok(report) => report,
                    Err(broken) => panic!("death at operation {operation}, {crash:?}: {broken}"),
                };
                // The first life is over before its death: every operation of it was tried.
                if report.first_operations <= operation {
                    assert!(report.trimmed > 0, "the log was trimmed in one of its lives");
                    break;
                }
                operation += 1;
            }
            assert!(operation > 40, "a start alone has more than {operation} operations");
        }
    }
}
