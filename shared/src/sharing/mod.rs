//! Sharing nodes: a primary user offers nodes to somebody, who accepts or declines (contract `rest-1.md`,
//! `/v1/user/nodes/sharing`; `clients.md` A5).
//!
//! * [`offer`]: nodes to a user, as a secondary or another primary user, or in the place of who offers;
//! * [`answer`]: accepting and declining;
//! * [`requests`]: offers that were made and received, in pages;
//! * [`withdraw`]: taking an offer back;
//! * [`list`]: who has which of a user's nodes;
//! * [`revoke`]: taking nodes from somebody again. Who leaves by themselves gives up their mapping:
//!   [`crate::mapping::remove`].
//!
//! | table `access` | sample | read by |
//! |---|---|---|
//! | `sharing#<request>` / `request` | `{from: "<user>", to: "<user>", nodes: ["<node>"], terms: {"role": "secondary", …}, status: "pending", at: 1790000000}` | answers, lists |
//! | `user#<from>` / `offered#<at>#<request>` | `{other: "<to>"}` | the list of who offered |
//! | `user#<to>` / `received#<at>#<request>` | `{other: "<from>"}` | the list of who is to answer |
//!
//! The three are written and deleted together, and are gone after [`LIFE_SECONDS`]. A request says nothing of who has
//! the nodes: that is looked at when it is accepted, so it means nothing once who made it is no primary user any more.
//!
//! An offer costs 1 get, 1 batched get, 2 queries and 1 batch; to who has the nodes already, where it is done at once, 1
//! get, 2 batched gets and 1 batch; accepting 1 get, 1 batched get and 1 batch for each `AT_ONCE` nodes; declining and
//! withdrawing 1 get and 1 write; revoking 1 get, 1 batched get, 1 query and 1 batch for each `AT_ONCE` nodes; a page
//! of requests or of who has nodes 1 query and 2 batched gets.

pub mod answer;
mod apply;
pub mod forget;
pub mod list;
pub mod offer;
mod request;
pub mod requests;
pub mod revoke;
mod terms;
pub mod withdraw;

use crate::{
    Error, Ports, Refusal, Result,
    access::{
        Caller,
        grant::{self, Granted},
        holders::Holders,
        role::Primary,
    },
    id::{NodeId, UserId},
    user::{directory, name::UserName},
};

pub use request::{Deal, Request};
pub use terms::{MAX_METADATA, Terms};

/// Seconds for which an offer can be answered (contract `clients.md` A5).
pub const LIFE_SECONDS: i64 = 7 * 86_400;
/// Nodes of one offer.
pub const MAX_NODES: usize = 100;
/// Users that a node may have.
pub const MAX_USERS: usize = 64;
/// Offers that a user may have made, or received, of those that are not accepted, withdrawn or out of date.
pub const MAX_REQUESTS: usize = 200;
/// Nodes whose users change in one batch: at most five records each, beside three of the request and one of the history.
const AT_ONCE: usize = 19;
/// Tries against other changes of the same nodes at the same moment.
const TRIES: usize = 10;

/// The nodes that are meant, each once.
///
/// Refusals: [`Refusal::NoNodesToShare`], [`Refusal::SomeNodesMissing`], [`Refusal::TooManyToShare`],
/// [`Refusal::InvalidSharedNode`].
pub fn nodes<'a>(ids: impl IntoIterator<Item = &'a str>) -> std::result::Result<Vec<NodeId>, Refusal> {
    let mut nodes = Vec::new();
    for id in ids {
        let id = id.trim();
        if id.is_empty() {
            return Err(Refusal::SomeNodesMissing);
        }
        let node = id.parse().map_err(|_| Refusal::InvalidSharedNode)?;
        if !nodes.contains(&node) {
            nodes.push(node);
        }
        if nodes.len() > MAX_NODES {
            return Err(Refusal::TooManyToShare);
        }
    }
    if nodes.is_empty() { Err(Refusal::NoNodesToShare) } else { Ok(nodes) }
}

/// The user with whom the caller shares. 1 get.
///
/// Refusals: [`Refusal::SharedUserMissing`], [`Refusal::SelfSharing`], [`Refusal::NoUserToShareWith`].
pub async fn other(ports: &Ports, caller: &Caller, name: &str) -> Result<UserId> {
    let name: UserName = match name.parse::<UserName>() {
        Err(Refusal::UserNameMissing) => return Err(Refusal::SharedUserMissing.into()),
        name => name.map_err(|_| Refusal::NoUserToShareWith)?,
    };
    let user = directory::find(ports, &name).await?.ok_or(Refusal::NoUserToShareWith)?;
    if user == *caller.user_id() { Err(Refusal::SelfSharing.into()) } else { Ok(user) }
}

/// Who has these nodes, all of which the caller must have as a primary user. 1 batched get.
async fn own(ports: &Ports, caller: &Caller, nodes: &[NodeId]) -> Result<Vec<Holders>> {
    let granted = grant::grants::<Primary, Holders>(ports, caller, nodes.to_vec()).await?;
    let instead = |error: Error| {
        error.instead(&Refusal::NotYourNode, Refusal::NotYourNodes).instead(&Refusal::NotPrimary, Refusal::NotPrimaryOfNodes)
    };
    granted.into_iter().map(|granted| granted.map(|Granted { loaded, .. }| loaded).map_err(instead)).collect()
}
