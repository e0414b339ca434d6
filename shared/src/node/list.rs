//! A user's nodes, in pages, with what is known of each (contract `clients.md` A3).

use std::collections::BTreeMap;

use super::{config::Config, details::Given, filter::TagFilter, presence::Presence};
use crate::{
    Ports, Result,
    access::{
        Caller, Load,
        association::{self, Association, NODE_PREFIX},
        grant::{self, Granted},
        membership::{Membership, Memberships},
        role::Strongest,
    },
    group::{members, shift::nodes_key},
    id::{GroupId, NodeId},
    params::Params,
    port::table::{Cursor, Key, MAX_PAGE_BYTES, Query, Record, TableId},
};

/// Nodes on a page, and the most that may be asked for.
pub const MAX_PAGE: usize = 100;

/// A node with all that its users may see.
#[derive(Clone, Debug)]
pub struct Details {
    /// What the user is to it.
    pub association: Association,
    /// What its users gave it.
    pub given: Given,
    /// `None` if it was never online, or if it is not wanted.
    pub config: Option<Config>,
    /// What it reported; nothing if it is not wanted.
    pub params: Params,
    /// Whether it is online, if that is wanted.
    pub presence: Presence,
}

/// Which records of a node are wanted. What is not wanted is not read.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// Its config.
    pub config: bool,
    /// Its params, which cannot be shown without its config.
    pub params: bool,
    /// Whether it is online.
    pub status: bool,
}

impl Parts {
    /// All of them.
    pub const ALL: Self = Self { config: true, params: true, status: true };

    /// The records' keys; `None` in the place of one that is not read.
    fn keys(self, node: &NodeId) -> [Option<Key>; 3] {
        let key = |wanted: bool, keys: Vec<Key>| keys.into_iter().next().filter(|_| wanted);
        [
            key(self.config || self.params, <Option<Config>>::keys(node)),
            key(self.params, Params::keys(node)),
            key(self.status, Presence::keys(node)),
        ]
    }
}

type Loaded = (Option<Config>, (Params, Presence));

impl Details {
    fn new(association: Association, given: Given, (config, (params, presence)): Loaded) -> Self {
        Self { association, given, config, params, presence }
    }
}

/// A page of what the caller is to nodes, by the order of their ids: to their own, to those that are shared with them, and to
/// those in groups, each once. 1 query, 1 get; 1 batched get more for the groups in which nodes of others may be.
pub async fn ids(ports: &Ports, caller: &Caller, limit: usize, after: Option<Cursor>) -> Result<(Vec<Association>, Option<Cursor>)> {
    let partition = association::user_partition(caller.user_id());
    let limit = limit.clamp(1, MAX_PAGE);
    let page = ports.table.query(Query::prefix(TableId::Access, partition, NODE_PREFIX, limit).after(after.clone())).await?;
    let own = page.records.iter().map(Association::read).collect::<Result<Vec<_>>>()?;
    let memberships = Memberships::of(ports, caller.user_id()).await?;
    let in_groups = in_groups(ports, &memberships, after.as_ref()).await?;
    if in_groups.is_empty() {
        return Ok((own, page.next));
    }
    // Where the page of the user's own nodes ends, the others' end too: what comes after is on a later one.
    let end = own.last().filter(|_| page.next.is_some()).map(|last| last.node.clone());
    let mut all: BTreeMap<_, _> = own.into_iter().map(|association| (association.node.clone(), association)).collect();
    for (node, groups) in in_groups {
        if end.as_ref().is_none_or(|end| node <= *end) {
            let own = all.remove(&node);
            all.extend(Association::strongest(&node, own, &memberships, &groups).map(|association| (node, association)));
        }
    }
    let more = all.len() > limit || end.is_some();
    let page: Vec<_> = all.into_values().take(limit).collect();
    let next = page.last().filter(|_| more).map(|last| after_node(&last.node));
    Ok((page, next))
}

/// The nodes behind the cursor in groups where nodes of others may be, each with those groups. 1 batched get, if there are any.
async fn in_groups(ports: &Ports, memberships: &Memberships, after: Option<&Cursor>) -> Result<BTreeMap<NodeId, Vec<GroupId>>> {
    let groups: Vec<_> = memberships.with_others().collect();
    let mut found = BTreeMap::<_, Vec<_>>::new();
    if groups.is_empty() {
        return Ok(found);
    }
    let keys: Vec<_> = groups.iter().map(|group| nodes_key(group)).collect();
    for (group, record) in groups.into_iter().zip(ports.table.get_many(&keys).await?) {
        let nodes = members::read(record.as_ref()).into_keys();
        for node in nodes.filter(|node| after.is_none_or(|after| association::node_partition(node).as_str() > after.sort())) {
            found.entry(node).or_default().push(group.clone());
        }
    }
    Ok(found)
}

