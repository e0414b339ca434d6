//! `GET /v1/user/nodes/cmd`, `GET /v1/admin/nodes/cmd` (contract `rest-1.md`; `rest-4-schemas.md`, `CmdResponseGetRequest`): what
//! became of commands, in pages: of a request, of a node (also by command, status or time), or of all that the caller asked for,
//! by status. Errors: 105043, 126003, 131003, 131011 to 131013, 131015.

use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use shared::{
    Error, Refusal,
    command::{
        Answered, Command, Data, MAX_PAGE, Status,
        cancel::Which,
        list::{self, Filter},
    },
    port::table::Cursor,
};
use web::{Admin, App, Caller, Query, Result, extract::query::OfPage};

use super::Named;

/// Commands on a page if it is not said how many.
const PAGE: usize = 10;

/// Which commands.
#[derive(Deserialize, JsonSchema)]
pub struct Wanted {
    #[serde(flatten)]
    page: OfPage,
    #[serde(flatten)]
    named: Named,
    /// `requested`, `in_progress`, `success`, `failure`, `timed_out`, `overridden` or `cancelled`.
    status: Option<String>,
    /// In seconds since the epoch; needs a node.
    #[schemars(with = "Option<u64>")]
    start_time: Option<String>,
    /// In seconds since the epoch; needs a start.
    #[schemars(with = "Option<u64>")]
    end_time: Option<String>,
    /// The newest first, unless this is `false`.
    desc_order: Option<bool>,
}

impl Wanted {
    fn filter(&self) -> std::result::Result<Filter, Refusal> {
        let time = |text: &Option<String>| text.as_ref().map(|text| text.parse().map_err(|_| Refusal::InvalidCommandTimes)).transpose();
        let (start, end): (Option<u32>, Option<u32>) = (time(&self.start_time)?, time(&self.end_time)?);
        let status = self.status.as_ref().map(|word| Status::of(word).ok_or(Refusal::InvalidCommandStatus)).transpose()?;
        let Which { request, node, cmd } = self.named.read()?;
        match (start, end) {
            (None, Some(_)) => return Err(Refusal::StartTimeMissing),
            (Some(start), Some(end)) if end < start => return Err(Refusal::InvalidCommandTimes),
            (Some(_), _) if node.is_none() => return Err(Refusal::CommandFilterMissing),
            _ if cmd.is_some() && node.is_none() && request.is_none() => return Err(Refusal::CommandWithoutNode),
            _ => {}
        }
        let asked = start.map(|start| (start.into(), end.map(Into::into)));
        Ok(Filter { request, node, cmd, status, asked, newest_first: self.desc_order.unwrap_or(true) })
    }
}

/// `CmdResponseGetRequest`.
#[derive(Serialize, JsonSchema)]
pub struct Page {
    requests: Vec<Shown>,
    /// On this page.
    total: usize,
    /// Only if there is another page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_id: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Shown {
    request_id: String,
    node_id: String,
    cmd: u16,
    status: &'static str,
    /// What the node said: 0 success, 1 failed, 2 not valid, 3 not permitted, 4 no such command.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_status: Option<u8>,
    status_description: &'static str,
    /// JSON, or base64.
    #[schemars(with = "serde_json::Value")]
    request_data: Box<RawValue>,
    /// JSON, or base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    response_data: Option<Box<RawValue>>,
    /// If the node's data are no JSON, and therefore shown as base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    response_data_error: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_base64: bool,
    /// Of the caller's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
    /// In seconds since the epoch.
    request_timestamp: i64,
    /// In seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    response_timestamp: Option<i64>,
    /// In seconds since the epoch; missing if there is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    indefinite_timeout: bool,
}

/// As a user.
pub async fn get(Caller(caller): Caller, State(app): State<App>, Query(wanted): Query<Wanted>) -> Result<Json<Page>> {
    let (filter, (limit, after)) = (wanted.filter()?, wanted.page.limits_or(PAGE, MAX_PAGE)?);
    let found = list::list(&app.ports, &caller, &filter, limit, after).await?;
    page(found, app.ports.clock.now(), |command| command.by.is(caller.user_id()).then(|| caller.user_name().as_str().to_owned()))
}

/// As somebody who administers.
pub async fn get_as_admin(Admin(admin): Admin, State(app): State<App>, Query(wanted): Query<Wanted>) -> Result<Json<Page>> {
    let (filter, (limit, after)) = (wanted.filter()?, wanted.page.limits_or(PAGE, MAX_PAGE)?);
    let found = list::list_as_admin(&app.ports, &admin, &filter, limit, after).await?;
    page(found, app.ports.clock.now(), |_| None)
}

fn page((commands, next): (Vec<Command>, Option<Cursor>), now: i64, name: impl Fn(&Command) -> Option<String>) -> Result<Json<Page>> {
    let show = |command: &Command| show(command, command.status(now), name(command));
    let requests = commands.iter().map(show).collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(Json(Page { total: requests.len(), requests, next_id: next.map(|next| next.to_string()) }))
}

fn show(command: &Command, status: Status, user_name: Option<String>) -> std::result::Result<Shown, Error> {
    let Data { bytes, base64 } = &command.data;
    let (request_data, _) = json(bytes, *base64)?;
    let response = command.answered.as_ref().map(|answered| &answered.data).filter(|data| !data.is_empty());
    let (response_data, whole) = response.map(|data| json(data, *base64)).transpose()?.unzip();
    Ok(Shown {
        request_id: command.request.to_string(),
        node_id: command.node.to_string(),
        cmd: command.cmd,
        status: status.as_str(),
        device_status: command.answered.as_ref().map(|answered| answered.device_status),
        status_description: describe(status, command.answered.as_ref()),
        request_data,
        response_data,
        response_data_error: (whole == Some(false)).then_some("the data are no JSON: here they are in base64"),
        is_base64: *base64,
        user_name,
        request_timestamp: command.asked,
        response_timestamp: command.answered.as_ref().map(|answered| answered.at),
        expiration_timestamp: command.until,
        indefinite_timeout: command.until.is_none(),
    })
}

/// The data as JSON, and whether they are shown as they were meant to be.
fn json(bytes: &[u8], base64: bool) -> std::result::Result<(Box<RawValue>, bool), Error> {
    if !base64 && let Ok(json) = serde_json::from_slice::<Box<RawValue>>(bytes) {
        return Ok((json, true));
    }
    let text = to_raw_value(&STANDARD.encode(bytes)).map_err(|_| Error::Corrupt("command"))?;
    Ok((text, base64))
}

fn describe(status: Status, answered: Option<&Answered>) -> &'static str {
    match (status, answered.map(|answered| answered.device_status)) {
        (Status::Success, _) => "The node has done it",
        (Status::Failure, Some(1)) => "The node could not do it",
        (Status::Failure, Some(2)) => "The node did not understand the command",
        (Status::Failure, Some(3)) => "The node does not do this for users of this role",
        (Status::Failure, Some(4)) => "The node has no such command",
        (Status::Failure, _) => "The node did not do it",
        (Status::Requested, _) => "The node has not got it yet",
        (Status::InProgress, _) => "The node has not answered yet",
        (Status::TimedOut, None) => "The node did not answer in time",
        (Status::TimedOut, Some(_)) => "The node answered too late",
        (Status::Overridden, _) => "Another command took its place",
        (Status::Cancelled, _) => "It was cancelled",
    }
}
