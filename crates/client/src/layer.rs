//! A `tower` layer, for axum and tonic: every call that passes is an event.
//!
//! ```text
//! settings              what the owner says: actor, route, proxies, a rule for each route
//! service               one call: described, passed on, its end recorded before it is answered
//! body                  an answer whose outcome stands in its trailers
//! audited               the handle by which the service behind says more
//! rule  describe        which rule a route has; what a request says of itself
//! proxies  outcome      which address it came from; how it ended
//! ```
//!
//! Promises: an answer leaves only once its event is as safe as the rule of its route says, and otherwise the call fails;
//! a call that is cancelled or that panics is an event, too; no thread of the runtime is blocked. The actor comes from
//! what the service's own authentication left in the request's extensions, or from the handle, and a forwarded address is
//! believed only of proxies that are named. Refuses to read an actor out of a header, and a body.

mod audited;
mod body;
mod describe;
mod outcome;
mod proxies;
mod rule;
mod service;
mod settings;

pub use self::audited::Audited;
pub use self::body::AuditedBody;
pub use self::rule::Rule;
pub use self::service::{AuditLayer, AuditService};
pub use self::settings::LayerSettings;
