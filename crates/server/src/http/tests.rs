//! The list of endpoints against what is served, so that neither can forget the other.

use super::*;

#[test]
fn every_route_says_what_it_needs_and_every_need_is_served() {
    let source = include_str!("mod.rs");
    let served: Vec<(String, String)> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix(".route(\""))
        .flat_map(|rest| {
            let (path, handlers) = rest.split_once('"').expect("a path in quotes");
            let methods = [
                ("get(", "GET"),
                ("post(", "POST"),
                ("delete(", "DELETE"),
                ("put(", "PUT"),
                ("patch(", "PATCH"),
            ];
            let found = methods.into_iter().filter(|(call, _)| handlers.contains(call));
            found.map(|(_, method)| (method.to_owned(), path.to_owned())).collect::<Vec<_>>()
        })
        .collect();
    let listed: Vec<(String, String)> = ENDPOINTS
        .iter()
        .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()))
        .collect();
    assert_eq!(served.len(), ENDPOINTS.len());
    for endpoint in &served {
        assert!(listed.contains(endpoint), "{endpoint:?} is served and says not what it needs");
    }
    for endpoint in &listed {
        assert!(served.contains(endpoint), "{endpoint:?} is listed and not served");
    }
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
    let others = ENDPOINTS.iter().filter(|(_, path, _)| *path != "/livez");
    let strange = [("GET", "/nothing"), ("PUT", "/v1/events")];
    for (method, path) in others.map(|(method, path, _)| (*method, *path)).chain(strange) {
        let path = path.replace("{*path}", "0/000").replace(['{', '}'], "");
        let (status, body, retry) = ask(&gate, method, &path).await;
        assert_eq!((status, retry.as_deref()), (503, Some("1")), "{method} {path}: {body}");
        let problem: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((&problem["phase"], &problem["done"]), (&"rows".into(), &0.25.into()), "{body}");
        assert_eq!(problem["code"], "recovering");
    }
}
