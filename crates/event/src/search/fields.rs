//! The one table of fields: names, aliases, what a value may be, and what column it is.
//!
//! Promises: a name means one field; what the table says is what the parser reads, the completion offers, the SQL uses
//! and `docs/reference/search.md` lists (a test compares them). Refuses a name that is nearly one.

use crate::event::{ACTOR_KINDS, DELIVERIES, KINDS, SEVERITIES, STATUSES};

/// What can be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// The event's id.
    Id,
    /// Position in the ledger.
    Index,
    /// When the ledger took it in.
    Received,
    /// When it happened, else when it was received.
    Occurred,
    /// Number in the stream.
    Seq,
    /// The stream's instance.
    Instance,
    /// Who sent it.
    Producer,
    /// The schema it obeys.
    Schema,
    /// Which kind of record of the ledger's own it is.
    Record,
    /// What was done.
    Action,
    /// Kind of action.
    Kind,
    /// How it ended.
    Outcome,
    /// The producer's code for that.
    OutcomeCode,
    /// The producer's reason for that.
    Reason,
    /// How grave it is.
    Severity,
    /// How it was sent.
    Delivery,
    /// Id of the actor.
    Actor,
    /// Kind of the actor.
    ActorKind,
    /// Name of the actor.
    ActorName,
    /// E-mail address of the actor.
    ActorEmail,
    /// `user/<id>` or `<kind>/<id>`.
    ActorRef,
    /// Id of somebody for whom it was done.
    Behalf,
    /// Type and id of a target.
    Target,
    /// Type of a target.
    TargetType,
    /// Id of a target.
    TargetId,
    /// Name of a target.
    TargetName,
    /// What a target belongs to.
    TargetParent,
    /// Whom a target concerns.
    TargetOwner,
    /// The service it came from.
    Service,
    /// The host it came from.
    Host,
    /// Either address.
    Ip,
    /// The address as claimed.
    IpClaimed,
    /// The address that the server saw.
    IpPeer,
    /// The user agent.
    UserAgent,
    /// The country of the address.
    Country,
    /// The session.
    Session,
    /// The request.
    Request,
    /// The trace.
    Trace,
    /// The operation.
    Operation,
    /// `allow`, `deny`.
    DecisionEffect,
    /// What was asked for.
    DecisionPermission,
    /// Which policy decided.
    DecisionPolicy,
    /// The source record.
    Original,
    /// Code of a refusal.
    Code,
    /// Path of a change.
    Changed,
    /// A path in `attrs`.
    Attrs(Vec<String>),
    /// The value before the change of a path.
    Old(Vec<String>),
    /// The value after the change of a path.
    New(Vec<String>),
}

/// What a field's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A UUID.
    Uuid,
    /// Thirty-two hexadecimal digits.
    Hex,
    /// A whole number.
    Whole,
    /// A time.
    Time,
    /// A text that is compared as it is.
    Word,
    /// One of these.
    Choice(&'static [&'static str]),
    /// One of these, which are in order.
    Rank(&'static [&'static str]),
    /// A name: case folds.
    Name,
    /// Sentences: case folds, and a part is enough.
    Prose,
    /// An address.
    Address,
    /// `type/id`.
    Target,
    /// A path of keys.
    Path,
    /// Any JSON value.
    Json,
}

/// Which rows have the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// Events and system records.
    Both,
    /// Events.
    Events,
    /// System records.
    SystemLog,
}

/// Whether every row has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// Every one.
    Always,
    /// Not every one.
    Sometimes,
}

/// A line of the table.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) field: Field,
    pub(super) name: &'static str,
    pub(super) aliases: &'static [&'static str],
    pub(super) kind: Kind,
    pub(super) column: Option<&'static str>,
    pub(super) rows: Rows,
    pub(super) filled: Filled,
    pub(super) meaning: &'static str,
}

/// What stands before a colon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// A field, and its path if it has one.
    Field(&'static Spec, Vec<String>),
    /// `since:` and `from:`.
    Since,
    /// `until:` and `to:`.
    Until,
    /// `is:`.
    Is,
    /// `has:`.
    Has,
}

