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
