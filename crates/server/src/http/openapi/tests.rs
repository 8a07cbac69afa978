//! The document against its committed copy, the list of endpoints, and itself.

use std::collections::BTreeSet;

use super::*;

const COPY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/openapi.json");

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    if std::env::var_os("INDELIBLE_WRITE_DOCS").is_some() {
        std::fs::write(COPY, text()).expect("written");
    }
    let written = std::fs::read_to_string(COPY).expect("docs/reference/openapi.json");
    assert!(
        written == text(),
        "run this test with INDELIBLE_WRITE_DOCS=1 and commit docs/reference/openapi.json"
    );
}

#[test]
fn every_endpoint_is_in_the_document_and_the_other_way_round() {
    let document = document();
    let paths = document["paths"].as_object().expect("paths");
    let described: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").keys();
            methods.map(move |method| (method.to_ascii_uppercase(), path.clone()))
        })
        .collect();
    let listed: BTreeSet<(String, String)> = ENDPOINTS
        .iter()
        .map(|endpoint| (endpoint.method.to_owned(), endpoint.path.replace("{*", "{")))
        .collect();
    assert_eq!(described, listed);
    let ids: BTreeSet<&str> = ENDPOINTS.iter().map(|endpoint| endpoint.about.id).collect();
    assert_eq!(ids.len(), ENDPOINTS.len(), "an operation is there twice");
    for Endpoint { about, path, .. } in ENDPOINTS {
        assert!(!about.summary.is_empty() && !about.answers.is_empty(), "{path}");
    }
}

/// Every `$ref` of a value.
fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(elements) => elements.iter().for_each(|element| references(element, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_to_a_component_and_every_component_is_used() {
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let pointer = reference.strip_prefix('#').expect("a place in this document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    for name in schemas.keys() {
        let reference = format!("#/components/schemas/{name}");
        assert!(found.contains(reference.as_str()), "{name} is used nowhere");
    }
}

#[test]
fn the_page_in_words_knows_every_endpoint() {
    let page = include_str!("../../../../../docs/reference/api.md");
    for Endpoint { path, .. } in ENDPOINTS {
        let bare = path.split("{*").next().unwrap_or_default();
        assert!(page.contains(bare), "{path} is not in docs/reference/api.md");
    }
}
