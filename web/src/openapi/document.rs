//! The document as a whole.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{
    Operation,
    operation::{FAILURE, schema},
};
use crate::{error::FailureBody, routes::Route};

const ABOUT: &str = "The REST API of a cloud for devices. It speaks the classic ESP RainMaker interfaces, so apps, SDKs and \
    command lines that are written for those work with it.\n\nLog in at `POST /v1/login2` and send the access token, bare, in the \
    header `Authorization`. Bodies are JSON whatever their content type says; in a query an empty value is none, and booleans may \
    have any letter case. Every failure has the same shape, with a number that says what is wrong.";

/// The document of these routes.
pub(super) fn of(routes: &[Route]) -> Value {
    let mut paths = Map::new();
    let mut refusals = BTreeSet::new();
    for route in routes {
        let mut operation = Operation::default();
        (route.describe)(&mut operation);
        refusals.extend(operation.refusals());
        let mut about = json!({
            "operationId": operation_id(route),
            "summary": route.summary,
            "tags": [route.noun],
        });
        if route.old {
            about["deprecated"] = true.into();
        }
        if let (Some(about), Value::Object(rest)) = (about.as_object_mut(), operation.into_json(route.path)) {
            about.extend(rest);
        }
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        methods[route.method.as_str().to_ascii_lowercase()] = about;
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Raincloud", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT },
        "paths": paths,
        "components": {
            "responses": refusals.into_iter().map(|status| (status.to_string(), refusal(status))).collect::<Map<_, _>>(),
            "schemas": { "Failure": schema::<FailureBody>(SchemaSettings::draft2020_12().for_serialize()) },
            "securitySchemes": {
                "AccessToken": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "The access token, without a word before it",
                },
            },
        },
    })
}

/// The method and the words of the path: unlike names of functions, different for each route.
fn operation_id(route: &Route) -> String {
    let words = route.path.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty() && *word != "v1");
    let method = route.method.as_str().to_ascii_lowercase();
    std::iter::once(method.as_str()).chain(words).collect::<Vec<_>>().join("_")
}

fn refusal(status: u16) -> Value {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    json!({ "description": reason, "content": { "application/json": { "schema": { "$ref": FAILURE } } } })
}
