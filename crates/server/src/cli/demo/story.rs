//! What happens at three sample tenants: people, services, and an assistant that acts for people.
//!
//! Promises: the same seed tells the same story, whose times alone are new; every event is a valid one. It knows nothing of
//! how events are sent.

use event::ids::Timestamp;
use serde_json::{Value, json};

/// A shop: the tenant whose token lies in the data directory.
pub(super) const SHOP: &str = "default";
/// A clinic.
pub(super) const CLINIC: &str = "northwind";
/// An account with a cloud provider, with the CloudTrail sample.
pub(super) const CLOUD: &str = "cloud";
/// The tenants that the demo makes, beside the one that every store has.
pub(super) const TENANTS: [&str; 2] = [CLINIC, CLOUD];
/// Who took the list of customers away.
pub(super) const INTRUDER: &str = "mallory@acme";
/// What the intruder did.
pub(super) const THEFT: &str = "customer.export";

const SECOND_NS: u64 = 1_000_000_000;
/// How far the history goes back.
const HISTORY_SECONDS: u64 = 14 * 86_400;
/// When the list was taken, before now.
const THEFT_SECONDS: u64 = 26 * 3_600;

/// A draw from a seed: `splitmix64`, whose sequence is the same everywhere.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % count.max(1)
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let place = usize::try_from(self.below(u64::try_from(of.len()).ok()?)).ok()?;
        of.get(place)
    }
}

/// A person: id, name, role, address.
type Person = (&'static str, &'static str, &'static str, &'static str);

const STAFF: [Person; 5] = [
    ("ana@acme", "Ana Silva", "finance", "10.2.4.9"),
    ("bob@acme", "Bob Brandt", "support", "10.2.4.31"),
    ("cho@acme", "Cho Min-ji", "admin", "10.2.4.12"),
    ("dee@acme", "Dee Okafor", "sales", "10.2.7.40"),
    ("eli@acme", "Eli Novak", "support", "10.2.7.44"),
];
const MEDICS: [Person; 3] = [
    ("dr.hale@northwind", "Dr Hale", "physician", "172.20.1.5"),
    ("n.ruiz@northwind", "N Ruiz", "nurse", "172.20.1.18"),
    ("desk@northwind", "Front desk", "reception", "172.20.1.30"),
];
/// What people of the shop do: action, type of target, how many of these there are.
const OFFICE: [(&str, &str, u64); 7] = [
    ("invoice.view", "invoice", 400),
    ("invoice.approve", "invoice", 400),
    ("invoice.create", "invoice", 400),
    ("customer.view", "customer", 120),
    ("customer.update", "customer", 120),
    ("refund.issue", "order", 900),
    ("report.run", "report", 9),
];
/// What its services do.
const SERVICES: [(&str, &str, &str); 4] = [
    ("svc:billing-api", "payment.capture", "payment"),
    ("svc:billing-api", "invoice.send", "invoice"),
    ("svc:scheduler", "backup.create", "database"),
    ("svc:warehouse", "order.ship", "order"),
];
/// What the assistant does for people.
const ASSISTED: [(&str, &str); 4] = [
    ("ticket.reply", "ticket"),
    ("customer.view", "customer"),
    ("order.view", "order"),
    ("refund.issue", "order"),
];
const WARD: [(&str, &str); 4] = [
    ("record.view", "patient"),
    ("prescription.create", "patient"),
    ("appointment.update", "patient"),
    ("record.export", "patient"),
];
const CALLS: [(&str, &str); 4] = [
    ("s3.GetObject", "bucket"),
    ("sts.AssumeRole", "role"),
    ("ec2.DescribeInstances", "instance"),
    ("kms.Decrypt", "key"),
];

/// Which tenant something happens at, and what.
pub(super) fn next(dice: &mut Dice, at: Timestamp) -> (&'static str, Value) {
    match dice.below(10) {
        0..=3 => (SHOP, person(dice, at)),
        4..=5 => (SHOP, service(dice, at)),
        6..=7 => (SHOP, assistant(dice, at)),
        8 => (CLINIC, medic(dice, at)),
        _ => (CLOUD, call(dice, at)),
    }
}

/// A fortnight up to now, in the order of its times, with the theft in it.
pub(super) fn history(dice: &mut Dice, count: u64, now: Timestamp) -> Vec<(&'static str, Value)> {
    let start = HISTORY_SECONDS * SECOND_NS;
    let times: Vec<u64> = (0..count).map(|place| now.0 - start + place * (start / count)).collect();
    let theft = now.0 - THEFT_SECONDS * SECOND_NS;
    let (before, after) = times.split_at(times.partition_point(|time| *time < theft));
    let mut told = Vec::new();
    told.extend(before.iter().map(|time| next(dice, Timestamp(*time))));
    told.extend(theft_at(theft).into_iter().map(|event| (SHOP, event)));
    told.extend(after.iter().map(|time| next(dice, Timestamp(*time))));
    told
}

