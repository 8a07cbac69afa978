//! What the owner of a service says of its calls.
//!
//! Promises: what cannot work is refused when the layer is built, not when a call comes. The closures see a request's
//! extensions and nothing else: what the caller wrote is not among them. Refuses to be changed later.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::Extensions;

use super::proxies::Proxies;
use super::rule::Rule;
use super::service::AuditLayer;
use crate::audit::{Actor, Audit};
use crate::error::Error;

type From<T> = Box<dyn Fn(&Extensions) -> Option<T> + Send + Sync>;

/// A layer in the making.
#[must_use = "a layer is made by `build`"]
pub struct LayerSettings {
    pub(super) audit: Audit,
    pub(super) actor: Option<From<Actor>>,
    pub(super) route: Option<From<String>>,
    pub(super) peer: Option<From<IpAddr>>,
    pub(super) proxies: Proxies,
    pub(super) rules: HashMap<String, Rule>,
    pub(super) otherwise: Rule,
    error: Option<Error>,
}

impl fmt::Debug for LayerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayerSettings")
            .field("rules", &self.rules)
            .field("otherwise", &self.otherwise)
            .field("proxies", &self.proxies)
            .finish_non_exhaustive()
    }
}

impl Audit {
    /// A `tower` layer for axum and tonic, under which every call is an event.
    ///
    /// ```no_run
    /// # #[derive(Clone)] struct User { id: String }
    /// # fn layer(audit: &indelible_client::Audit) -> Result<(), indelible_client::Error> {
    /// use indelible_client::{Actor, Rule};
    ///
    /// let layer = audit
    ///     .layer()
    ///     .actor(|extensions| extensions.get::<User>().map(|user| Actor::human(&user.id)))
    ///     .rule("POST /invoices/{id}/approve", Rule::action("invoice.approve").target("invoice", "id").must_commit())
    ///     .rule("GET /health", Rule::skip())
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn layer(&self) -> LayerSettings {
        LayerSettings {
            audit: self.clone(),
            actor: None,
            route: None,
            peer: None,
            proxies: Proxies::default(),
            rules: HashMap::new(),
            otherwise: Rule::derived(),
            error: None,
        }
    }
}

impl LayerSettings {
    /// Who calls, by what an authentication outside of this layer left in the request's extensions. One inside of it says
    /// so with [`Audited::actor`](super::Audited::actor), and then its word counts.
    pub fn actor(
        mut self,
        from: impl Fn(&Extensions) -> Option<Actor> + Send + Sync + 'static,
    ) -> LayerSettings {
        self.actor = Some(Box::new(from));
        self
    }

    /// The route that a request was given to, such as axum's `MatchedPath`; without, or if it gives none, it is the path.
    pub fn route(
        mut self,
        from: impl Fn(&Extensions) -> Option<String> + Send + Sync + 'static,
    ) -> LayerSettings {
        self.route = Some(Box::new(from));
        self
    }

    /// The address at the other end of the connection, such as axum's `ConnectInfo` or tonic's `TcpConnectInfo`; without,
    /// no address is recorded.
    pub fn peer(
        mut self,
        from: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> LayerSettings {
        self.peer = Some(Box::new(from));
        self
    }

    /// The proxies in front of this service, as addresses or networks (`10.0.0.0/8`): what they say in `X-Forwarded-For`
    /// is believed. Without, that header is never looked at.
    pub fn behind(mut self, proxies: &[&str]) -> LayerSettings {
        match Proxies::parse(proxies) {
            Ok(proxies) => self.proxies = proxies,
            Err(error) => self.error = self.error.or(Some(error)),
        }
        self
    }

    /// What the calls of `route` are. A route is written with its method (`POST /invoices/{id}`) or, for all of them,
    /// without; a gRPC call is `/package.Service/Method`.
    pub fn rule(mut self, route: &str, rule: Rule) -> LayerSettings {
        let error = self.audit.refusal(&rule, route);
        self.error = self.error.or(error);
        self.rules.insert(route.to_owned(), rule);
        self
    }

    /// What the calls are for which there is no rule; [`Rule::derived`] unless this is called.
    pub fn otherwise(mut self, rule: Rule) -> LayerSettings {
        let error = self.audit.refusal(&rule, "otherwise");
        self.error = self.error.or(error);
        self.otherwise = rule;
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// `Setup` for the first of the rules and proxies that cannot be used.
    pub fn build(self) -> Result<AuditLayer, Error> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(AuditLayer { settings: Arc::new(self) }),
        }
    }
}

impl Audit {
    /// Why a rule cannot be used, if it cannot.
    fn refusal(&self, rule: &Rule, route: &str) -> Option<Error> {
        let mut record = self.record(rule.action.as_deref().unwrap_or("http.get")).actor("a");
        for (kind, _) in &rule.targets {
            record = record.target(kind, "a");
        }
        let rejection = match record.checked() {
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
        let named = |part: &String| {
            [format!("{{{part}}}"), format!("{{*{part}}}")].iter().any(|name| route.contains(name))
        };
        let unnamed = rule.targets.iter().map(|(_, part)| part).find(|part| !named(part));
        let unnamed = unnamed.map(|part| format!("its route has no part `{{{part}}}`"));
        rejection.or(unnamed).map(|why| Error::Setup {
            what: format!("the rule of `{route}` cannot be used: {why}"),
            hint: "write it as Rule::action(\"invoice.approve\").target(\"invoice\", \"id\") for a route with {id}",
        })
    }
}
