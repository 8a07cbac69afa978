//! Percentiles, medians and ratios.

use super::*;

fn latencies(ms: impl IntoIterator<Item = u64>) -> Latencies {
    Latencies(ms.into_iter().map(Duration::from_millis).collect())
}

fn scenario(name: &'static str, rival: Option<&'static str>, seconds: &[f64]) -> Scenario {
    let run = |seconds: &f64| Run { events: 100, seconds: *seconds, latencies: latencies([5]) };
    Scenario {
        name,
        batch: 10,
        connections: 2,
        durable: "fdatasync",
        rival,
        runs: seconds.iter().map(run).collect(),
    }
}

#[test]
fn percentiles_are_of_the_sorted_list() {
    let all = latencies((1..=100).rev());
    assert_eq!(all.percentile_ms(50), Some(50.0));
    assert_eq!(all.percentile_ms(99), Some(99.0));
    assert_eq!(latencies([7]).percentile_ms(99), Some(7.0));
    assert_eq!(Latencies::default().percentile_ms(50), None);
}

#[test]
fn a_line_has_the_median_and_the_ratio_to_its_rival() {
    let ours = scenario("ours", Some("theirs"), &[1.0, 4.0, 2.0]);
    let theirs = scenario("theirs", None, &[4.0]);
    let text = text(&[ours, theirs], (0.1, 0.2));
    assert!(text.contains("ours,3,100,10,2,50,2.00,5.00,5.00,fdatasync"), "{text}");
    assert!(text.contains("ours: 50 events/s, 2.00x theirs"), "{text}");
    assert!(text.contains("theirs,1,100,10,2,25,,5.00,5.00,fdatasync"), "{text}");
}