impl PartialEq for Spec {
    fn eq(&self, other: &Spec) -> bool {
        self.name == other.name
    }
}

impl Eq for Spec {}

/// The words that stand for no single field, and what they mean.
pub(super) const SUGAR: &[(&str, &str)] = &[
    ("since", "what happened after a time: since:24h"),
    ("from", "the same as since"),
    ("until", "what happened up to a time: until:1h"),
    ("to", "the same as until"),
    ("is", "an outcome, a kind, write, gap or lost: is:denied"),
    ("has", "there is a value: has:session, has:attrs.ticket"),
];

/// What `is:` may say, with the field and values that it stands for.
pub(super) const IS: &[(&str, Field, &[&str])] = &[
    ("success", Field::Outcome, &["success"]),
    ("failure", Field::Outcome, &["failure"]),
    ("failed", Field::Outcome, &["failure"]),
    ("denied", Field::Outcome, &["denied"]),
    ("partial", Field::Outcome, &["partial"]),
    ("create", Field::Kind, &["create"]),
    ("read", Field::Kind, &["read"]),
    ("update", Field::Kind, &["update"]),
    ("delete", Field::Kind, &["delete"]),
    ("execute", Field::Kind, &["execute"]),
    ("login", Field::Kind, &["login"]),
    ("logout", Field::Kind, &["logout"]),
    ("grant", Field::Kind, &["grant"]),
    ("revoke", Field::Kind, &["revoke"]),
    ("config", Field::Kind, &["config"]),
    ("write", Field::Kind, &["create", "update", "delete", "grant", "revoke", "config"]),
    ("gap", Field::Record, &["gap"]),
    ("lost", Field::Record, &["loss"]),
];

/// What other languages and other places here call a field, and what it is in a search.
pub(super) const FOREIGN: &[(&str, &str)] = &[
    ("actor.type", "actor.kind"),
    ("agent", "user_agent"),
    ("address", "ip"),
    ("at", "occurred"),
    ("attributes", "attrs"),
    ("data", "attrs"),
    ("date", "occurred"),
    ("details", "attrs"),
    ("eventname", "action"),
    ("eventsource", "service"),
    ("eventtime", "occurred"),
    ("level", "severity"),
    ("metadata", "attrs"),
    ("object", "target"),
    ("principal", "actor"),
    ("resource", "target"),
    ("sourceipaddress", "ip"),
    ("status", "outcome"),
    ("time", "occurred"),
    ("timestamp", "occurred"),
    ("type", "target.type"),
    ("username", "actor.name"),
];

macro_rules! spec {
    ($field:expr, $name:literal $aliases:expr, $kind:expr, $column:expr, $rows:ident $filled:ident, $meaning:literal) => {
        Spec {
            field: $field,
            name: $name,
            aliases: &$aliases,
            kind: $kind,
            column: $column,
            rows: Rows::$rows,
            filled: Filled::$filled,
            meaning: $meaning,
        }
    };
}

