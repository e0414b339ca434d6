//! `GET /apiversions` (contract `rest-3.md`; read by the CLI, the Android app and controllers).

use axum::Json;
use serde_json::{Value, json};
use web::Public;

/// The one version, and the build.
pub async fn get(_: Public) -> Json<Value> {
    let build = concat!("raincloud ", env!("CARGO_PKG_VERSION"));
    Json(json!({
        "supported_versions": ["v1"],
        "additional_info": [{ "version": "v1", "build_info": build, "release_notes": "" }],
    }))
}
