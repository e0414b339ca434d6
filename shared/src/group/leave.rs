//! A user has a group no more: they leave it, or it is taken from them. With a primary user go the nodes that they put there.

use std::collections::BTreeSet;

use super::{Group, TRIES, members, name::Name, shift::nodes_key};
use crate::{
    Ports, Refusal, Result,
    access::{
        holders::{self, Holders, Place},
        membership::{Changes, Membership},
        role::RoleName,
    },
    id::{GroupId, UserId},
    outbox::{self, News},
    port::{
        events::EventType,
        table::{When, Write},
    },
};

/// The user leaves the group, of their own will. 1 batched get and 1 batch; for a primary user who has put nodes there what it
/// costs to take those out.
///
/// Refusals: [`Refusal::SoleOwnerStays`]; [`Refusal::SharedByParent`] where they have it by a group around it.
pub(crate) async fn group(ports: &Ports, group: &GroupId, user: &UserId) -> Result<()> {
    let told = News::of(EventType::GroupShareLeft).data("group_id", group.as_str()).users([user]);
    end(ports, group, user, None, vec![told]).await
}

/// Refusals: [`Refusal::SharedByParent`] if the user has the group, but not by itself; [`Refusal::SoleOwnerStays`].
pub(crate) fn may(holders: &Holders, user: &UserId) -> Result<()> {
    if !holders.places().contains_key(user) {
        return Err(Refusal::SharedByParent.into());
    }
    if holders.is_alone(user) { Err(Refusal::SoleOwnerStays.into()) } else { Ok(()) }
}

/// The user has the group no more, or only in this place, which is that of a secondary user.
pub(crate) async fn end(ports: &Ports, id: &GroupId, user: &UserId, place: Option<&Place>, news: Vec<News>) -> Result<()> {
    for _ in 0..TRIES {
        let records = ports.table.get_many(&[Group::key(id), holders::group_key(id), nodes_key(id)]).await?;
        let [Some(group), users, nodes] = records.as_slice() else { return Err(Refusal::NoSuchGroup.into()) };
        let (group, holders) = (Group::read(group)?, Holders::of(users.as_ref())?);
        let Some(before) = holders.places().get(user) else {
            return Err(if group.parent().is_some() { Refusal::SharedByParent } else { Refusal::GroupNotShared }.into());
        };
        let mut writes = Vec::new();
        if before.role == RoleName::Primary {
            if holders.is_alone(user) {
                return Err(Refusal::SoleOwnerStays.into());
            }
            let theirs: BTreeSet<_> =
                members::read(nodes.as_ref()).into_iter().filter(|(_, by)| by == user).map(|(node, _)| node).collect();
            if !theirs.is_empty() {
                members::take_of(ports, id, user, &theirs).await?;
                continue;
            }
            let unchanged = nodes.as_ref().map_or(When::Absent, |record| When::Version(record.version));
            writes.push(Write::Check { key: nodes_key(id), when: unchanged });
        }
        writes.extend(without(ports, &group, &holders, user, place).await?);
        match outbox::write(ports, writes, news.iter().cloned()).await {
            Err(error) if error.is_conflict() => {}
            done => return done,
        }
    }
    Err(Refusal::TooManyTries.into())
}

/// The writes by which the user has the group no more, or in this place. Another primary user gets the place of the owner, and
/// the name among their names, unless they have a group of that name.
async fn without(ports: &Ports, group: &Group, holders: &Holders, user: &UserId, place: Option<&Place>) -> Result<Vec<Write>> {
    let mut changes = Changes::default();
    changes.set(user, &group.id, place.map(|place| Membership::shared(place, ports.clock.now())));
    let mut writes = changes.writes()?;
    // A group inside of others has none itself: it is theirs who own those.
    let owner = match holders.owner.as_ref() {
        Some(owner) if owner == user => holders.other_primaries(user).next(),
        owner => owner,
    };
    writes.push(holders.change(holders::group_key(&group.id), [(user, place)], owner)?);
    if group.named_by.as_ref() == Some(user)
        && let Some(heir) = owner
    {
        let mut after = group.clone();
        after.named_by = is_free(ports, &group.name, heir).await?.then(|| heir.clone());
        writes.push(after.put(group.unchanged()));
        writes.push(group.name.free(user));
        writes.extend(after.named_by.iter().map(|heir| group.name.take(heir, &group.id)));
    }
    Ok(writes)
}

async fn is_free(ports: &Ports, name: &Name, user: &UserId) -> Result<bool> {
    Ok(ports.table.get(&name.key(user)).await?.is_none())
}
