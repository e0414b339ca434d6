//! A user's nodes, in pages, with what is known of each (contract `clients.md` A3).

use super::{config::Config, presence::Presence};
use crate::{
    Ports, Result,
    access::{
        Caller, Load,
        association::{self, Association, NODE_PREFIX},
        grant::{self, Granted},
        role::Secondary,
    },
    id::NodeId,
    params::Params,
    port::table::{Cursor, MAX_PAGE_BYTES, Query, Record, TableId},
};

/// Nodes on a page, and the most that may be asked for.
pub const MAX_PAGE: usize = 100;

/// A node with all that its users may see.
#[derive(Clone, Debug)]
pub struct Details {
    /// What the user is to it.
    pub association: Association,
    /// `None` if it was never online.
    pub config: Option<Config>,
    /// What it reported.
    pub params: Params,
    /// Whether it is online.
    pub presence: Presence,
}

type Loaded = (Option<Config>, (Params, Presence));

impl Details {
    fn new(association: Association, (config, (params, presence)): Loaded) -> Self {
        Self { association, config, params, presence }
    }
}

/// A page of the caller's associations with nodes. 1 query.
pub async fn ids(ports: &Ports, caller: &Caller, limit: usize, after: Option<Cursor>) -> Result<(Vec<Association>, Option<Cursor>)> {
    let partition = association::user_partition(caller.user_id());
    let limit = limit.clamp(1, MAX_PAGE);
    let page = ports.table.query(Query::prefix(TableId::Access, partition, NODE_PREFIX, limit).after(after)).await?;
    let associations = page.records.iter().map(Association::read).collect::<Result<_>>()?;
    Ok((associations, page.next))
}

/// A page of the caller's nodes with their details, shorter where it would have more than
/// [`MAX_PAGE_BYTES`]. 1 query, 1 batched get.
pub async fn details(ports: &Ports, caller: &Caller, limit: usize, after: Option<Cursor>) -> Result<(Vec<Details>, Option<Cursor>)> {
    let (associations, mut next) = ids(ports, caller, limit, after).await?;
    let keys: Vec<_> = associations.iter().flat_map(|association| Loaded::keys(&association.node)).collect();
    let mut records = ports.table.get_many(&keys).await?.into_iter();
    let (mut details, mut bytes) = (Vec::new(), 0);
    for association in associations {
        let own: Vec<_> = records.by_ref().take(Loaded::keys(&association.node).len()).collect();
        bytes += own.iter().flatten().map(Record::size).sum::<usize>();
        if bytes > MAX_PAGE_BYTES
            && let Some(Details { association: last, .. }) = details.last()
        {
            next = Some(Cursor::at(association::node_partition(&last.node)));
            break;
        }
        details.push(Details::new(association, Loaded::read(ports, &mut own.into_iter())?));
    }
    Ok((details, next))
}

/// One of the caller's nodes with its details. 1 batched get.
pub async fn one(ports: &Ports, caller: &Caller, node: NodeId) -> Result<Details> {
    let Granted { association, loaded, .. }: Granted<Secondary, Loaded> = grant::grant(ports, caller, node).await?;
    Ok(Details::new(association, loaded))
}
