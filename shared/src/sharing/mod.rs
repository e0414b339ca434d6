//! Sharing: a primary user offers nodes or groups to somebody, who accepts or declines (contract `rest-1.md`,
//! `/v1/user/nodes/sharing`; `rest-2.md`, `/v1/user/node_group/sharing`; `clients.md` A5, A6).
//!
//! * [`offer`]: to a user, as a secondary or another primary user, or in the place of who offers;
//! * [`answer`]: accepting and declining;
//! * [`requests`]: offers that were made and received, in pages;
//! * [`withdraw`]: taking an offer back;
//! * [`list`], [`list_groups`]: who has which of a user's nodes and groups;
//! * [`revoke`]: taking them from somebody again, and giving up groups. Who gives up a node gives up their mapping:
//!   [`crate::mapping::remove`].
//!
//! | table `access` | sample | read by |
//! |---|---|---|
//! | `sharing#<request>` / `request` | `{from: "<user>", to: "<user>", nodes: ["<node>"], terms: {"role": "secondary", …}, status: "pending", at: 1790000000}`, or `groups` | answers, lists |
//! | `user#<from>` / `offered#<at>#<request>`, `group-offered#…` | `{other: "<to>"}` | the list of who offered |
//! | `user#<to>` / `received#<at>#<request>`, `group-received#…` | `{other: "<from>"}` | the list of who is to answer |
//!
//! The three are written and deleted together, and are gone after [`LIFE_SECONDS`]. A request says nothing of who has
//! the nodes: that is looked at when it is accepted, so it means nothing once who made it is no primary user any more.
//!
//! An offer costs 1 get, 1 batched get (of groups 2), 2 queries and 1 batch; to who has all of it already, where it is done
//! at once, 1 get, 1 batched get more and 1 batch; accepting 1 get, 1 batched get and 1 batch, for nodes one for each 18 of
//! them; declining and withdrawing 1 get and 1 write; revoking 1 get, 1 batched get, 1 query and as many batches, of groups 2
//! batched gets, 1 query, and 1 batched get and 1 batch each; a page of requests or of who has nodes 1 query and 2 batched gets.

pub mod answer;
pub mod forget;
mod groups;
pub mod list;
pub mod list_groups;
mod nodes;
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
        role::{MappedPrimary, RoleName},
    },
    id::{GroupId, NodeId, UserId},
    user::{directory, name::UserName},
};

pub use request::{Deal, Kind, Request, What};
pub use terms::{MAX_METADATA, Terms};

/// Seconds for which an offer can be answered (contract `clients.md` A5).
pub const LIFE_SECONDS: i64 = 7 * 86_400;
/// Nodes of one offer.
pub const MAX_NODES: usize = 100;
/// Groups of one offer.
pub const MAX_GROUPS: usize = 10;
/// Offers that a user may have made, or received, of those that are not accepted, withdrawn or out of date.
pub const MAX_REQUESTS: usize = 200;
/// Of those that a user has received, from one other: so nobody fills up what all others need.
pub const MAX_FROM_ONE: usize = 50;
/// Writes of one batch in which users of nodes change, beside those of the request and of what is told.
const AT_ONCE: usize = 93;
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

/// The groups that are meant, each once.
///
/// Refusals: [`Refusal::NoGroupsToShare`], [`Refusal::SomeGroupsMissing`], [`Refusal::TooManyGroups`],
/// [`Refusal::InvalidGroupIds`], [`Refusal::GroupTwice`].
pub fn groups<'a>(ids: impl IntoIterator<Item = &'a str>) -> std::result::Result<Vec<GroupId>, Refusal> {
    let mut groups = Vec::new();
    for id in ids {
        let id = id.trim();
        if id.is_empty() {
            return Err(Refusal::SomeGroupsMissing);
        }
        let group = id.parse().map_err(|_| Refusal::InvalidGroupIds)?;
        if groups.contains(&group) {
            return Err(Refusal::GroupTwice);
        }
        groups.push(group);
        if groups.len() > MAX_GROUPS {
            return Err(Refusal::TooManyGroups);
        }
    }
    if groups.is_empty() { Err(Refusal::NoGroupsToShare) } else { Ok(groups) }
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

/// Does what was offered, and uses the request up, if it is one; see [`nodes::apply`], [`groups::apply`].
async fn apply(ports: &Ports, deal: &Deal, request: Option<&Request>) -> Result<()> {
    match &deal.what {
        What::Nodes(nodes) => nodes::apply(ports, deal, nodes, request).await,
        What::Groups(groups) => groups::apply(ports, deal, groups, request).await,
    }
}

/// Who has these nodes, all of which the caller must have as a primary user. 1 batched get.
async fn own(ports: &Ports, caller: &Caller, nodes: &[NodeId]) -> Result<Vec<Holders>> {
    let granted = grant::grants::<MappedPrimary, Holders>(ports, caller, nodes.to_vec()).await?;
    let instead = |error: Error| {
        error.instead(&Refusal::NotYourNode, Refusal::NotYourNodes).instead(&Refusal::NotPrimary, Refusal::NotPrimaryOfNodes)
    };
    let holders = granted.into_iter().map(|granted| granted.map(|Granted { loaded, .. }| loaded).map_err(instead));
    let holders = holders.collect::<Result<Vec<Holders>>>()?;
    // Both sides are read together, but not as of one moment.
    let still = holders.iter().all(|holders| holders.has(caller.user_id(), RoleName::Primary));
    if still { Ok(holders) } else { Err(Refusal::NotPrimaryOfNodes.into()) }
}
