//! `PUT /v1/user/nodes?node_id=`: tags, metadata and administrators' access, in any combination; `DELETE`
//! with a body takes tags away (contract `clients.md` A3, `rest-1.md`). Errors of PUT: 100006, 100009,
//! 100036, 103020, 105046, 107036, 107038; of DELETE: 100006, 100010, 105018, 105046.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use shared::{
    Refusal,
    access::role::Secondary,
    node::details::{self, Change, Given, Metadata},
};
use web::{Allowed, App, Body, Naming, Result, reply::Success};

/// `UpdateNodeDetailsRequest`.
#[derive(Deserialize, JsonSchema)]
pub struct Update {
    tags: Option<Vec<String>>,
    /// What is merged in; `null` takes everything away.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<Metadata>", !default)]
    metadata: Option<Box<RawValue>>,
    grant_admin_access: Option<String>,
}

fn present<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(from).map(Some)
}

/// `NodeAttachTagsRequest`.
#[derive(Deserialize, JsonSchema)]
pub struct Removal {
    tags: Option<Vec<String>>,
}

/// How the node is named in PUT.
#[derive(Debug)]
pub enum Updated {}

impl Naming for Updated {
    const NOT_YOURS: Refusal = Refusal::NodeOfSomebodyElse;
}

/// How the node is named in DELETE.
#[derive(Debug)]
pub enum Tagged {}

impl Naming for Tagged {
    const MISSING: Refusal = Refusal::TaggedNodeMissing;
}

/// Changes what the node was given.
pub async fn put(allowed: Allowed<Secondary, Given, Updated>, State(app): State<App>, Body(body): Body<Update>) -> Result<Success> {
    let change = Change::new(body.tags.unwrap_or_default(), body.metadata.as_deref(), body.grant_admin_access.as_deref())?;
    let (caller, granted) = allowed.into_granted();
    details::change(&app.ports, &caller, granted, &change).await?;
    Ok(Success::new("Node details were updated"))
}

/// Takes tags away.
pub async fn delete(allowed: Allowed<Secondary, Given, Tagged>, State(app): State<App>, Body(body): Body<Removal>) -> Result<Success> {
    let tags = body.tags.filter(|tags| !tags.is_empty()).ok_or_else(|| Refusal::InvalidBody("tags are missing".to_owned()))?;
    let (caller, granted) = allowed.into_granted();
    details::remove_tags(&app.ports, &caller, granted, &tags).await?;
    Ok(Success::new("Tags were removed from the node"))
}
