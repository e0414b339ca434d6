//! Doing what was offered of groups: the other gets them, with all that is in them. One batch, however many nodes and groups
//! are inside: who has a group has what is in it.
//!
//! A transfer also moves the nodes that who offers has put there, from one user to the other, and takes more batches. What
//! one has done the next try finds done, so whatever was interrupted is finished by doing it again.

use super::{
    Deal, Request, nodes,
    request::{self, Step},
};
use crate::{
    Error, Ports, Refusal, Result,
    access::{
        Caller,
        holders::{self, Holders},
        membership::{self, Changes, GroupGrant, Membership, Memberships},
        role::{Primary, RoleName, Secondary},
    },
    group::{Group, hand_over, leave, members},
    id::{GroupId, UserId},
    outbox,
    port::table::{Key, Write},
};

/// The users of these groups, all of which the caller must have as a primary user. 2 batched gets.
pub(super) async fn own(ports: &Ports, caller: &Caller, ids: &[GroupId], transfer: bool) -> Result<Vec<Holders>> {
    for grant in membership::grants::<Primary>(ports, caller.user_id(), ids).await? {
        let grant = grant.map_err(|error| {
            error.instead(&Refusal::NoSuchGroup, Refusal::NotYourGroups).instead(&Refusal::SharedGroup, Refusal::NotPrimaryOfGroups)
        })?;
        if transfer && !grant.is_direct() {
            return Err(Refusal::NoTransferInside.into());
        }
    }
    let records = ports.table.get_many(&ids.iter().map(holders::group_key).collect::<Vec<_>>()).await?;
    records.iter().map(|record| Holders::of(record.as_ref())).collect()
}

/// Refuses groups that the user does not have, has only by a group around them, or has as their only primary user. 2 batched gets.
pub(super) async fn may_leave(ports: &Ports, user: &UserId, ids: &[GroupId]) -> Result<()> {
    for grant in membership::grants::<Secondary>(ports, user, ids).await? {
        grant?;
    }
    let records = ports.table.get_many(&ids.iter().map(holders::group_key).collect::<Vec<_>>()).await?;
    for record in records {
        leave::may(&Holders::of(record.as_ref())?, user)?;
    }
    Ok(())
}

/// Refuses groups that the user has only by a group around them.
pub(super) async fn not_by_parent(ports: &Ports, user: &UserId, ids: &[GroupId]) -> Result<()> {
    let grants = membership::grants::<Secondary>(ports, user, ids).await?;
    let by_parent = grants.iter().flatten().any(|grant| !grant.is_direct());
    if by_parent { Err(Refusal::SharedByParent.into()) } else { Ok(()) }
}

/// A group as it stands.
struct Standing {
    grant: Option<GroupGrant<Primary>>,
    group: Group,
    holders: Holders,
}

/// What is read for a deal.
struct Read {
    groups: Vec<Standing>,
    from: Memberships,
    to: Memberships,
}

