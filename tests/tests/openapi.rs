//! The document that the API serves of itself. `UPDATE_EXPECT=1` writes the snapshot anew: read the
//! difference, since clients are generated from it.

use std::collections::HashSet;

use expect_test::expect_file;
use serde_json::{Value, json};
use tests::{Call, Cloud};

async fn document() -> Value {
    Cloud::new().call(Call::get("/openapi.json")).await.expect(200)
}

#[tokio::test]
async fn the_document_is_as_written_down() {
    let text = serde_json::to_string_pretty(&document().await).unwrap();
    expect_file!["../snapshots/openapi.json"].assert_eq(&format!("{text}\n"));
}

#[tokio::test]
async fn every_route_is_described_under_an_id_of_its_own() {
    let document = document().await;
    let mut ids = HashSet::new();
    for route in tests::routes().list() {
        let operation = &document["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
        assert!(operation["responses"].as_object().is_some_and(|responses| !responses.is_empty()), "{} {}", route.method, route.path);
        assert_eq!(operation["deprecated"] == true, route.old, "{}", route.path);
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{operation}");
    }
    let described: usize = document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
    assert_eq!(described, ids.len());
}

#[tokio::test]
async fn what_a_gate_and_types_ask_for_stands_in_the_document() {
    let document = document().await;
    let operation = |path: &str, method: &str| document["paths"][path][method].clone();
    let node = operation("/v1/user/nodes/config", "get");
    assert_eq!(node["security"], json!([{ "AccessToken": [] }]));
    assert_eq!((&node["parameters"][0]["name"], &node["parameters"][0]["required"]), (&json!("node_id"), &json!(true)));
    assert_eq!(node["responses"]["401"]["$ref"], "#/components/responses/401");
    let login = operation("/v1/login2", "post");
    assert!(login.get("security").is_none() && login["responses"].get("401").is_none(), "{login}");
    assert!(login["requestBody"]["content"]["application/json"]["schema"]["properties"]["refreshtoken"].is_object());
    let page = operation("/v1/user/nodes", "get")["parameters"].as_array().unwrap().clone();
    let names: Vec<_> = page.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
    let own = ["node_details", "status", "config", "params", "show_tags", "tags", "is_matter"];
    assert_eq!(names, [&["node_id", "num_records", "start_id"][..], &own].concat());
    // Where a token may be missing, a bad one is refused only if that matters.
    let either = json!([{}, { "AccessToken": [] }]);
    let (claim, old) = (operation("/claim/initiate", "post"), operation("/v1/logout", "post"));
    assert_eq!((&claim["security"], &old["security"]), (&either, &either));
    assert!(claim["responses"].get("401").is_some() && old["responses"].get("401").is_none(), "{claim} {old}");
    let in_path = operation("/v1/user/nodes/{node_id}", "delete")["parameters"].clone();
    assert_eq!(in_path, json!([{ "name": "node_id", "in": "path", "required": true, "schema": { "type": "string" } }]));
}