/// Every field, in the order of the document.
#[rustfmt::skip]
pub(super) static SPECS: &[Spec] = &[
    spec!(Field::Action, "action" ["event"], Kind::Word, Some("action"), Both Always, "what was done"),
    spec!(Field::Kind, "kind" ["crud"], Kind::Choice(KINDS), Some("kind"), Events Always, "kind of action, inferred where not sent"),
    spec!(Field::Outcome, "outcome" ["result", "outcome.status"], Kind::Choice(STATUSES), Some("outcome"), Events Always, "how it ended"),
    spec!(Field::OutcomeCode, "outcome.code" ["outcome_code"], Kind::Word, Some("outcome_code"), Events Sometimes, "the producer's code for the outcome"),
    spec!(Field::Reason, "reason" ["outcome.reason"], Kind::Prose, Some("reason"), Both Sometimes, "the producer's reason for the outcome"),
    spec!(Field::Severity, "severity" [], Kind::Rank(SEVERITIES), Some("severity"), Events Sometimes, "how grave it is"),
    spec!(Field::Delivery, "delivery" [], Kind::Choice(DELIVERIES), Some("delivery"), Events Sometimes, "how it was sent"),
    spec!(Field::Actor, "actor" ["by", "user", "actor.id", "actor_id"], Kind::Word, Some("actor_id"), Events Always, "id of who did it"),
    spec!(Field::ActorKind, "actor.kind" ["actor_kind"], Kind::Choice(ACTOR_KINDS), Some("actor_kind"), Events Always, "what the actor is"),
    spec!(Field::ActorName, "actor.name" ["actor_name"], Kind::Name, Some("actor_name"), Events Sometimes, "name of the actor"),
    spec!(Field::ActorEmail, "actor.email" ["actor_email", "email"], Kind::Name, Some("actor_email"), Events Sometimes, "e-mail address of the actor"),
    spec!(Field::ActorRef, "actor.ref" ["actor_ref"], Kind::Word, Some("actor_ref"), Events Always, "`user/<id>` for a person, `<kind>/<id>` for any other actor"),
    spec!(Field::Behalf, "behalf" ["actor.behalf", "on_behalf_of"], Kind::Word, Some("on_behalf_of"), Events Sometimes, "id of anybody for whom it was done"),
    spec!(Field::Target, "target" ["on"], Kind::Target, Some("targets"), Events Sometimes, "type and id of any target, or its id alone"),
    spec!(Field::TargetType, "target.type" ["target_type"], Kind::Word, Some("targets"), Events Sometimes, "type of any target"),
    spec!(Field::TargetId, "target.id" ["target_id"], Kind::Word, Some("targets"), Events Sometimes, "id of any target, slashes and all"),
    spec!(Field::TargetName, "target.name" [], Kind::Name, Some("targets"), Events Sometimes, "name of any target"),
    spec!(Field::TargetParent, "target.parent" [], Kind::Word, Some("targets"), Events Sometimes, "what any target belongs to"),
    spec!(Field::TargetOwner, "target.owner" ["owner"], Kind::Word, Some("targets"), Events Sometimes, "whom any target concerns"),
    spec!(Field::Service, "service" ["source", "origin.service"], Kind::Word, Some("service"), Events Sometimes, "the service it came from, as claimed"),
    spec!(Field::Host, "host" ["origin.host"], Kind::Word, Some("host"), Events Sometimes, "the host it came from, as claimed, if that is no address"),
    spec!(Field::Ip, "ip" ["src", "origin.ip"], Kind::Address, None, Events Sometimes, "the address as claimed or as the server saw it"),
    spec!(Field::IpClaimed, "ip.claimed" ["ip_claimed"], Kind::Address, Some("ip_claimed"), Events Sometimes, "the address as claimed"),
    spec!(Field::IpPeer, "ip.peer" ["ip_peer"], Kind::Address, Some("ip_peer"), Events Sometimes, "the address that the server saw"),
    spec!(Field::UserAgent, "user_agent" ["ua", "origin.user_agent"], Kind::Prose, Some("user_agent"), Events Sometimes, "the user agent, as claimed"),
    spec!(Field::Country, "country" [], Kind::Word, Some("country"), Events Sometimes, "the country of the address, two capitals"),
    spec!(Field::Session, "session" ["session_id"], Kind::Word, Some("session_id"), Events Sometimes, "the session"),
    spec!(Field::Request, "request" ["request_id"], Kind::Word, Some("request_id"), Events Sometimes, "the request"),
    spec!(Field::Trace, "trace" ["trace_id"], Kind::Word, Some("trace_id"), Events Sometimes, "the W3C trace"),
    spec!(Field::Operation, "operation" ["operation_id"], Kind::Word, Some("operation_id"), Events Sometimes, "the operation of several steps"),
    spec!(Field::DecisionEffect, "decision.effect" [], Kind::Word, Some("decision"), Events Sometimes, "what the access control decided"),
    spec!(Field::DecisionPermission, "decision.permission" ["permission"], Kind::Word, Some("decision"), Events Sometimes, "what was asked for"),
    spec!(Field::DecisionPolicy, "decision.policy" ["policy"], Kind::Word, Some("decision"), Events Sometimes, "which policy decided"),
    spec!(Field::Changed, "changed" [], Kind::Path, Some("changes"), Events Sometimes, "path of any change"),
    spec!(Field::Old(Vec::new()), "old" ["before"], Kind::Json, Some("changes"), Events Sometimes, "value before the change of a path: `old.role`"),
    spec!(Field::New(Vec::new()), "new" ["after"], Kind::Json, Some("changes"), Events Sometimes, "value after the change of a path: `new.role`"),
    spec!(Field::Attrs(Vec::new()), "attrs" ["meta"], Kind::Json, Some("attrs"), Both Sometimes, "a path in `attrs`: `attrs.order.total`"),
    spec!(Field::Occurred, "occurred" ["created", "ts", "occurred_at"], Kind::Time, Some("occurred_at"), Both Always, "when it happened; where not said, when it was received"),
    spec!(Field::Received, "received" ["received_at"], Kind::Time, Some("received_at"), Both Always, "when the ledger took it in"),
    spec!(Field::Id, "id" [], Kind::Uuid, Some("id"), Both Always, "the id"),
    spec!(Field::Index, "index" [], Kind::Whole, Some("index"), Both Always, "position in the ledger, from 0"),
    spec!(Field::Producer, "producer" [], Kind::Word, Some("producer"), Both Sometimes, "who sent it, from the credential"),
    spec!(Field::Instance, "instance" ["stream"], Kind::Hex, Some("instance"), Both Sometimes, "the stream's instance"),
    spec!(Field::Seq, "seq" [], Kind::Whole, Some("seq"), Both Sometimes, "the number in the stream"),
    spec!(Field::Schema, "schema" [], Kind::Word, Some("schema"), Events Always, "the schema it obeys"),
    spec!(Field::Original, "original" [], Kind::Prose, Some("original"), Events Sometimes, "the source record of an import"),
    spec!(Field::Code, "code" [], Kind::Word, Some("code"), SystemLog Sometimes, "code of a refusal (with `is:gap` or `is:lost` only)"),
];

