//! `GET /apiversions` (contract `rest-3.md`; read by the CLI, the Android app and controllers).

use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;
use web::Public;

const BUILD: &str = concat!("raincloud ", env!("CARGO_PKG_VERSION"));

/// What clients may speak.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    supported_versions: [&'static str; 1],
    additional_info: [Spoken; 1],
}

#[derive(Serialize, JsonSchema)]
struct Spoken {
    version: &'static str,
    build_info: &'static str,
    release_notes: &'static str,
}

/// The one version, and the build.
pub async fn get(_: Public) -> Json<Reply> {
    Json(Reply { supported_versions: ["v1"], additional_info: [Spoken { version: "v1", build_info: BUILD, release_notes: "" }] })
}
