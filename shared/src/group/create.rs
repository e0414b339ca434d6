//! A new group, alone or inside of another.

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};

use super::{
    Group, MAX_LEVELS, TRIES,
    edit::{self, CustomData},
    members,
    name::Name,
    position::Position,
    tree::Tree,
};
use crate::{
    Error, Ports, Refusal, Result,
    access::{
        Caller,
        holders::Holders,
        membership::{self, Changes, GroupGrant, Membership, Memberships},
        role::Primary,
    },
    id::{NodeId, UserId},
    outbox::{self, News},
    port::{
        events::EventType,
        table::{When, Write},
    },
};

/// Bytes of a fabric's id.
const FABRIC_ID: usize = 8;

/// What somebody says of a group to be.
#[derive(Clone, Debug)]
pub struct New {
    /// Its name.
    pub name: Name,
    /// What kind of group it is; may be empty.
    pub kind: String,
    /// For people; may be empty.
    pub description: String,
    /// What apps keep with it.
    pub custom_data: Map<String, Value>,
    /// Its nodes are in no other such group of the same type and parent.
    pub exclusive: bool,
    /// It is a Matter fabric; so far only by name.
    pub fabric: bool,
    /// The first nodes, of the caller's.
    pub nodes: Vec<NodeId>,
}

/// Makes the group, the caller's or inside of one of theirs, and puts the nodes into it. 1 get and 1 write, for a group inside of
/// another 1 batched get and 1 write; with nodes 1 batched get before and after, and what [`members::add`] costs.
///
/// Refusals: [`Refusal::GroupNameTaken`], [`Refusal::NoSubGroup`], [`Refusal::TooManySubGroups`],
/// [`Refusal::InvalidParentGroup`], [`Refusal::FabricWithParent`], and those of [`members::add`].
pub async fn create(ports: &Ports, caller: &Caller, parent: Option<&GroupGrant<Primary>>, new: New) -> Result<Group> {
    let parent = parent.map(GroupGrant::group);
    let group = group_of(ports, caller, parent, &new)?;
    if !new.nodes.is_empty() {
        members::check(ports, caller.user_id(), &group, &new.nodes, true).await?;
    }
    match parent {
        None => alone(ports, caller, &group).await?,
        Some(parent) => inside(ports, caller, parent, &group).await?,
    }
    if !new.nodes.is_empty() {
        members::add(ports, &membership::grant(ports, caller, &group.id).await?, &new.nodes).await?;
    }
    Ok(group)
}

fn group_of(ports: &Ports, caller: &Caller, parent: Option<&Group>, new: &New) -> Result<Group> {
    edit::check_texts(&new.kind, &new.description)?;
    let around = parent.map(|parent| [parent.around(), std::slice::from_ref(&parent.id)].concat()).unwrap_or_default();
    if around.len() >= MAX_LEVELS {
        return Err(Refusal::NoSubGroup.into());
    }
    if new.fabric && parent.is_some() {
        return Err(Refusal::FabricWithParent.into());
    }
    let id = ports.ids.id();
    let fabric_id = new.fabric.then(|| HEXLOWER.encode(digest(&SHA256, id.as_bytes()).as_ref().split_at(FABRIC_ID).0));
    let mut group = Group {
        id: id.parse().map_err(|_| Error::Corrupt("generated id"))?,
        name: new.name.clone(),
        kind: new.kind.clone(),
        description: new.description.clone(),
        custom_data: Map::new(),
        fabric_id,
        total: 0,
        named_by: parent.is_none().then(|| caller.user_id().clone()),
        position: Position::new(&around, new.exclusive.then(|| new.kind.clone())),
        version: 0,
    };
    group.keep(CustomData::Merge(new.custom_data.clone()))?;
    Ok(group)
}

async fn alone(ports: &Ports, caller: &Caller, group: &Group) -> Result<()> {
    let user = caller.user_id();
    Memberships::of(ports, user).await?.has_room(1)?;
    let mut changes = Changes::default();
    changes.set(user, &group.id, Some(Membership::own(ports.clock.now())));
    let mut writes = vec![group.name.take(user, &group.id), group.put(When::Absent), Holders::found(&group.id, user, ports.clock.now_ms())];
    writes.extend(changes.writes()?);
    match outbox::write(ports, writes, [made(group, user)]).await {
        // Ids are never the same.
        Err(error) if error.is_conflict() => Err(Refusal::GroupNameTaken.into()),
        done => done,
    }
}

/// What is told of it.
fn made(group: &Group, by: &UserId) -> News {
    let news = News::of(EventType::GroupAdded).users([by]).data("group_id", group.id.as_str()).data("group_name", group.name.as_str());
    match group.parent() {
        Some(parent) => news.data("parent_group_id", parent.as_str()),
        None => news,
    }
}

async fn inside(ports: &Ports, caller: &Caller, parent: &Group, group: &Group) -> Result<()> {
    let outermost = parent.outermost();
    for _ in 0..TRIES {
        let records = ports.table.get_many(&[Group::key(&parent.id), Tree::key(&outermost)]).await?;
        let [Some(_), tree] = records.as_slice() else { return Err(Refusal::InvalidParentGroup.into()) };
        let tree = Tree::read(outermost.clone(), tree.as_ref())?;
        // The tree is no longer what it was when the parent has gone, unless that is the outermost group.
        let stays = Write::Check { key: Group::key(&outermost), when: When::Present };
        let writes = vec![tree.put(&group.id, &parent.id, &group.name)?, group.put(When::Absent), stays];
        match outbox::write(ports, writes, [made(group, caller.user_id())]).await {
            Err(error) if error.is_conflict() => {}
            done => return done,
        }
    }
    Err(Refusal::TooManyTries.into())
}
