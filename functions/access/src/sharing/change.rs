//! `PUT /v1/user/nodes/sharing/requests`, and without its last part (contract `rest-1.md`, `clients.md` A5), and the same of
//! `/v1/user/node_group` (`rest-2.md`, `clients.md` A6): with nodes or groups it offers them to a user, with `accept` it answers
//! an offer. Errors of nodes: 100006, 100036, 107001 to 107003, 107005, 107007, 107008, 107011, 107017, 107021 to 107024, 107027,
//! 107033, 107035, 107040; of groups: 108031, 108035 to 108038, 108041, 108044 to 108046, 108048, 108050, 108054, 108112, 108138 to
//! 108141; of both: 429 with 100070.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::{
    Refusal, access,
    id::RequestId,
    node::details::Metadata,
    sharing::{
        self, Kind, Terms, What, answer,
        offer::{self, Offered},
    },
};
use web::{App, Body, Caller, Result, reply::Success};

// Flattening would not keep the very text of `metadata`.
macro_rules! request {
    ($(#[$doc:meta])* $name:ident, $what:ident, $alias:literal) => {
        $(#[$doc])*
        #[derive(Deserialize, JsonSchema)]
        pub struct $name {
            /// What is offered.
            #[serde(alias = $alias)]
            $what: Option<Vec<String>>,
            /// To whom.
            user_name: Option<String>,
            /// As another primary user.
            primary: Option<bool>,
            /// 1 to 4, which the application gives a meaning.
            sub_role: Option<i64>,
            #[schemars(with = "Option<Metadata>")]
            metadata: Option<Box<RawValue>>,
            /// In the place of the caller.
            transfer: Option<bool>,
            /// What the caller is after a transfer: `secondary`.
            new_role: Option<String>,
            /// The answer to an offer.
            #[serde(alias = "confirm_sharing")]
            accept: Option<bool>,
            /// The offer that is answered.
            request_id: Option<String>,
        }

        impl $name {
            /// What is asked for, of what the ids say.
            fn wish(self, what: impl FnOnce(&[String]) -> std::result::Result<What, Refusal>) -> std::result::Result<Wish, Refusal> {
                if self.$what.is_none() && (self.accept.is_some() || self.request_id.is_some()) {
                    let id = of(self.request_id, Refusal::NoRequestToAnswer)?;
                    return Ok(Wish::Answer(id, self.accept.ok_or(Refusal::AcceptMissing)?));
                }
                let what = what(&self.$what.unwrap_or_default())?;
                let said = |word: Option<bool>| word == Some(true);
                let (primary, transfer) = (said(self.primary), said(self.transfer));
                let terms = Terms::new(primary, self.sub_role, self.metadata, transfer, self.new_role.as_deref())?;
                Ok(Wish::Offer(what, self.user_name.unwrap_or_default(), Box::new(terms)))
            }
        }
    };
}

request! {
    /// `AddRemoveUserNodeSharingRequest` or `AcceptOrDeclineNodeSharingRequest`.
    OfNodes, nodes, "node_ids"
}

request! {
    /// `AddUserGroupSharingRequest` or `AcceptOrDeclineNodeSharingRequest`.
    OfGroups, groups, "group_ids"
}

/// What is asked for.
enum Wish {
    Offer(What, String, Box<Terms>),
    Answer(RequestId, bool),
}

/// Of an offer with its id; where it was done at once, no offer has that id.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    #[serde(flatten)]
    success: Success,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

/// Offers nodes, or answers.
pub async fn nodes(Caller(caller): Caller, State(app): State<App>, Body(body): Body<OfNodes>) -> Result<Json<Reply>> {
    let wish = body.wish(|ids| sharing::nodes(ids.iter().map(String::as_str)).map(What::Nodes))?;
    Ok(act(&app, &caller, Kind::Nodes, wish).await?)
}

/// Offers groups, or answers.
pub async fn groups(Caller(caller): Caller, State(app): State<App>, Body(body): Body<OfGroups>) -> Result<Json<Reply>> {
    let wish = body.wish(|ids| sharing::groups(ids.iter().map(String::as_str)).map(What::Groups)).map_err(shared::Error::from);
    let acted = async { act(&app, &caller, Kind::Groups, wish?).await };
    acted.await.map_err(|error| error.of_groups().into())
}

async fn act(app: &App, caller: &access::Caller, kind: Kind, wish: Wish) -> shared::Result<Json<Reply>> {
    let ports = &app.ports;
    let name = match kind {
        Kind::Nodes => "Node",
        Kind::Groups => "Group",
    };
    let (said, request_id) = match wish {
        Wish::Answer(id, true) => {
            answer::accept(ports, caller, kind, &id).await?;
            ("request accepted successfully", None)
        }
        Wish::Answer(id, false) => {
            answer::decline(ports, caller, kind, &id).await?;
            ("request declined successfully", None)
        }
        Wish::Offer(what, user, terms) => {
            let other = sharing::other(ports, caller, &user).await?;
            match offer::offer(ports, caller, other, what, *terms).await? {
                Offered::Asked(id) => ("request added for the user successfully", Some(id.to_string())),
                Offered::Done => ("added for the user successfully", Some(ports.ids.id())),
            }
        }
    };
    Ok(Json(Reply { success: Success::new(format!("{name} sharing {said}")), request_id }))
}

/// The id of a request; this refusal if it can't be one.
pub(super) fn of(id: Option<String>, unknown: Refusal) -> std::result::Result<RequestId, Refusal> {
    let id = id.filter(|id| !id.is_empty()).ok_or(Refusal::SharingRequestMissing)?;
    id.parse().map_err(|_| unknown)
}
