//! Death at every single operation of a small run, first start included: no operation may be the
//! one at which a promise breaks.

use sim::disk::Crash;
use sim::world::{Death, Plan, run};

/// Runs: the seed, the turns of each process, and what the first process at least comes to besides
/// trimming its log: rounds in which streams went idle, streams that came back, files merged.
const RUNS: [(u64, u64, [u64; 3]); 6] = [
    (2, 8, [0, 0, 0]),
    (39, 8, [0, 0, 0]),
    (70, 8, [0, 0, 0]),
    (448, 8, [1, 0, 0]),
    (1336, 8, [1, 0, 0]),
    (2573, 24, [3, 1, 1]),
];

#[test]
fn i1_i12_hold_wherever_the_first_process_dies() {
    for (seed, turns, idle) in RUNS {
        for crash in [Crash::PowerCut, Crash::Kill] {
            let mut operation = 0;
            loop {
                let first = Some(Death { operation, crash });
                let plan = Plan { lives: 2, turns, first };
                let report = match run(seed, plan) {
                    Ok(report) => report,
                    Err(broken) => panic!("death at operation {operation}, {crash:?}: {broken}"),
                };
                // The first life is over before its death: every operation of it was tried.
                if report.first_operations <= operation {
                    assert!(report.trimmed > 0, "the log was trimmed in one of its lives");
                    let came_to = [report.went_idle, report.returned, report.merged];
                    let enough = came_to.iter().zip(idle).all(|(times, least)| *times >= least);
                    assert!(enough, "seed {seed}: {came_to:?}");
                    break;
                }
                operation += 1;
            }
            assert!(operation > 40, "a start alone has more than {operation} operations");
        }
    }
}
