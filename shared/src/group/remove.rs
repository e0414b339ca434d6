//! A group goes, with all groups inside of it: first its nodes leave, then the groups inside, then itself. Should it end
//! in between, the group is there with less in it, and the same again goes on.

use super::{Group, leave, members, shift::nodes_key, tree::Tree};
use crate::{
    Error, Ports, Refusal, Result,
    access::{
        holders::{self, Holders},
        membership::{Changes, GroupGrant, Memberships},
        role::Primary,
    },
    id::{GroupId, UserId},
    outbox::{self, News},
    port::{
        events::EventType,
        table::{Batch, MAX_WRITES, When, Write},
    },
};

/// Groups inside whose users are looked at at once.
const AT_ONCE: usize = 24;
/// Groups that one user leaves in one batch.
const OF_A_USER: usize = 40;
/// Tries against nodes, groups and users that come at the same moment.
const TRIES: usize = 20;

/// Removes the group. For a group with neither nodes nor groups inside 4 gets, 1 batched get, 1 batch; 1 batch more for each
/// 49 nodes, and 1 batched get and 1 batch for each 24 groups inside.
pub async fn remove(ports: &Ports, grant: &GroupGrant<Primary>) -> Result<()> {
    whole(ports, &grant.group().id).await
}

/// The user, whose account goes, leaves all groups; those that are in no other and have no other primary user are removed.
pub(crate) async fn all_of(ports: &Ports, user: &UserId) -> Result<()> {
    for id in Memberships::of(ports, user).await?.groups() {
        if Holders::of(ports.table.get(&holders::group_key(id)).await?.as_ref())?.is_alone(user) {
            whole(ports, id).await?;
            continue;
        }
        match leave::group(ports, id, user).await {
            // It, or what they had of it, has gone meanwhile.
            Err(Error::Refused(Refusal::NoSuchGroup | Refusal::GroupNotShared | Refusal::SharedByParent)) => {}
            left => left?,
        }
    }
    let empty = Write::Delete { key: Memberships::key(user), when: When::Always };
    Ok(ports.table.write(Batch::of(empty)?).await.map(drop)?)
}

async fn whole(ports: &Ports, id: &GroupId) -> Result<()> {
    for tried in 0..TRIES {
        empty(ports, id).await?;
        let Some(group) = ports.table.get(&Group::key(id)).await?.as_ref().map(Group::read).transpose()? else { return Ok(()) };
        if group.total != 0 {
            continue;
        }
        match end(ports, &group).await {
            Err(error) if error.is_conflict() => {}
            done => return done,
        }
        if tried > 0 {
            // A node leaves the groups inside with the group; but nobody is to find one there that can't be removed.
            let outermost = group.outermost();
            let tree = Tree::read(outermost.clone(), ports.table.get(&Tree::key(&outermost)).await?.as_ref())?;
            for inside in tree.inside(id) {
                empty(ports, &inside).await?;
            }
        }
    }
    Err(Refusal::TooManyTries.into())
}

async fn empty(ports: &Ports, group: &GroupId) -> Result<()> {
    let nodes = members::of(ports, group).await?;
    if nodes.is_empty() { Ok(()) } else { members::take(ports, group, &nodes.into_keys().collect()).await }
}

/// Groups that go in one batch, with the users who have them themselves.
#[derive(Default)]
struct Going {
    groups: Vec<GroupId>,
    users: Changes,
    writes: Vec<Write>,
}

impl Going {
    /// Also this one, if there is room, and as long as this holds.
    fn with(&mut self, group: &GroupId, holders: &Holders, when: When) -> bool {
        let mut users = self.users.clone();
        for user in holders.users() {
            users.set(user, group, None);
        }
        // Beside: the tree, the name, what is told.
        let most = MAX_WRITES - 6;
        if self.groups.len() >= OF_A_USER || self.writes.len() + 3 + users.len() > most {
            return false;
        }
        self.users = users;
        self.groups.push(group.clone());
        self.writes.extend([
            Write::Delete { key: Group::key(group), when },
            Write::Delete { key: nodes_key(group), when: When::Always },
            holders.gone(holders::group_key(group)),
        ]);
        true
    }
}

/// Ends the group, which had no nodes a moment ago; a conflict if anything comes into it, or it changes otherwise.
async fn end(ports: &Ports, group: &Group) -> Result<()> {
    let outermost = group.outermost();
    let tree_key = Tree::key(&outermost);
    loop {
        let tree = Tree::read(outermost.clone(), ports.table.get(&tree_key).await?.as_ref())?;
        // The innermost first, so that none is left without the one around it.
        let mut order = tree.inside(&group.id);
        order.reverse();
        order.push(group.id.clone());
        let keys: Vec<_> = order.iter().take(AT_ONCE).map(holders::group_key).collect();
        let mut going = Going::default();
        for (id, record) in order.iter().zip(ports.table.get_many(&keys).await?) {
            // The group itself as it was read, since its name goes, too; and nothing is in any.
            let same = if *id == group.id { group.unchanged() } else { When::FieldEq("total".to_owned(), 0.into()) };
            if !going.with(id, &Holders::of(record.as_ref())?, same) {
                break;
            }
        }
        let last = going.groups.len() == order.len();
        let mut writes = going.writes;
        writes.extend(going.users.writes()?);
        if last && group.parent().is_none() {
            writes.push(tree.delete());
            writes.extend(group.named_by.as_ref().map(|user| group.name.free(user)));
        } else {
            writes.push(tree.without(&going.groups));
        }
        let news = last.then(|| News::of(EventType::GroupRemoved).data("group_id", group.id.as_str()).users(going.users.users()));
        outbox::write(ports, writes, news).await?;
        if last {
            return Ok(());
        }
    }
}
