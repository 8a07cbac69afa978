//! The layer on a real axum server: what each call leaves behind, and when its answer comes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Extension, MatchedPath, Request};
use axum::http::{Extensions, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use indelible_client::{
    Actor, Audit, Audited, Error, LayerSettings, Patience, Recorder, Rule, Settings,
};
use serde_json::Value;

use crate::fake::connection;
use crate::ledger::Server;
use crate::tasks::{nobody, spooled};

const LIMIT: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(100);

/// Somebody whom the authentication in front of the layer knows.
#[derive(Clone)]
struct User(&'static str);

/// An authentication that knows one token.
async fn authenticate(mut request: Request, next: Next) -> Response {
    let is_ana = request.headers().get("authorization").is_some_and(|token| token == "Bearer ana");
    if is_ana {
        request.extensions_mut().insert(User("ana@acme"));
    }
    next.run(request).await
}

/// An authentication behind the layer that knows another one.
async fn inner(Extension(audited): Extension<Audited>, request: Request, next: Next) -> Response {
    match request.headers().get("authorization").map(|token| token.as_bytes()) {
        Some(b"Bearer eve") => {
            audited.actor(&Actor::agent("eve-bot").on_behalf_of("eve@acme"));
            next.run(request).await
        }
        Some(b"Bearer ana") => next.run(request).await,
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn approve(Extension(audited): Extension<Audited>) -> &'static str {
    audited.note(|event| event.changed("/status", "pending", "approved"));
    "approved"
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip())
}

fn settings(audit: &Audit) -> LayerSettings {
    let approve = Rule::action("invoice.approve").target("invoice", "id");
    audit
        .layer()
        .actor(|extensions| extensions.get::<User>().map(|user| Actor::human(user.0)))
        .route(|extensions| extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned()))
        .peer(peer)
        .rule("POST /invoices/{id}/approve", approve)
        .rule("/must/{id}", Rule::action("invoice.void").target("invoice", "id").must_commit())
        .rule("/try", Rule::action("page.view").best_effort())
        .rule("GET /health", Rule::skip())
}

fn app(settings: LayerSettings) -> Router {
    let invalid = async |Extension(audited): Extension<Audited>| {
        audited.note(|event| event.severity("no severity"));
    };
    let note = async |Extension(audited): Extension<Audited>| {
        audited.note(|event| event.denied().reason("four eyes"));
        "please ask somebody"
    };
    Router::new()
        .route("/invoices/{id}/approve", post(approve))
        .route("/must/{id}", post(async || "voided"))
        .route("/try", get(async || "tried"))
        .route("/health", get(async || "well"))
        .route("/broken", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route("/private", get(async || "private").layer(from_fn(inner)))
        .route("/invalid", get(invalid))
        .route("/note", get(note))
        .layer(settings.build().unwrap())
        .layer(from_fn(authenticate))
}

/// A running service.
async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// Calls it: method and path, headers; status and body.
async fn call(url: &str, what: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let (method, path) = what.split_once(' ').unwrap();
    let mut request = http::Request::builder().method(method).uri(format!("{url}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(()).unwrap();
    let answered = tokio::task::spawn_blocking(move || {
        let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
        let config = config.allow_non_standard_methods(true);
        let mut answer = config.build().new_agent().run(request).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    });
    answered.await.unwrap()
}

/// One call, and what the recorder has of it.
async fn recorded(what: &str, headers: &[(&str, &str)], behind: &[&str]) -> (u16, Vec<Value>) {
    let (audit, recorder): (Audit, Recorder) = Audit::recorder("billing-api").unwrap();
    let url = serve(app(settings(&audit).behind(behind))).await;
    let (status, _) = call(&url, what, headers).await;
    (status, recorder.events())
}

const ANA: (&str, &str) = ("authorization", "Bearer ana");

/// Call, headers, status, and what the event has at some pointers.
type Case = (
    &'static str,
    &'static [(&'static str, &'static str)],
    u16,
    &'static [(&'static str, &'static str)],
);

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

const CASES: &[Case] = &[
    (
        "POST /invoices/10%2F21/approve",
        &[ANA, ("traceparent", TRACE), ("x-request-id", "r-1"), ("user-agent", "shop/1")],
        200,
        &[
            ("/action", "invoice.approve"),
            ("/actor/id", "ana@acme"),
            ("/actor/kind", "human"),
            ("/targets/0/type", "invoice"),
            ("/targets/0/id", "10/21"),
            ("/outcome/status", "success"),
            ("/outcome/code", "http:200"),
            ("/correlation/trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
            ("/correlation/parent_id", "00f067aa0ba902b7"),
            ("/correlation/request_id", "r-1"),
            ("/origin/user_agent", "shop/1"),
            ("/origin/ip", "127.0.0.1"),
            ("/changes/0/new", "approved"),
        ],
    ),
    // What a caller writes into headers makes nobody of it.
    (
        "GET /broken",
        &[("x-user", "root"), ("x-forwarded-for", "6.6.6.6"), ("actor", "root")],
        500,
        &[
            ("/action", "http.get"),
            ("/actor/id", "anonymous"),
            ("/actor/kind", "anonymous"),
            ("/targets/0/id", "/broken"),
            ("/outcome/status", "failure"),
            ("/origin/ip", "127.0.0.1"),
        ],
    ),
    ("GET /private", &[], 401, &[("/outcome/status", "denied"), ("/actor/id", "anonymous")]),
    (
        "GET /private",
        &[("authorization", "Bearer eve")],
        200,
        &[
            ("/actor/id", "eve-bot"),
            ("/actor/kind", "agent"),
            ("/on_behalf_of/0/id", "eve@acme"),
            ("/outcome/status", "success"),
        ],
    ),
    ("GET /note", &[ANA], 200, &[("/outcome/status", "denied"), ("/outcome/reason", "four eyes")]),
    ("GET /try", &[ANA], 200, &[("/action", "page.view"), ("/delivery", "best_effort")]),
    ("BREW /try", &[ANA], 405, &[("/action", "page.view"), ("/outcome/status", "failure")]),
    ("GET /nowhere", &[ANA], 404, &[("/action", "http.get"), ("/outcome/code", "http:404")]),
    // What the service noted breaks the format; that there was a call is recorded all the same.
    (
        "GET /invalid",
        &[ANA],
        200,
        &[("/action", "http.get"), ("/actor/id", "ana@acme"), ("/outcome/status", "success")],
    ),
];

#[tokio::test]
async fn each_call_is_the_event_that_its_rule_says() {
    for (what, headers, status, wanted) in CASES {
        let (found, events) = recorded(what, headers, &[]).await;
        assert_eq!((found, events.len()), (*status, 1), "{what}: {events:?}");
        for (pointer, value) in *wanted {
            assert_eq!(events[0].pointer(pointer), Some(&Value::from(*value)), "{what} {pointer}");
        }
    }
    let (status, events) = recorded("GET /health", &[], &[]).await;
    assert_eq!((status, events.len()), (200, 0), "its rule says so");
    let (_, events) = recorded("GET /invalid", &[], &[]).await;
    assert!(events[0]["attrs"]["left_out"].as_str().unwrap().contains("severity"));
}

#[tokio::test]
async fn a_forwarded_address_is_believed_of_the_owners_proxies_alone() {
    let forwarded = [("x-forwarded-for", "6.6.6.6, 198.51.100.1")];
    // (proxies, recorded address)
    let cases: [(&[&str], &str); 3] =
        [(&[], "127.0.0.1"), (&["10.0.0.0/8"], "127.0.0.1"), (&["127.0.0.0/8"], "198.51.100.1")];
    for (proxies, address) in cases {
        let (_, events) = recorded("GET /note", &forwarded, proxies).await;
        assert_eq!(events[0]["origin"]["ip"], *address, "{proxies:?}");
    }
}

/// An audit whose server is never there.
fn unanswered(folder: &std::path::Path, change: impl FnOnce(Settings) -> Settings) -> Audit {
    let settings = Settings::new(folder).patience(Patience { pause_ms: 1, ..Patience::SEND });
    Audit::open("billing-api", &connection(&nobody()), change(settings)).unwrap()
}

#[tokio::test]
async fn an_answer_comes_once_its_event_is_in_the_spool() {
    let root = tempfile::tempdir().unwrap();
    let audit = unanswered(root.path(), |settings| settings);
    let url = serve(app(settings(&audit))).await;
    for number in 0..30 {
        let target = format!("spooled-{number:04}");
        let what = format!("POST /invoices/{target}/approve");
        assert_eq!(call(&url, &what, &[ANA]).await.0, 200);
        assert!(spooled(root.path(), &target), "{target} was answered and is not in the spool");
    }
}

#[tokio::test]
async fn a_call_that_must_be_committed_and_is_not_fails() {
    let root = tempfile::tempdir().unwrap();
    let audit = unanswered(root.path(), |settings| settings.commit_wait(SHORT));
    let url = serve(app(settings(&audit))).await;
    let (status, problem) = call(&url, "POST /must/10021", &[ANA]).await;
    let problem: Value = serde_json::from_str(&problem).unwrap();
    assert_eq!((status, &problem["code"]), (503, &Value::from("audit_unavailable")));
    assert_eq!(problem["retryable"], false, "it was done");
    assert!(spooled(root.path(), "10021"), "its event is delivered later");
    let (status, _) = call(&url, "POST /invoices/10022/approve", &[ANA]).await;
    assert_eq!(status, 200, "the others go on");
}

#[tokio::test]
async fn a_spool_that_takes_nothing_stops_the_calls_before_they_are_made() {
    let root = tempfile::tempdir().unwrap();
    let small = |settings: Settings| settings.spool_bytes_max(1 << 20).room_wait(SHORT);
    let audit = unanswered(root.path(), small);
    let url = serve(app(settings(&audit))).await;
    let text = "a".repeat(60_000);
    let full = || audit.record("page.view").actor("ana@acme").attr("text", text.as_str()).send();
    while !matches!(full(), Err(Error::SpoolFull { .. })) {}
    let (status, problem) = call(&url, "POST /invoices/10021/approve", &[ANA]).await;
    assert_eq!(status, 503);
    assert!(problem.contains("the call was not made") && problem.contains("true"), "{problem}");
    let (status, _) = call(&url, "GET /try", &[ANA]).await;
    assert_eq!(status, 200, "what need not be recorded goes on");
}

#[tokio::test]
async fn a_call_that_is_left_or_panics_is_an_event() {
    let (audit, recorder) = Audit::recorder("billing-api").unwrap();
    let app = Router::new()
        .route("/hang", get(async || std::future::pending::<()>().await))
        .route("/panic", get(async || -> () { panic!("on purpose") }))
        .layer(settings(&audit).build().unwrap());
    let request = |path| Request::builder().uri(path).body(axum::body::Body::empty()).unwrap();
    let hanging = tower::ServiceExt::oneshot(app.clone(), request("/hang"));
    assert!(tokio::time::timeout(SHORT, hanging).await.is_err());
    let panicking = tokio::spawn(tower::ServiceExt::oneshot(app, request("/panic")));
    assert!(panicking.await.is_err());
    let reasons = ["the work was left before its end", "the work panicked"];
    for (reason, path) in reasons.into_iter().zip(["/hang", "/panic"]) {
        let expected = recorder.expect("http.get").with("/targets/0/id", path);
        expected.outcome("failure").with("/outcome/reason", reason).once();
    }
}

#[tokio::test]
async fn everything_that_was_answered_arrives() {
    let (server, root) = (Server::start(Duration::from_secs(20)), tempfile::tempdir().unwrap());
    let patience = Patience { pause_ms: 1, ..Patience::SEND };
    let spool = Settings::new(root.path()).patience(patience);
    let audit = Audit::open("billing-api", &connection(&server.url), spool).unwrap();
    let url = serve(app(settings(&audit))).await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..40 {
        let url = url.clone();
        calls.spawn(async move {
            call(&url, &format!("POST /invoices/{number}/approve"), &[ANA]).await.0
        });
    }
    assert!(calls.join_all().await.iter().all(|status| *status == 200));
    tokio::task::spawn_blocking(move || audit.flush(LIMIT)).await.unwrap().unwrap();
    assert_eq!(server.ledger.lock().unwrap().events().len(), 40);
}

#[test]
fn what_cannot_work_is_refused_when_the_layer_is_built() {
    let (audit, _) = Audit::recorder("billing-api").unwrap();
    type Change = fn(LayerSettings) -> LayerSettings;
    let cases: [(Change, &str); 5] = [
        (|layer| layer.rule("/a", Rule::action("approve")), "rule of `/a`"),
        (|layer| layer.rule("/a/{id}", Rule::action("a.b").target("", "id")), "rule of `/a/{id}`"),
        (|layer| layer.rule("/a/{id}", Rule::action("a.b").target("x", "ib")), "no part `{ib}`"),
        (|layer| layer.otherwise(Rule::action("")), "rule of `otherwise`"),
        (|layer| layer.behind(&["localhost"]), "`localhost` is neither"),
    ];
    for (change, words) in cases {
        let error = change(audit.layer()).build().unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}
