//! Who has which of a user's groups.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Ports, Refusal, Result,
    access::{
        Caller,
        holders::{self, Holders, Place},
        membership::{self, GroupGrant, MAX_GROUPS},
        role::{RoleName, Secondary},
    },
    group::{Group, tree::Tree},
    id::{GroupId, UserId},
    port::table::Record,
    user::{directory, name::UserName},
};

/// Groups inside of others in one answer.
const MAX_INSIDE: usize = 1000;

/// Users with their places.
pub type Users = Vec<(UserName, Place)>;

/// A group with those of its users whom the caller may see: a primary user everybody, others themselves and the primary
/// users. Who has a group around it has it, too.
#[derive(Clone, Debug)]
pub struct SharedGroup {
    /// The group.
    pub group: Group,
    /// Who has it.
    pub users: Users,
    /// The groups inside, and who has each; nothing if that is not wanted.
    pub sub_groups: Vec<(GroupId, Users)>,
    /// The groups around it, the outermost first; nothing if that is not wanted.
    pub parents: Vec<Group>,
}

/// What of groups is wanted. What is not wanted is not read.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The groups inside.
    pub sub_groups: bool,
    /// The groups around.
    pub parents: bool,
}

/// Who has one of the caller's groups. 3 batched gets, 1 more with groups inside. Refusal: [`crate::Refusal::NoSuchGroup`].
pub async fn one(ports: &Ports, caller: &Caller, group: &GroupId, wanted: Wanted) -> Result<Vec<SharedGroup>> {
    let grant = membership::grant::<Secondary>(ports, caller, group).await?;
    shared(ports, caller, &[grant], wanted).await
}

/// Who has the caller's groups. 1 get, 3 batched gets, 1 more with groups inside.
pub async fn all(ports: &Ports, caller: &Caller, wanted: Wanted) -> Result<Vec<SharedGroup>> {
    let (grants, _) = membership::page::<Secondary>(ports, caller, MAX_GROUPS, None).await?;
    shared(ports, caller, &grants, wanted).await
}

/// What is known of a group's users before their names are.
struct Known<'a> {
    grant: &'a GroupGrant<Secondary>,
    places: BTreeMap<UserId, Place>,
    inside: Vec<(GroupId, BTreeMap<UserId, Place>)>,
    parents: Vec<Group>,
}

async fn shared(ports: &Ports, caller: &Caller, grants: &[GroupGrant<Secondary>], wanted: Wanted) -> Result<Vec<SharedGroup>> {
    let mut known = known(ports, grants, wanted).await?;
    if known.iter().map(|known| known.inside.len()).sum::<usize>() > MAX_INSIDE {
        return Err(Refusal::InvalidRequest("there are so many groups inside: ask for one group at a time".to_owned()).into());
    }
    let ids: Vec<_> = known.iter().flat_map(|known| known.inside.iter().map(|(id, _)| holders::group_key(id))).collect();
    if !ids.is_empty() {
        let mut records = ports.table.get_many(&ids).await?.into_iter();
        for known in &mut known {
            for (_, places) in &mut known.inside {
                add(places, records.next().flatten().as_ref())?;
            }
        }
    }
    let everybody = known.iter().flat_map(|known| {
        let inside = known.inside.iter().flat_map(|(_, places)| seen(caller, known.grant, places));
        seen(caller, known.grant, &known.places).chain(inside).map(|(user, _)| user.clone())
    });
    let names = directory::names(ports, &everybody.collect::<BTreeSet<_>>()).await?;
    let named = |grant, places: &BTreeMap<UserId, Place>| -> Users {
        seen(caller, grant, places).filter_map(|(user, place)| Some((names.get(user)?.clone(), place.clone()))).collect()
    };
    let groups = known.into_iter().map(|Known { grant, places, inside, parents }| SharedGroup {
        group: grant.group().clone(),
        users: named(grant, &places),
        sub_groups: inside.into_iter().map(|(id, places)| (id, named(grant, &places))).collect(),
        parents,
    });
    Ok(groups.collect())
}

/// 1 batched get.
async fn known<'a>(ports: &Ports, grants: &'a [GroupGrant<Secondary>], wanted: Wanted) -> Result<Vec<Known<'a>>> {
    let mut keys = BTreeSet::new();
    for grant in grants {
        let group = grant.group();
        keys.extend(group.around().iter().chain([&group.id]).map(holders::group_key));
        keys.extend(group.around().iter().filter(|_| wanted.parents).map(Group::key));
        keys.extend(wanted.sub_groups.then(|| Tree::key(&group.outermost())));
    }
    let keys: Vec<_> = keys.into_iter().collect();
    let records = if keys.is_empty() { Vec::new() } else { ports.table.get_many(&keys).await? };
    let records: BTreeMap<_, _> = keys.into_iter().zip(records).collect();
    let get = |key| records.get(&key).and_then(Option::as_ref);
    let known = grants.iter().map(|grant| {
        let (group, mut places) = (grant.group(), BTreeMap::new());
        for id in group.around().iter().chain([&group.id]) {
            add(&mut places, get(holders::group_key(id)))?;
        }
        let tree = Tree::read(group.outermost(), get(Tree::key(&group.outermost())))?;
        let inside = if wanted.sub_groups { tree.inside(&group.id) } else { Vec::new() };
        let inside = inside.into_iter().map(|id| (id, places.clone())).collect();
        let parents = group.around().iter().filter(|_| wanted.parents).filter_map(|id| get(Group::key(id))).map(Group::read);
        Ok(Known { grant, inside, places, parents: parents.collect::<Result<_>>()? })
    });
    known.collect()
}

/// Those who have the group itself, beside those who have one around it: the stronger place counts.
fn add(places: &mut BTreeMap<UserId, Place>, record: Option<&Record>) -> Result<()> {
    for (user, place) in Holders::of(record)?.places() {
        match places.get(user) {
            Some(before) if before.role == RoleName::Primary => {}
            _ => drop(places.insert(user.clone(), place.clone())),
        }
    }
    Ok(())
}

fn seen<'a>(
    caller: &'a Caller,
    grant: &GroupGrant<Secondary>,
    places: &'a BTreeMap<UserId, Place>,
) -> impl Iterator<Item = (&'a UserId, &'a Place)> {
    let all = grant.membership().role == RoleName::Primary;
    places.iter().filter(move |(user, place)| all || place.role == RoleName::Primary || *user == caller.user_id())
}
