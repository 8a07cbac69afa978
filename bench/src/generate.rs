//! The synthetic audit event: Zipf actors, 16 actions, random id, trace id and address, 456 bytes on
//! average, the same for the same seed. It refuses to read a clock: times go up from a fixed day.

/// Bytes of an event on average, without the line end.
pub(crate) const EVENT_BYTES: usize = 456;
/// How many actors there are; the first is met about every tenth event.
const ACTORS: usize = 10_000;
/// Targets, of which the first thousand are met more often.
const TARGETS: u64 = 2_000_000;
const HOT_TARGETS: u64 = 1_000;
/// 2026-01-01T00:00:00Z.
const DAY_ONE: u64 = 1_767_225_600;

/// Action, target type.
const ACTIONS: [(&str, &str); 16] = [
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

/// A sequence of events.
#[derive(Debug)]
pub(crate) struct Generator {
    draw: Draw,
    /// Cumulative weights of the actors.
    zipf: Vec<f64>,
    second: u64,
}

/// One event: what the columns of a rival's table need, and the JSON that we are sent.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) occurred_at: String,
    pub(crate) action: &'static str,
    pub(crate) actor: String,
    pub(crate) target_type: &'static str,
    pub(crate) target: String,
    pub(crate) json: String,
}

impl Generator {
    /// The events of `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self::starting(seed, 0)
    }

    /// The events of `seed`, so many seconds after the first day.
    pub(crate) fn starting(seed: u64, second: u64) -> Self {
        let mut sum = 0.0;
        let weight = |rank: u32| 1.0 / f64::from(rank);
        let zipf = (1..).take(ACTORS).map(|rank| {
            sum += weight(rank);
            sum
        });
        Self { draw: Draw::new(seed), zipf: zipf.collect(), second }
    }

    /// The next event.
    pub(crate) fn event(&mut self) -> Made {
        let draw = &mut self.draw;
        let (action, kind) = *draw.of(&ACTIONS);
        let actor = format!("user-{:05}", zipf(&self.zipf, draw));
        let target = format!("{:08}", target(&self.zipf, draw));
        let id = uuid(draw);
        let outcome = if draw.below(20) == 0 { "denied" } else { "success" };
        self.second += draw.below(2);
        let occurred_at = time(DAY_ONE + self.second, draw.below(1_000));
        let trace = format!("{:016x}{:016x}", draw.next(), draw.next() | 1);
        let address = format!("10.{}.{}.{}", draw.below(256), draw.below(256), draw.below(256));
        let amount = draw.below(1_000_000);
        let json = format!(
            r#"{{"id":"{id}","occurred_at":"{occurred_at}","action":"{action}","outcome":"{outcome}","actor":{{"kind":"human","id":"{actor}"}},"targets":[{{"type":"{kind}","id":"{target}"}}],"origin":{{"service":"billing-api","ip":"{address}","user_agent":"Mozilla/5.0 (X11; Linux)"}},"correlation":{{"request_id":"req-{:012x}","trace_id":"{trace}"}},"attrs":{{"amount":{amount},"region":"eu-west-{}"}}}}"#,
            draw.next() >> 16,
            draw.below(3),
        );
        Made { id, occurred_at, action, actor, target_type: kind, target, json }
    }

    /// `count` events as NDJSON.
    pub(crate) fn ndjson(&mut self, count: usize) -> Vec<u8> {
        let mut body = Vec::with_capacity(count * (EVENT_BYTES + 16));
        for _ in 0..count {
            body.extend_from_slice(self.event().json.as_bytes());
            body.push(b'\n');
        }
        body
    }
}

/// A rank from 0 whose chance falls as one over the rank.
fn zipf(weights: &[f64], draw: &mut Draw) -> usize {
    let at = draw.fraction() * weights.last().copied().unwrap_or_default();
    weights.partition_point(|weight| *weight <= at).min(weights.len() - 1)
}

/// One target in four is a hot one, and of these the first has every tenth.
fn target(weights: &[f64], draw: &mut Draw) -> u64 {
    if draw.below(4) == 0 {
        return u64::try_from(zipf(weights, draw)).unwrap_or(0) % HOT_TARGETS;
    }
    draw.below(TARGETS)
}

/// Whether a target is one of the hot ones.
pub(crate) fn is_hot(target: &str) -> bool {
    target.parse().is_ok_and(|number: u64| number < HOT_TARGETS)
}

fn uuid(draw: &mut Draw) -> String {
    let (high, low) = (draw.next(), draw.next());
    let high = high & 0xffff_ffff_ffff_0fff | 0x4000;
    let low = low & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// RFC 3339 of a second in January 2026.
fn time(unix: u64, ms: u64) -> String {
    let second = unix - DAY_ONE;
    let (day, of_day) = (second / 86_400 % 28 + 1, second % 86_400);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("2026-01-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// SplitMix64: small, fast, the same everywhere.
#[derive(Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn fraction(&mut self) -> f64 {
        let high = u32::try_from(self.next() >> 32).unwrap_or(0);
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let at = usize::try_from(self.next() >> 33).unwrap_or(0) % list.len();
        list.get(at).expect("a remainder is below the length")
    }
}

#[cfg(test)]
mod tests;
