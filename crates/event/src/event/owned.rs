//! The same event, borrowing nothing: for whoever keeps it longer than the request.

use std::borrow::Cow;

use super::{
    Actor, Auth, Change, Correlation, Decision, Event, Justification, Members, Origin, Original,
    Outcome, Target, Text,
};
use crate::json::Value;
use crate::normal::OccurredAt;

impl Event<'_> {
    /// The same event, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        Event {
            id: self.id,
            schema: maybe(self.schema),
            occurred_at: self.occurred_at.map(OccurredAt::into_owned),
            action: text(self.action),
            kind: maybe(self.kind),
            outcome: Outcome {
                status: maybe(self.outcome.status),
                code: maybe(self.outcome.code),
                reason: maybe(self.outcome.reason),
            },
            actor: actor(self.actor),
            on_behalf_of: self.on_behalf_of.into_iter().map(actor).collect(),
            targets: self.targets.into_iter().map(target).collect(),
            origin: origin(self.origin),
            decision: decision(self.decision),
            severity: maybe(self.severity),
            delivery: maybe(self.delivery),
            correlation: correlation(self.correlation),
            changes: self.changes.into_iter().map(change).collect(),
            attrs: members(self.attrs),
            justification: Justification {
                text: maybe(self.justification.text),
                ticket: maybe(self.justification.ticket),
            },
            original: self.original.map(|original| Original {
                media_type: maybe(original.media_type),
                text: text(original.text),
            }),
        }
    }
}

fn text(text: Text<'_>) -> Text<'static> {
    Cow::Owned(text.into_owned())
}

fn maybe(value: Option<Text<'_>>) -> Option<Text<'static>> {
    value.map(text)
}

fn members(members: Members<'_>) -> Members<'static> {
    members.into_iter().map(|(key, value)| (text(key), value.into_owned())).collect()
}

fn actor(actor: Actor<'_>) -> Actor<'static> {
    Actor {
        id: text(actor.id),
        kind: maybe(actor.kind),
        name: maybe(actor.name),
        email: maybe(actor.email),
        roles: actor.roles.into_iter().map(text).collect(),
        auth: Auth {
            method: maybe(actor.auth.method),
            mfa: actor.auth.mfa,
            credential_id: maybe(actor.auth.credential_id),
        },
    }
}

fn target(target: Target<'_>) -> Target<'static> {
    Target {
        kind: text(target.kind),
        id: text(target.id),
        name: maybe(target.name),
        parent: maybe(target.parent),
        owner: maybe(target.owner),
    }
}

fn origin(origin: Origin<'_>) -> Origin<'static> {
    Origin {
        service: maybe(origin.service),
        host: maybe(origin.host),
        ip: maybe(origin.ip),
        user_agent: maybe(origin.user_agent),
        device: maybe(origin.device),
    }
}

fn decision(decision: Decision<'_>) -> Decision<'static> {
    Decision {
        effect: maybe(decision.effect),
        permission: maybe(decision.permission),
        policy: maybe(decision.policy),
        version: maybe(decision.version),
    }
}

fn correlation(correlation: Correlation<'_>) -> Correlation<'static> {
    Correlation {
        request_id: maybe(correlation.request_id),
        session_id: maybe(correlation.session_id),
        trace_id: maybe(correlation.trace_id),
        span_id: maybe(correlation.span_id),
        operation_id: maybe(correlation.operation_id),
        parent_id: maybe(correlation.parent_id),
    }
}

fn change(change: Change<'_>) -> Change<'static> {
    Change {
        path: text(change.path),
        op: text(change.op),
        old: change.old.map(Value::into_owned),
        new: change.new.map(Value::into_owned),
    }
}
