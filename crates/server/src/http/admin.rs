//! Administration: tenants and API keys.
//!
//! INVARIANT (I11): every act here is a record before it is answered: a tenant's making in the `system` ledger, a key's in
//! the ledger of the tenant that it opens. Refuses to show a token twice, and to re-use a name.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use event::code::Code;
use event::event::Members;
use event::ids::{ProducerId, TenantId};
use event::json::Value;
use event::limits::BATCH_BYTES_MAX;
use event::system;
use indelible_client::wire;
use policy::{Action, Principal, Scope, Scopes};
use serde::Deserialize;

use super::problem::Problem;
use super::{Caller, Gate, body, decide, governed, json_of, opened};
use crate::app::App;
use crate::auth;
use crate::control::{ApiKey, TenantRow};
use crate::tenants::{self, Tenant};

/// `GET /v1/keys?tenant=...`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeysOf {
    tenant: Option<String>,
}

/// `GET /v1/tenants`: those that the caller administers.
pub(super) async fn tenants(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let mut tenants = Vec::new();
    for row in app.control.tenants() {
        if decide(&caller.principal, Action::Admin, &row.name).is_ok() {
            tenants.push(shown_tenant(&app, &row)?);
        }
    }
    json_of(200, &wire::Tenants { tenants })
}

/// `POST /v1/tenants`.
pub(super) async fn create_tenant(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let asked: wire::NewTenant = body::json(&app, &headers, sent, BATCH_BYTES_MAX).await?;
    let name = TenantId::parse(&asked.name).map_err(|error| invalid(error.to_string()))?;
    decide(&caller.principal, Action::Admin, &name)?;
    if app.control.tenant(&name).is_some() {
        return Err(Problem::new(Code::AlreadyExists, format!("there is a tenant `{name}`")));
    }
    let row = tenants::draw(&app.keyring, &name, app.clock.wall());
    let key = app.keyring.create_checkpoint_key(&name).map_err(Problem::internal)?;
    let keys = app.keyring.root().open_tenant(
        app.control.store(),
        &name,
        &row.wrapped_kek,
        &row.wrapped_ledger_key,
    );
    let keys = keys.map_err(Problem::internal)?;
    let about = vec![("tenant".into(), Value::text(name.as_str()))];
    act(&app, &tenants::system(), "tenant_created", &caller, about).await?;
    app.control.add_tenant(&row).map_err(Problem::internal)?;
    app.reader.install_signer(&name, key);
    app.tenants.add(Tenant::new(name, keys));
    json_of(201, &shown_tenant(&app, &row)?)
}

/// `GET /v1/keys`.
pub(super) async fn keys(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    Query(of): Query<KeysOf>,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let wanted = of.tenant.as_deref().map(TenantId::parse).transpose();
    let wanted = wanted.map_err(|error| invalid(error.to_string()))?;
    if let Some(tenant) = &wanted {
        decide(&caller.principal, Action::Admin, tenant)?;
    }
    let is_listed = |key: &ApiKey| {
        let tenant = &key.principal.tenant;
        let is_wanted = wanted.as_ref().is_none_or(|wanted| wanted == tenant);
        is_wanted && decide(&caller.principal, Action::Admin, tenant).is_ok()
    };
    let keys = app.control.keys().iter().filter(|key| is_listed(key)).map(shown_key).collect();
    json_of(200, &wire::Keys { keys })
}

/// `POST /v1/keys`.
pub(super) async fn create_key(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let asked: wire::NewKey = body::json(&app, &headers, sent, BATCH_BYTES_MAX).await?;
    let tenant = TenantId::parse(&asked.tenant).map_err(|error| invalid(error.to_string()))?;
    decide(&caller.principal, Action::Admin, &tenant)?;
    if app.control.tenant(&tenant).is_none() {
        return Err(Problem::new(Code::NotFound, format!("there is no tenant `{tenant}`")));
    }
    let producer = asked.producer.as_deref().map(ProducerId::parse).transpose();
    let producer = producer.map_err(|error| invalid(error.to_string()))?;
    let scopes = asked.scopes.iter().map(|word| word.parse::<Scope>());
    let scopes =
        scopes.collect::<Result<Scopes, _>>().map_err(|error| invalid(error.to_string()))?;
    if scopes == Scopes::NONE {
        return Err(invalid("a key without a scope would open nothing".to_owned()));
    }
    if scopes.granted().any(|scope| scope == Scope::Write) && producer.is_none() {
        return Err(invalid("the scope `write` needs a producer to write as".to_owned()));
    }
    let drawn =
        auth::draw(Principal { tenant: tenant.clone(), producer, scopes }, app.clock.wall());
    act(&app, &tenant, "key_created", &caller, about_key(&drawn.key)).await?;
    app.control.add_key(&drawn.key).map_err(Problem::internal)?;
    json_of(201, &wire::CreatedKey { token: drawn.token, key: shown_key(&drawn.key) })
}

/// `DELETE /v1/keys/{lookup}`.
pub(super) async fn revoke_key(
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    Path(lookup): Path<String>,
) -> Result<Response, Problem> {
    let app = opened(&gate)?;
    let none = || Problem::new(Code::NotFound, "there is no such key");
    let key = app.control.key(&lookup).ok_or_else(none)?;
    // Whose key it is stays unknown to whoever does not administer its tenant.
    decide(&caller.principal, Action::Admin, &key.principal.tenant).map_err(|_| none())?;
    if key.revoked_at.is_none() {
        act(&app, &key.principal.tenant, "key_revoked", &caller, about_key(&key)).await?;
        app.control.revoke(&lookup, app.clock.wall()).map_err(Problem::internal)?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Puts an act on record in a tenant's ledger.
async fn act(
    app: &App,
    tenant: &TenantId,
    act: &str,
    caller: &Caller,
    mut about: Members<'_>,
) -> Result<(), Problem> {
    let tenant = app.tenants.find(tenant);
    let tenant = tenant.ok_or_else(|| Problem::internal("a tenant that is not open"))?;
    about.push(("by".into(), Value::text(caller.credential.as_str())));
    let record = system::system(&tenant.id, app.draw_id(), act, about);
    app.record(&tenant, &[record]).await.map(drop).map_err(governed::unrecorded)
}

/// What a record says of a key: everything but what could be used.
fn about_key(key: &ApiKey) -> Members<'static> {
    let mut about = vec![
        ("key".into(), Value::text(key.lookup.clone())),
        ("scopes".into(), Value::text(key.principal.scopes.to_string())),
    ];
    if let Some(producer) = &key.principal.producer {
        about.push(("producer".into(), Value::text(producer.to_string())));
    }
    about
}

fn shown_tenant(app: &App, row: &TenantRow) -> Result<wire::Tenant, Problem> {
    let key = app.keyring.checkpoint_key(&row.name).map_err(Problem::internal)?;
    Ok(wire::Tenant {
        name: row.name.to_string(),
        origin: row.name.origin(app.control.store()),
        size: app.size(&row.name),
        checkpoint_keys: vec![key.verifier().to_string()],
        created_at: row.created_at.to_string(),
    })
}

fn shown_key(key: &ApiKey) -> wire::Key {
    wire::Key {
        lookup: key.lookup.clone(),
        tenant: key.principal.tenant.to_string(),
        producer: key.principal.producer.as_ref().map(ToString::to_string),
        scopes: key.principal.scopes.granted().map(|scope| scope.to_string()).collect(),
        created_at: key.created_at.to_string(),
        revoked_at: key.revoked_at.map(|at| at.to_string()),
    }
}

fn invalid(detail: String) -> Problem {
    Problem::new(Code::InvalidValue, detail)
}
