//! A group goes, with all groups inside of it: first its nodes leave, then the groups inside, then itself. Should it end
//! in between, the group is there with less in it, and the same again goes on.

use super::{Group, members, shift::nodes_key, tree::Tree};
use crate::{
    Ports, Refusal, Result,
    access::{
        membership::{self, GroupGrant},
        role::{Primary, RoleName},
    },
    id::{GroupId, UserId},
    port::table::{Batch, When, Write},
};

/// Groups inside that go in one batch: 2 writes each.
const GOING: usize = 30;
/// Users who leave in one batch: 2 writes each.
const LEAVING: usize = 15;
/// Tries against nodes and groups that come at the same moment.
const TRIES: usize = 20;

/// Removes the group. For a group with neither nodes nor groups inside 4 gets, 1 query, 1 batch; 1 batch more for each
/// 49 nodes and for each [`GOING`] groups inside.
pub async fn remove(ports: &Ports, grant: &GroupGrant<Primary>) -> Result<()> {
    whole(ports, &grant.group().id).await
}

/// Removes all groups that are this user's own; they leave the others.
pub(crate) async fn all_of(ports: &Ports, user: &UserId) -> Result<()> {
    loop {
        let (groups, _) = membership::of_user(ports, user, LEAVING, None).await?;
        if groups.is_empty() {
            return Ok(());
        }
        for (group, role) in groups {
            if role == RoleName::Primary {
                whole(ports, &group).await?;
            }
            ports.table.write(Batch::new(membership::delete(user, &group).into())?).await?;
        }
    }
}

async fn whole(ports: &Ports, id: &GroupId) -> Result<()> {
    for _ in 0..TRIES {
        let Some(group) = ports.table.get(&Group::key(id)).await?.as_ref().map(Group::read).transpose()? else { return Ok(()) };
        let nodes = members::of(ports, id).await?;
        if !nodes.is_empty() {
            members::take(ports, id, nodes).await?;
        }
        match end(ports, &group).await {
            Err(error) if error.is_conflict() => {}
            done => return done,
        }
    }
    Err(Refusal::TooManyTries.into())
}

/// Ends the group, which has no nodes; a conflict if anything has come into it.
async fn end(ports: &Ports, group: &Group) -> Result<()> {
    let outermost = group.outermost();
    let tree_key = Tree::key(&outermost);
    loop {
        let tree = Tree::read(outermost.clone(), ports.table.get(&tree_key).await?.as_ref())?;
        // The innermost first, so that none is left without the one around it.
        let mut inside = tree.inside(&group.id);
        let going = inside.split_off(inside.len().saturating_sub(GOING));
        let mut writes: Vec<_> = going.iter().flat_map(empty).collect();
        let (users, more) = membership::users(ports, &group.id, LEAVING).await?;
        let leave = |user: &UserId| membership::delete(user, &group.id);
        if more {
            // The owner last, who can then do this again.
            writes.extend(users.iter().filter(|user| **user != group.owner).flat_map(leave));
        }
        let last = inside.is_empty() && !more;
        if last {
            writes.extend(users.iter().flat_map(leave));
            writes.extend(empty(&group.id));
        }
        match (last, group.parent()) {
            (true, None) => writes.extend([tree.delete(), group.name.free(&group.owner)]),
            (true, Some(_)) => writes.push(tree.without(&[going, vec![group.id.clone()]].concat())),
            (false, _) if going.is_empty() => {}
            (false, _) => writes.push(tree.without(&going)),
        }
        ports.table.write(Batch::new(writes)?).await?;
        if last {
            return Ok(());
        }
    }
}

fn empty(group: &GroupId) -> [Write; 2] {
    let none = When::FieldEq("total".to_owned(), 0.into());
    [Write::Delete { key: Group::key(group), when: none }, Write::Delete { key: nodes_key(group), when: When::Always }]
}