fn person(dice: &mut Dice, at: Timestamp) -> Value {
    let (id, name, role, ip) = dice.pick(&STAFF).copied().unwrap_or(("", "", "", ""));
    let actor = json!({"id": id, "name": name, "kind": "human", "roles": [role], "email": format!("{id}.example")});
    let origin = json!({"service": "backoffice", "ip": ip, "user_agent": "Mozilla/5.0"});
    if dice.one_in(6) {
        let outcome = if dice.one_in(5) {
            json!({"status": "failure", "code": "bad_password"})
        } else {
            json!("success")
        };
        return json!({"action": "user.login", "occurred_at": at.to_string(), "actor": actor, "origin": origin,
            "outcome": outcome, "targets": [{"type": "session", "id": format!("s-{:06x}", dice.below(1 << 24))}]});
    }
    let (action, kind, count) = dice.pick(&OFFICE).copied().unwrap_or(("report.run", "report", 1));
    let target = format!("{kind}/{}", 10_000 + dice.below(count));
    if action == "invoice.approve" && role != "finance" {
        return json!({"action": action, "occurred_at": at.to_string(), "actor": actor, "origin": origin,
            "outcome": {"status": "denied", "code": "not_permitted", "reason": "approver limit"}, "targets": [target],
            "decision": {"effect": "deny", "permission": "invoice:approve", "policy": "approver-limit"}});
    }
    json!({"action": action, "occurred_at": at.to_string(), "actor": actor, "origin": origin, "outcome": "success",
        "targets": [target], "attrs": {"amount_cents": 100 * dice.below(9_000)}})
}

fn service(dice: &mut Dice, at: Timestamp) -> Value {
    let (id, action, kind) =
        dice.pick(&SERVICES).copied().unwrap_or(("svc:scheduler", "backup.create", "database"));
    let outcome = if dice.one_in(30) {
        json!({"status": "failure", "code": "timeout"})
    } else {
        json!("success")
    };
    json!({"action": action, "occurred_at": at.to_string(), "actor": {"id": id, "kind": "service"}, "outcome": outcome,
        "origin": {"service": id, "host": "node-3"}, "targets": [format!("{kind}/{}", 10_000 + dice.below(900))]})
}

/// An assistant acts for a person: it may look and answer, and is not let near money.
fn assistant(dice: &mut Dice, at: Timestamp) -> Value {
    let (id, name, ..) = dice.pick(&STAFF).copied().unwrap_or(("", "", "", ""));
    let (action, kind) = dice.pick(&ASSISTED).copied().unwrap_or(("ticket.reply", "ticket"));
    let (outcome, decision) = match action {
        "refund.issue" => (
            json!({"status": "denied", "code": "not_permitted", "reason": "an agent moves no money"}),
            json!({"effect": "deny", "permission": "refund:issue", "policy": "agents-move-no-money"}),
        ),
        _ => (json!("success"), json!({"effect": "allow", "policy": "agents-read"})),
    };
    json!({"action": action, "occurred_at": at.to_string(), "outcome": outcome, "decision": decision,
        "actor": {"id": "agent:helpdesk", "name": "Helpdesk assistant", "kind": "agent"},
        "on_behalf_of": [{"id": id, "name": name, "kind": "human"}],
        "origin": {"service": "assistant"}, "targets": [format!("{kind}/{}", 10_000 + dice.below(300))],
        "attrs": {"model": "helpdesk-3", "tool": action}})
}

fn medic(dice: &mut Dice, at: Timestamp) -> Value {
    let (id, name, role, ip) = dice.pick(&MEDICS).copied().unwrap_or(("", "", "", ""));
    let (action, kind) = dice.pick(&WARD).copied().unwrap_or(("record.view", "patient"));
    let denied =
        action == "record.export" || (action == "prescription.create" && role != "physician");
    let outcome = if denied {
        json!({"status": "denied", "code": "not_permitted"})
    } else {
        json!("success")
    };
    json!({"action": action, "occurred_at": at.to_string(), "outcome": outcome, "origin": {"service": "charts", "ip": ip},
        "actor": {"id": id, "name": name, "kind": "human", "roles": [role]},
        "targets": [{"type": kind, "id": format!("p-{}", 1_000 + dice.below(80))}],
        "justification": {"text": "treatment"}})
}

fn call(dice: &mut Dice, at: Timestamp) -> Value {
    let (action, kind) = dice.pick(&CALLS).copied().unwrap_or(("s3.GetObject", "bucket"));
    let outcome = if dice.one_in(12) {
        json!({"status": "denied", "code": "AccessDenied"})
    } else {
        json!("success")
    };
    json!({"action": action, "occurred_at": at.to_string(), "outcome": outcome,
        "actor": {"id": "arn:aws:sts::218007301253:assumed-role/ci/build", "kind": "service"},
        "origin": {"service": "aws", "ip": "198.51.100.7"}, "targets": [format!("{kind}/{kind}-{}", dice.below(40))]})
}

/// Wrong passwords, a right one, and the list of all customers.
fn theft_at(at: u64) -> Vec<Value> {
    let actor = json!({"id": INTRUDER, "name": "Mallory", "kind": "human", "roles": ["sales"]});
    let origin = json!({"service": "backoffice", "ip": "203.0.113.77", "user_agent": "curl/8.5"});
    let time = |second: u64| Timestamp(at + second * SECOND_NS).to_string();
    let login = |second: u64, outcome: Value| json!({"action": "user.login", "occurred_at": time(second), "actor": actor, "origin": origin, "outcome": outcome});
    let wrong = || json!({"status": "failure", "code": "bad_password"});
    let mut events: Vec<Value> = (0..6).map(|try_number| login(try_number * 4, wrong())).collect();
    events.push(login(31, json!("success")));
    events.push(json!({"action": THEFT, "occurred_at": time(95), "actor": actor, "origin": origin, "outcome": "success",
        "severity": "critical", "targets": [{"type": "list", "id": "all-customers"}], "attrs": {"rows": 48_210, "format": "csv"}}));
    events
}
