//! Events like those of the benchmark: Zipf actors, 16 actions, random ids, 456 bytes.

/// Events like those of the benchmark, `count` of them.
pub(crate) fn bench_events(count: usize) -> Vec<String> {
    let mut state = 7_u64;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    };
    let weights: Vec<f64> = (1_u32..=10_000)
        .scan(0.0, |sum, rank| {
            *sum += 1.0 / f64::from(rank);
            Some(*sum)
        })
        .collect();
    let actions = [
        ("user.login", "session"),
        ("user.logout", "session"),
        ("user.invite", "user"),
        ("user.remove", "user"),
        ("invoice.create", "invoice"),
        ("invoice.approve", "invoice"),
        ("invoice.void", "invoice"),
        ("invoice.export", "report"),
        ("document.read", "document"),
        ("document.update", "document"),
        ("document.share", "document"),
        ("role.grant", "role"),
        ("role.revoke", "role"),
        ("apikey.create", "apikey"),
        ("settings.update", "settings"),
        ("payment.refund", "payment"),
    ];
    let mut second = 0;
    let mut made = Vec::with_capacity(count);
    for _ in 0..count {
        let (action, kind) = actions[usize::try_from(next() % 16).unwrap()];
        let at = f64::from(u32::try_from(next() >> 32).unwrap()) / 4_294_967_296.0;
        let at = at * weights[weights.len() - 1];
        let actor = weights.partition_point(|weight| *weight <= at).min(9_999);
        second += next() % 2;
        let (hour, minute) = (second / 3_600 % 24, second / 60 % 60);
        let outcome = if next() % 20 == 0 { "denied" } else { "success" };
        let id = next() & 0xffff_ffff_ffff_0fff | 0x4000;
        made.push(format!(
            r#"{{"id":"{:08x}-{:04x}-{:04x}-{:04x}-{:012x}","occurred_at":"2026-01-01T{hour:02}:{minute:02}:{:02}.{:03}Z","action":"{action}","outcome":"{outcome}","actor":{{"kind":"human","id":"user-{actor:05}"}},"targets":[{{"type":"{kind}","id":"{:08}"}}],"origin":{{"service":"billing-api","ip":"10.{}.{}.{}","user_agent":"Mozilla/5.0 (X11; Linux)"}},"correlation":{{"request_id":"req-{:012x}","trace_id":"{:016x}{:016x}"}},"attrs":{{"amount":{},"region":"eu-west-{}"}}}}"#,
            id >> 32, id >> 16 & 0xffff, id & 0xffff, next() >> 50 | 0x8000, next() >> 16,
            second % 60, next() % 1_000, next() % 2_000_000,
            next() % 256, next() % 256, next() % 256,
            next() >> 16, next(), next() | 1, next() % 1_000_000, next() % 3,
        ));
    }
    made
}
