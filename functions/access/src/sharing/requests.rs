//! `GET /v1/user/nodes/sharing/requests` (contract `rest-1.md`, `rest-4-schemas.md` `GetNodeSharingRequestResponse`), and the same of
//! `/v1/user/node_group` (`rest-2.md`, `GetGroupSharingRequestResponse`): offers that the caller made or received, the newest first;
//! or one of them. Errors: 105043, 107019; of groups 108033.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::{
    Refusal,
    access::{self, role::RoleName},
    node::details::Metadata,
    port::table::Cursor,
    sharing::requests::{self, Kind, Listed, MAX_PAGE, Side},
};
use web::{App, Caller, Query, Result};

/// Which offers.
#[derive(Deserialize, JsonSchema)]
pub struct Filter {
    /// This one alone.
    request_id: Option<String>,
    /// `true`: those that the caller made, otherwise those that they received.
    primary_user: Option<String>,
    /// Where the page before ended: its `next_request_id`.
    start_request_id: Option<String>,
    /// Its `next_user_name`, which says nothing more.
    #[expect(dead_code, reason = "clients send it")]
    start_user_name: Option<String>,
    /// The most offers, 1 to 10; nonsense counts as none given.
    #[schemars(with = "Option<u32>")]
    num_records: Option<String>,
}

/// `GetNodeSharingRequestResponse`, `GetGroupSharingRequestResponse`.
#[derive(Default, Serialize, JsonSchema)]
pub struct Reply {
    sharing_requests: Vec<Offer>,
    // Only if there is another page: a client would loop for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_user_name: Option<String>,
}

/// `SharingDetails`.
#[derive(Serialize, JsonSchema)]
struct Offer {
    request_id: String,
    request_status: &'static str,
    /// Seconds since the epoch.
    request_timestamp: i64,
    /// Of nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    node_ids: Option<Vec<String>>,
    /// Of groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    group_ids: Option<Vec<String>>,
    /// Their names, in the same order.
    #[serde(skip_serializing_if = "Option::is_none")]
    group_names: Option<Vec<String>>,
    /// Who is to answer.
    user_name: String,
    /// Who offers.
    primary_user_name: String,
    user_role: &'static str,
    transfer: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_role: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Metadata>")]
    metadata: Option<Box<RawValue>>,
}

/// The caller's offers of nodes.
pub async fn nodes(Caller(caller): Caller, State(app): State<App>, Query(filter): Query<Filter>) -> Result<Json<Reply>> {
    Ok(offers(&app, &caller, Kind::Nodes, filter).await?)
}

/// The caller's offers of groups.
pub async fn groups(Caller(caller): Caller, State(app): State<App>, Query(filter): Query<Filter>) -> Result<Json<Reply>> {
    offers(&app, &caller, Kind::Groups, filter).await.map_err(|error| error.of_groups().into())
}

async fn offers(app: &App, caller: &access::Caller, kind: Kind, filter: Filter) -> shared::Result<Json<Reply>> {
    let side = side(filter.primary_user.as_deref())?;
    if let Some(id) = filter.request_id {
        let Ok(id) = id.parse() else { return Ok(Json(Reply::default())) };
        let found = requests::one(&app.ports, caller, (side, kind), &id).await?;
        return Ok(Json(Reply { sharing_requests: found.into_iter().map(offer).collect(), ..Reply::default() }));
    }
    let limit = filter.num_records.and_then(|number| number.parse().ok()).filter(|number| (1..=MAX_PAGE).contains(number));
    let after: Option<Cursor> = filter.start_request_id.map(|start| start.parse()).transpose().map_err(|_| Refusal::InvalidStart)?;
    let (found, next) = requests::page(&app.ports, caller, (side, kind), limit.unwrap_or(MAX_PAGE), after).await?;
    let sharing_requests: Vec<_> = found.into_iter().map(offer).collect();
    let last = sharing_requests.last().filter(|_| next.is_some());
    let next_user_name = last.map(|last| if side == Side::Offered { &last.user_name } else { &last.primary_user_name }.clone());
    Ok(Json(Reply { sharing_requests, next_request_id: next.map(|next| next.to_string()), next_user_name }))
}

/// The command line writes `True` and `False`.
fn side(primary_user: Option<&str>) -> std::result::Result<Side, Refusal> {
    match primary_user.map(str::to_ascii_lowercase).as_deref() {
        Some("true") => Ok(Side::Offered),
        Some("false") | None => Ok(Side::Received),
        Some(_) => Err(Refusal::InvalidPrimaryUser),
    }
}

fn offer(Listed { request, from, to, group_names }: Listed) -> Offer {
    let (terms, kind) = (request.deal.terms, request.deal.what.kind());
    let ids = |of: Kind| (kind == of).then(|| request.deal.what.ids());
    Offer {
        request_id: request.id.to_string(),
        request_status: if request.declined { "declined" } else { "pending" },
        request_timestamp: request.at,
        node_ids: ids(Kind::Nodes),
        group_ids: ids(Kind::Groups),
        group_names: (kind == Kind::Groups).then_some(group_names),
        user_name: to.as_str().to_owned(),
        primary_user_name: from.as_str().to_owned(),
        user_role: terms.place.role.as_str(),
        transfer: terms.transfer,
        new_role: terms.new_role.map(RoleName::as_str),
        sub_role: terms.place.sub_role,
        metadata: terms.place.metadata,
    }
}
