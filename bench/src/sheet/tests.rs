//! A figure is one line of words and one of CSV.

use std::time::Duration;

use super::*;

#[test]
fn each_figure_is_a_line() {
    let mut sheet = Sheet { scenario: "growth", machine: "# here".into(), rows: Vec::new() };
    let of = Measured { system: "ours", events: 10 };
    let (mut slow, mut fast) = (Latencies::default(), Latencies::default());
    slow.push(Duration::from_millis(6));
    fast.push(Duration::from_millis(4));
    sheet.latency(of, "by_id", &slow);
    sheet.ratio(of, "slower", (&slow, &fast, 50));
    sheet.number(of, "memory", 7.0, "MiB");
    let text = sheet.text().unwrap();
    for line in [
        "ours, 10 events: by_id p50 6.00 ms, p99 6.00 ms\n",
        "growth,10,ours,by_id,6.000,6.000,,\n",
        "growth,10,ours,slower,,,1.50,times\n",
        "growth,10,ours,memory,,,7.00,MiB\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}
