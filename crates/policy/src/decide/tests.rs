//! Every combination of tenant, scopes, producer and action against a table written from the rule's words.

use super::{Decision, Denial, decide};
use crate::{Action, Fields, Principal, Rows, Scope, Scopes};
use event::ids::{ProducerId, TenantId};

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn producer(name: &str) -> ProducerId {
    ProducerId::parse(name).unwrap()
}

fn scopes(bits: u8) -> Scopes {
    Scope::ALL
        .into_iter()
        .enumerate()
        .filter(|(n, _)| bits & (1 << n) != 0)
        .map(|(_, s)| s)
        .collect()
}

/// What the rule says, said a second time in the plainest way: rows in view, or the word of the refusal.
fn expected(own: &str, asked: &str, bits: u8, sends: Option<&str>, action: &str) -> &'static str {
    let (write, read) = (bits & 1 != 0, bits & 2 != 0);
    let (log, admin) = (bits & 4 != 0 || write || read, bits & 8 != 0);
    match action {
        "admin" if own == "system" && admin => "all",
        "admin" if own == "system" => "scope",
        _ if own != asked => "tenant",
        "write" if !write => "scope",
        "write" if sends.is_none() => "no producer",
        "write" => "sent",
        "read" if read => "all",
        "log" if log => "all",
        "admin" if admin => "all",
        "sent" if read => "all",
        "sent" if !write => "scope",
        "sent" if sends == Some("billing") => "sent",
        "sent" => "producer",
        _ => "scope",
    }
}

fn word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Allow(view) => match view.rows() {
            Rows::All => "all",
            Rows::SentBy(_) => "sent",
            Rows::Scoped(_) => "scoped",
        },
        Decision::Deny { reason: Denial::OtherTenant } => "tenant",
        Decision::Deny { reason: Denial::MissingScope { .. } } => "scope",
        Decision::Deny { reason: Denial::NoProducer } => "no producer",
        Decision::Deny { reason: Denial::OtherProducer } => "producer",
    }
}

#[test]
fn every_combination_is_decided_as_the_rule_says() {
    let asked_about = producer("billing");
    let actions = [
        ("write", Action::Write),
        ("read", Action::Read),
        ("log", Action::LogRead),
        ("admin", Action::Admin),
        ("sent", Action::ReadSent { producer: &asked_about }),
    ];
    let mut seen = std::collections::BTreeMap::new();
    for own in ["acme", "other", "system"] {
        for asked in ["acme", "system"] {
            for bits in 0..16 {
                for sends in [None, Some("billing"), Some("payroll")] {
                    let scopes = scopes(bits);
                    let who =
                        Principal { tenant: tenant(own), producer: sends.map(producer), scopes };
                    for (name, action) in actions {
                        let decision = decide(&who, action, &tenant(asked));
                        let want = expected(own, asked, bits, sends, name);
                        assert_eq!(
                            word(&decision),
                            want,
                            "{own} {asked} {scopes} {sends:?} {name}"
                        );
                        *seen.entry(want).or_insert(0) += 1;
                        if let Decision::Allow(view) = decision {
                            assert_eq!(view.tenant(), &tenant(asked));
                            assert_eq!(view.fields(), &Fields::All);
                        }
                    }
                }
            }
        }
    }
    assert_eq!(seen.values().sum::<i32>(), 3 * 2 * 16 * 3 * 5);
    assert_eq!(seen.len(), 6, "the table never reached one of the answers: {seen:?}");
}

#[test]
fn i8_a_key_without_scopes_may_do_nothing() {
    let own = producer("billing");
    let who =
        Principal { tenant: tenant("system"), producer: Some(own.clone()), scopes: Scopes::NONE };
    let actions = [
        Action::Write,
        Action::Read,
        Action::LogRead,
        Action::Admin,
        Action::ReadSent { producer: &own },
    ];
    for action in actions {
        assert!(decide(&who, action, &tenant("system")).into_view().is_err(), "{action:?}");
    }
}

#[test]
fn a_view_of_what_was_sent_admits_its_own_producer_only() {
    let who = Principal {
        tenant: tenant("acme"),
        producer: Some(producer("billing")),
        scopes: Scopes::NONE.with(Scope::Write),
    };
    let view = decide(&who, Action::Write, &tenant("acme")).into_view().unwrap();
    assert!(view.admits(Some(&producer("billing"))));
    assert!(!view.admits(Some(&producer("payroll"))));
    assert!(!view.admits(None));
}

#[test]
fn a_view_of_all_rows_admits_every_record() {
    let who = Principal {
        tenant: tenant("acme"),
        producer: None,
        scopes: Scopes::NONE.with(Scope::Read),
    };
    let view = decide(&who, Action::Read, &tenant("acme")).into_view().unwrap();
    assert!(view.admits(Some(&producer("payroll"))) && view.admits(None));
}

#[test]
fn scopes_are_read_and_printed_by_name() {
    for (text, printed) in
        [("write", "write"), ("read,write", "write,read"), (" log:read , admin", "log:read,admin")]
    {
        assert_eq!(text.parse::<Scopes>().unwrap().to_string(), printed);
    }
    for text in ["", "write,", "Write", "log_read", "all"] {
        assert!(text.parse::<Scopes>().is_err(), "{text}");
    }
}