/// A page of those of the caller's nodes that fit, each with what it was given. However many fit, no more than
/// [`MAX_PAGE`] are looked at for a page, so it may be short, or empty, and yet not be the last. 1 query, 1
/// batched get.
pub async fn tagged(
    ports: &Ports,
    caller: &Caller,
    filter: &TagFilter,
    limit: usize,
    after: Option<Cursor>,
) -> Result<(Vec<(Association, Given)>, Option<Cursor>)> {
    let (associations, next) = ids(ports, caller, MAX_PAGE, after).await?;
    let keys: Vec<_> = associations.iter().flat_map(|association| Given::keys(&association.node)).collect();
    let mut records = ports.table.get_many(&keys).await?.into_iter();
    let mut found = Vec::new();
    for association in associations {
        let given = Given::read(ports, &mut records)?;
        if !filter.fits(&given.tags) {
            continue;
        }
        if found.len() == limit.clamp(1, MAX_PAGE) {
            let next = found.last().map(|(last, _): &(Association, Given)| after_node(&last.node));
            return Ok((found, next));
        }
        found.push((association, given));
    }
    Ok((found, next))
}

fn after_node(node: &NodeId) -> Cursor {
    Cursor::at(association::node_partition(node))
}

/// A page of the caller's nodes with the parts that are wanted, shorter where it would have more than
/// [`MAX_PAGE_BYTES`]. 1 query, 1 batched get; with a filter 1 batched get more.
pub async fn details(
    ports: &Ports,
    caller: &Caller,
    filter: Option<&TagFilter>,
    parts: Parts,
    limit: usize,
    after: Option<Cursor>,
) -> Result<(Vec<Details>, Option<Cursor>)> {
    let (nodes, mut next): (Vec<_>, _) = if let Some(filter) = filter {
        let (found, next) = tagged(ports, caller, filter, limit, after).await?;
        (found.into_iter().map(|(association, given)| (association, Some(given))).collect(), next)
    } else {
        let (associations, next) = ids(ports, caller, limit, after).await?;
        (associations.into_iter().map(|association| (association, None)).collect(), next)
    };
    let (whole, mut room) = (nodes.len(), MAX_PAGE_BYTES);
    let details = load(ports, nodes, parts, &mut room).await?;
    if let Some(Details { association: last, .. }) = details.last().filter(|_| details.len() < whole) {
        next = Some(after_node(&last.node));
    }
    Ok((details, next))
}

/// Nodes of a group that the caller has, with the parts that are wanted, as far as they fit into [`MAX_PAGE_BYTES`]. 2 batched
/// gets for each [`MAX_PAGE`] nodes.
pub(crate) async fn of_group(
    ports: &Ports,
    caller: &Caller,
    (group, membership): (&GroupId, Membership),
    nodes: &[NodeId],
    parts: Parts,
) -> Result<Vec<Details>> {
    let (mut details, mut room) = (Vec::new(), MAX_PAGE_BYTES);
    for some in nodes.chunks(MAX_PAGE) {
        let keys: Vec<_> = some.iter().map(|node| association::user_key(caller.user_id(), node)).collect();
        let own = ports.table.get_many(&keys).await?;
        let associations = some.iter().zip(own).map(|(node, own)| {
            let own = own.as_ref().map(Association::read).transpose()?;
            Ok((Association::stronger(node, own, membership, || vec![group.clone()]), None))
        });
        let loaded = load(ports, associations.collect::<Result<_>>()?, parts, &mut room).await?;
        let cut = loaded.len() < some.len();
        details.extend(loaded);
        if cut {
            break;
        }
    }
    Ok(details)
}

/// These with the parts that are wanted, as far as there is room for their bytes, but at least one while there is any.
/// 1 batched get.
async fn load(ports: &Ports, nodes: Vec<(Association, Option<Given>)>, parts: Parts, room: &mut usize) -> Result<Vec<Details>> {
    let own_keys = |association: &Association, given: &Option<Given>| {
        let known = given.is_some();
        let details = Given::keys(&association.node).into_iter().next().filter(|_| !known);
        std::iter::once(details).chain(parts.keys(&association.node))
    };
    let keys: Vec<_> = nodes.iter().flat_map(|(association, given)| own_keys(association, given).flatten()).collect();
    let mut records = ports.table.get_many(&keys).await?.into_iter();
    let mut details = Vec::new();
    for (association, given) in nodes {
        let own: Vec<Option<Record>> = own_keys(&association, &given).map(|key| key.and_then(|_| records.next().flatten())).collect();
        let bytes = own.iter().flatten().map(Record::size).sum::<usize>();
        if bytes > *room && (!details.is_empty() || *room < MAX_PAGE_BYTES) {
            *room = 0;
            break;
        }
        *room = room.saturating_sub(bytes);
        let mut own = own.into_iter();
        let read = Given::read(ports, &mut own)?;
        details.push(Details::new(association, given.unwrap_or(read), Loaded::read(ports, &mut own)?));
    }
    Ok(details)
}

/// One of the caller's nodes with its details. 1 batched get; 1 more for who does not own it.
pub async fn one(ports: &Ports, caller: &Caller, node: NodeId) -> Result<Details> {
    let Granted { association, loaded, .. }: Granted<Strongest, (Given, Loaded)> = grant::grant(ports, caller, node).await?;
    let (given, loaded) = loaded;
    Ok(Details::new(association, given, loaded))
}
