//! Administering all nodes of the cloud (contract `rest-1.md`, `/v1/admin/nodes`).

use super::{
    certificate::{self, NewCertificate, Registered, to_pem},
    config::Config,
    presence::Presence,
};
use crate::{
    Error, Ports, Refusal, Result,
    access::{Admin, Grant, Load, SuperAdmin},
    claim::{authority::Authority, csr::Csr, issue::again},
    id::NodeId,
    port::table::Cursor,
};

/// Nodes on a page, at most.
pub const MAX_PAGE: usize = 100;
/// Nodes that are changed at once, at most (contract `rest-1.md`, 105062).
pub const MAX_NODES: usize = 25;

/// What those who administer see of a node.
#[derive(Clone, Debug)]
pub struct Known {
    /// Which, and since when.
    pub registered: Registered,
    /// What it says that it is; `None` if it was never online.
    pub config: Option<Config>,
    /// Whether it is online.
    pub presence: Presence,
}

/// A page of all nodes ever registered, in the order of their ids. 1 query, 2 batched gets.
pub async fn list(ports: &Ports, _: &Admin, limit: usize, after: Option<Cursor>) -> Result<(Vec<Known>, Option<Cursor>)> {
    let (registered, next) = certificate::list(ports, limit.clamp(1, MAX_PAGE), after).await?;
    Ok((known(ports, registered).await?, next))
}

/// One node. Refusal: [`Refusal::NoNodes`]. 1 get, 1 batched get.
pub async fn one(ports: &Ports, _: &Admin, node: &NodeId) -> Result<Known> {
    let registered = certificate::registered(ports, node).await?.ok_or(Refusal::NoNodes)?;
    Ok(known(ports, vec![registered]).await?.pop().ok_or(Refusal::NoNodes)?)
}

async fn known(ports: &Ports, nodes: Vec<Registered>) -> Result<Vec<Known>> {
    type Loaded = (Option<Config>, Presence);
    let keys: Vec<_> = nodes.iter().flat_map(|registered| Loaded::keys(&registered.node)).collect();
    let mut records = ports.table.get_many(&keys).await?.into_iter();
    let read = |registered| {
        let (config, presence) = Loaded::read(ports, &mut records)?;
        Ok(Known { registered, config, presence })
    };
    nodes.into_iter().map(read).collect()
}

/// The node's certificate proves nothing any more, and its connection ends; that may be done again.
/// Refusal: [`Refusal::NoNodes`]. 1 get, 1 batch.
pub async fn revoke(ports: &Ports, _: &Admin, node: NodeId) -> Result<()> {
    let grant = Grant::trusted_because("somebody who administers revokes a node", node);
    certificate::revoke(ports, &grant).await.map_err(|error| error.instead(&Refusal::InvalidNodeId, Refusal::NoNodes))
}

/// A certificate in PEM for the request's key, and with it a new node of the request's name. A request that is repeated
/// gets the same certificate.
///
/// Refusal: [`Refusal::NodeExists`] of a node that is known by another key, or was revoked. 2 gets, 1 batch.
pub async fn add(ports: &Ports, _: &SuperAdmin, csr: &Csr) -> Result<String> {
    let node = Grant::trusted_because("a super admin adds a node", csr.node.clone());
    if let Some(known) = certificate::of(ports, &node).await? {
        return again(ports, &node, csr, &known).await?.ok_or(Error::Refused(Refusal::NodeExists));
    }
    let authority = Authority::open(ports).await?;
    let issued = NewCertificate::of(authority.issue(node.node(), &csr.public_key, ports.clock.now())?);
    match certificate::replace(ports, &node, None, &issued, Vec::new()).await {
        // Somebody else was faster.
        Err(error) if error.is_conflict() => {
            let known = certificate::of(ports, &node).await?.ok_or(error)?;
            again(ports, &node, csr, &known).await?.ok_or(Error::Refused(Refusal::NodeExists))
        }
        added => added.map(|()| to_pem(&issued.der)),
    }
}
