//! The list of endpoints, and what is answered before the server is open.

use std::collections::BTreeSet;

use super::endpoints::ENDPOINTS;
use super::*;

#[test]
fn an_endpoint_is_listed_once_and_the_router_takes_the_list() {
    let listed: BTreeSet<_> = ENDPOINTS.iter().map(|each| (each.method, each.path)).collect();
    assert_eq!(listed.len(), ENDPOINTS.len(), "an endpoint is listed twice");
    // The router panics over paths that cannot be told apart.
    let _router = router(Arc::new(Gate::default()));
}

/// One request through the whole interface.
async fn ask(gate: &Arc<Gate>, method: &str, path: &str) -> (u16, String, Option<String>) {
    use http_body_util::BodyExt;
    use tower::ServiceExt;
    let request = axum::http::Request::builder().method(method).uri(path);
    let request = request.body(axum::body::Body::empty()).expect("a request");
    let response = router(Arc::clone(gate)).oneshot(request).await.expect("an answer");
    let retry = response.headers().get(header::RETRY_AFTER);
    let retry = retry.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned(), retry)
}

#[tokio::test]
async fn a_recovering_server_is_alive_and_answers_nothing_else() {
    let gate = Arc::new(Gate::default());
    gate.phase("rows", 400);
    gate.done(100);
    assert_eq!(ask(&gate, "GET", "/livez").await.0, 200);
    let others = ENDPOINTS.iter().filter(|each| each.path != "/livez");
    let strange = [("GET", "/nothing"), ("PUT", "/v1/events")];
    for (method, path) in others.map(|each| (each.method, each.path)).chain(strange) {
        let path = path.replace("{*path}", "0/000").replace(['{', '}'], "");
        let (status, body, retry) = ask(&gate, method, &path).await;
        assert_eq!((status, retry.as_deref()), (503, Some("1")), "{method} {path}: {body}");
        let problem: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((&problem["phase"], &problem["done"]), (&"rows".into(), &0.25.into()), "{body}");
        assert_eq!(problem["code"], "recovering");
    }
}