/// What the segments before a colon name, if they name anything.
pub(super) fn find(segments: &[String]) -> Option<Known> {
    let joined = segments.join(".");
    match joined.as_str() {
        "since" | "from" => return Some(Known::Since),
        "until" | "to" => return Some(Known::Until),
        "is" => return Some(Known::Is),
        "has" => return Some(Known::Has),
        _ => {}
    }
    let named = |spec: &&Spec, name: &str| spec.name == name || spec.aliases.contains(&name);
    if let Some(spec) = SPECS.iter().find(|spec| named(spec, &joined)) {
        return Some(Known::Field(spec, Vec::new()));
    }
    let (first, path) = segments.split_first()?;
    let with_path = |spec: &&Spec| spec.kind == Kind::Json && named(spec, first);
    SPECS.iter().find(with_path).map(|spec| Known::Field(spec, path.to_vec()))
}

/// Every name and alias that may stand before a colon.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let of_fields = SPECS
        .iter()
        .flat_map(|spec| std::iter::once(spec.name).chain(spec.aliases.iter().copied()));
    of_fields.chain(SUGAR.iter().map(|(name, _)| *name))
}

impl Field {
    /// The line of the table; `Record` has none.
    pub(super) fn spec(&self) -> Option<&'static Spec> {
        let same =
            |spec: &&Spec| core::mem::discriminant(&spec.field) == core::mem::discriminant(self);
        SPECS.iter().find(same)
    }

    /// The field's name in a search, without its path.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.spec().map_or("is", |spec| spec.name)
    }

    /// The column of SQL that holds it; `Ip` is in two.
    #[must_use]
    pub fn column(&self) -> Option<&'static str> {
        match self {
            Field::Record => Some("kind"),
            field => field.spec()?.column,
        }
    }

    /// The keys below the field's column; none for most.
    #[must_use]
    pub fn path(&self) -> &[String] {
        match self {
            Field::Attrs(path) | Field::Old(path) | Field::New(path) => path,
            _ => &[],
        }
    }

    /// The same field with this path.
    pub(super) fn with_path(&self, path: Vec<String>) -> Field {
        match self {
            Field::Attrs(_) => Field::Attrs(path),
            Field::Old(_) => Field::Old(path),
            Field::New(_) => Field::New(path),
            field => field.clone(),
        }
    }
}