/// Gives the groups to the other, and uses the request up, if it is one. An error for which
/// [`crate::Error::is_conflict`] holds says that something has changed meanwhile: look again. 1 batched get, 1 batch; a transfer
/// more by its nodes.
///
/// Refusals: [`Refusal::NotYourGroups`] if who offers is no primary user of all of them any more; [`Refusal::InvalidRequest`] if a
/// group has too many users, or the other too many groups.
pub(super) async fn apply(ports: &Ports, deal: &Deal, ids: &[GroupId], request: Option<&Request>) -> Result<()> {
    let Read { groups, from, to } = read(ports, deal, ids).await?;
    let open: Vec<_> = groups.iter().filter(|standing| !nodes::is_done(deal, &standing.holders)).collect();
    for Standing { grant, holders, .. } in &open {
        match grant {
            None => return Err(Refusal::NotYourGroups.into()),
            Some(grant) if deal.terms.transfer && !grant.is_direct() => return Err(Refusal::NoTransferInside.into()),
            Some(_) => {}
        }
        nodes::has_room(holders, &deal.to)?;
    }
    to.has_room(open.iter().filter(|standing| !standing.holders.places().contains_key(&deal.to)).count())?;
    let transfer = deal.terms.transfer && !open.is_empty();
    let (mut changes, mut writes) = (Changes::default(), Vec::new());
    for Standing { grant, group, holders } in &open {
        let (place, key) = (&deal.terms.place, holders::group_key(&group.id));
        if holders.has(&deal.to, RoleName::Primary) && place.role != RoleName::Primary {
            // With the role go the nodes that they put there.
            leave::end(ports, &group.id, &deal.to, Some(place), vec![deal.news(Step::Accepted, None)]).await?;
            continue;
        }
        let since = to.of_group(&group.id).map_or_else(|| ports.clock.now(), |membership| membership.since);
        changes.set(&deal.to, &group.id, Some(Membership::shared(place, since)));
        writes.push(holders.change(key, [(&deal.to, Some(place))], nodes::owner(deal, holders))?);
        match grant {
            // From now on others may put nodes there.
            Some(grant) if grant.is_direct() && place.role == RoleName::Primary => {
                changes.set(&deal.from, &group.id, Some(Membership { others: true, ..grant.membership() }));
            }
            // That they still have the group around it, which is not in its own record.
            Some(grant) if !grant.is_direct() => changes.as_read(&deal.from, from.unchanged()),
            _ => {}
        }
    }
    writes.extend(changes.writes()?);
    match request {
        Some(request) if transfer => writes.push(Write::Check { key: request::key(&request.id), when: request::waits() }),
        Some(request) => writes.extend(request.used()),
        None => {}
    }
    let news = || deal.news(Step::Accepted, request.map(|request| &request.id));
    if !writes.is_empty() {
        outbox::write(ports, writes, (!transfer || request.is_none()).then(news)).await?;
    }
    if transfer {
        for Standing { group, .. } in &open {
            hand_over(ports, deal, ids, &group.id).await?;
        }
        if let Some(request) = request {
            outbox::write(ports, request.used().to_vec(), [news()]).await?;
        }
    }
    Ok(())
}

async fn read(ports: &Ports, deal: &Deal, ids: &[GroupId]) -> Result<Read> {
    let mut keys: Vec<Key> = ids.iter().flat_map(|id| [Group::key(id), holders::group_key(id)]).collect();
    keys.extend([Memberships::key(&deal.from), Memberships::key(&deal.to)]);
    let mut records = ports.table.get_many(&keys).await?;
    let to = Memberships::read(records.pop().flatten().as_ref())?;
    let from = Memberships::read(records.pop().flatten().as_ref())?;
    let mut groups = Vec::new();
    for both in records.chunks(2) {
        let [Some(group), holders] = both else { return Err(Refusal::NotYourGroups.into()) };
        let (group, holders) = (Group::read(group)?, Holders::of(holders.as_ref())?);
        let grant = GroupGrant::new(group.clone(), &deal.from, &from).ok();
        groups.push(Standing { grant, group, holders });
    }
    Ok(Read { groups, from, to })
}

/// The group is the other's already; now the nodes that who offers has put there, and then who offers leaves.
async fn hand_over(ports: &Ports, deal: &Deal, all: &[GroupId], group: &GroupId) -> Result<()> {
    let Deal { from, to, terms, .. } = deal;
    let theirs = members::of(ports, group).await?.into_iter().filter(|(_, by)| by == from);
    for (node, _) in theirs {
        hand_over::node(ports, (group, all), &node, from, to).await?;
    }
    match leave::end(ports, group, from, terms.left().as_ref(), Vec::new()).await {
        // An earlier try has done so.
        Err(Error::Refused(Refusal::GroupNotShared)) => Ok(()),
        done => done,
    }
}
