//! Statuses by table.

use super::*;

#[test]
fn each_status_is_an_outcome() {
    let cases = [
        (200, "success"),
        (204, "success"),
        (302, "success"),
        (400, "failure"),
        (401, "denied"),
        (403, "denied"),
        (404, "failure"),
        (429, "failure"),
        (500, "failure"),
        (503, "failure"),
    ];
    for (status, outcome) in cases {
        let status = StatusCode::from_u16(status).unwrap();
        let found = Outcome::of_head(Protocol::Http, status, &HeaderMap::new()).unwrap();
        assert_eq!(found.status, outcome, "{status}");
    }
}

#[test]
fn a_grpc_call_ends_with_its_trailers() {
    let cases = [
        (Some("0"), "success"),
        (Some("7"), "denied"),
        (Some("16"), "denied"),
        (Some("5"), "failure"),
        (Some("x"), "unknown"),
        (None, "unknown"),
    ];
    for (status, outcome) in cases {
        let mut trailers = HeaderMap::new();
        if let Some(status) = status {
            trailers.insert("grpc-status", http::HeaderValue::from_static(status));
        }
        let head = Outcome::of_head(Protocol::Grpc, StatusCode::OK, &trailers);
        assert_eq!(head.is_some(), status.is_some(), "{status:?}");
        assert_eq!(Outcome::of_trailers(&trailers).status, outcome, "{status:?}");
    }
}

#[test]
fn a_request_says_how_it_is_spoken() {
    let cases = [
        ("application/grpc", Protocol::Grpc),
        ("application/grpc+proto", Protocol::Grpc),
        ("application/grpc;x=1", Protocol::Grpc),
        ("application/grpc-web+proto", Protocol::GrpcWeb),
        ("application/grpcish", Protocol::Http),
        ("application/json", Protocol::Http),
    ];
    for (media, protocol) in cases {
        let mut headers = HeaderMap::new();
        assert_eq!(Protocol::of(&headers), Protocol::Http);
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(media));
        assert_eq!(Protocol::of(&headers), protocol, "{media}");
    }
}
