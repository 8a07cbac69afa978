//! Who acted in a CloudTrail record: the actor and, for an assumed role, the role on whose behalf it acted.
//!
//! | `userIdentity.type` | kind | id, the first that is there |
//! |---|---|---|
//! | `IAMUser` `Root` `SAMLUser` `IdentityCenterUser` | human | `arn`, `principalId`, `onBehalfOf.userId`, `userName` |
//! | `AssumedRole` | service | `arn` (the session's), `principalId` |
//! | `AWSService`, none | service | `invokedBy`, `eventSource` |
//! | any other | not said | `arn`, `principalId`, `userName`, `accountId`, `invokedBy`, `eventSource` |
//!
//! It invents nobody: a record in which none of these stands has no actor, and the event that comes of it is refused.

use super::{Json, Members, fitting, text_value};
use event::json::Value;

/// The actor of `record`; `None` when nothing in it names one.
pub(super) fn actor<'a>(record: Json<'a>) -> Option<Value<'a>> {
    let identity = record.member("userIdentity");
    let (kind, id) = match identity.text("type") {
        Some("IAMUser" | "Root" | "SAMLUser" | "IdentityCenterUser") => {
            let user = identity.member("onBehalfOf").text("userId");
            let id = first([
                identity.text("arn"),
                identity.text("principalId"),
                user,
                identity.text("userName"),
            ]);
            (Some("human"), id)
        }
        Some("AssumedRole") => {
            (Some("service"), first([identity.text("arn"), identity.text("principalId")]))
        }
        Some("AWSService") | None => {
            (Some("service"), first([identity.text("invokedBy"), record.text("eventSource")]))
        }
        Some(_) => (None, first_name(record, identity)),
    };
    let mut actor = Members::default();
    actor.put("id", text_value(id?));
    actor.put_text("kind", kind);
    actor.put_text("name", identity.text("userName"));
    actor.put_object("auth", auth(record, identity));
    actor.into_value()
}

/// The role behind an assumed role's session, as the one element of `on_behalf_of`.
pub(super) fn on_behalf_of<'a>(record: Json<'a>) -> Option<Value<'a>> {
    let identity = record.member("userIdentity");
    if identity.text("type") != Some("AssumedRole") {
        return None;
    }
    let issuer = identity.member("sessionContext").member("sessionIssuer");
    let mut role = Members::default();
    role.put("id", text_value(first([issuer.text("arn"), issuer.text("principalId")])?));
    role.put_text("kind", Some("service"));
    role.put_text("name", issuer.text("userName"));
    Some(Value::Array(vec![role.into_value()?]))
}

fn auth<'a>(record: Json<'a>, identity: Json<'a>) -> Members<'a> {
    let session = identity.member("sessionContext").member("attributes").text("mfaAuthenticated");
    let sign_in = record.member("additionalEventData").text("MFAUsed");
    let mfa = match session.or(sign_in) {
        Some("true" | "Yes") => Some(Value::Bool(true)),
        Some("false" | "No") => Some(Value::Bool(false)),
        _ => None,
    };
    let mut auth = Members::default();
    auth.put_text("credential_id", identity.text("accessKeyId"));
    if let Some(mfa) = mfa {
        auth.put("mfa", mfa);
    }
    auth
}

fn first_name<'v>(record: Json<'v>, identity: Json<'v>) -> Option<&'v str> {
    let named = first(
        ["arn", "principalId", "userName", "accountId", "invokedBy"].map(|key| identity.text(key)),
    );
    named.or_else(|| first([record.text("eventSource")]))
}

/// The first of `candidates` that can be an id.
fn first<const N: usize>(candidates: [Option<&str>; N]) -> Option<&str> {
    candidates.into_iter().flatten().find_map(fitting)
}
