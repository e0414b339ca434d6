//! Changes to what a group says of itself.

use serde_json::{Map, Value};

use super::{Group, MAX_DESCRIPTION, MAX_TYPE, TRIES, members, name::Name, tree::Tree};
use crate::{
    Ports, Refusal, Result,
    access::{
        Caller,
        membership::{self, GroupGrant},
        role::Primary,
    },
    port::table::{Batch, Write},
};

/// What is to change.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// A new name.
    pub name: Option<Name>,
    /// What kind of group it is.
    pub kind: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Whether its nodes are in no other such group of the same type and parent.
    pub exclusive: Option<bool>,
    /// What becomes of what apps keep with it.
    pub custom_data: Option<CustomData>,
}

/// What becomes of what apps keep with a group.
#[derive(Clone, Debug)]
pub enum CustomData {
    /// This is merged in.
    Merge(Map<String, Value>),
    /// All of it goes.
    Clear,
}

impl Change {
    /// Is nothing to change?
    pub fn is_empty(&self) -> bool {
        let Self { name, kind, description, exclusive, custom_data } = self;
        name.is_none() && kind.is_none() && description.is_none() && exclusive.is_none() && custom_data.is_none()
    }
}

/// Refuses what is too long.
pub(super) fn check_texts(kind: &str, description: &str) -> Result<()> {
    if kind.len() > MAX_TYPE {
        return Err(Refusal::InvalidRequest(format!("a type has at most {MAX_TYPE} bytes")).into());
    }
    if description.chars().count() > MAX_DESCRIPTION { Err(Refusal::DescriptionTooLong.into()) } else { Ok(()) }
}

/// Changes the group. With its type, or when it becomes mutually exclusive, its nodes leave groups that it now
/// excludes; should that end half-way, the same change again goes on. 1 write; 1 get more for the name of a group inside of
/// another; with the type 1 get, 1 batched get, and 1 write for as many nodes as go into one batch.
///
/// Refusals: [`Refusal::GroupNameTaken`], [`Refusal::DescriptionTooLong`], [`Refusal::TooMuchData`].
pub async fn edit(ports: &Ports, caller: &Caller, grant: &GroupGrant<Primary>, change: &Change) -> Result<()> {
    let mut before = grant.group().clone();
    for _ in 0..TRIES {
        let after = changed(&before, change)?;
        if let Some(batch) = batch(ports, &before, &after).await? {
            match ports.table.write(batch).await {
                Err(error) if error.is_conflict() => {
                    if let Some(name) = change.name.as_ref().filter(|_| before.parent().is_none()) {
                        taken(ports, &before, name).await?;
                    }
                    before = membership::grant::<Primary>(ports, caller, &before.id).await?.group().clone();
                    continue;
                }
                done => drop(done?),
            }
        }
        if before.position != after.position || change.exclusive == Some(true) {
            members::replace(ports, &before.id).await?;
        }
        return Ok(());
    }
    Err(Refusal::TooManyTries.into())
}

fn changed(before: &Group, change: &Change) -> Result<Group> {
    let Change { name, kind, description, exclusive, custom_data } = change.clone();
    let mut after = before.clone();
    after.name = name.unwrap_or(after.name);
    after.kind = kind.unwrap_or(after.kind);
    after.description = description.unwrap_or(after.description);
    check_texts(&after.kind, &after.description)?;
    after.exclude(exclusive.unwrap_or_else(|| before.is_exclusive()));
    if let Some(custom_data) = custom_data {
        after.keep(custom_data)?;
    }
    Ok(after)
}

/// What makes the one of the other, if they differ.
async fn batch(ports: &Ports, before: &Group, after: &Group) -> Result<Option<Batch>> {
    if before == after {
        return Ok(None);
    }
    let mut writes: Vec<Write> = vec![after.put(before.unchanged())];
    if before.name != after.name {
        match before.parent() {
            None => {
                let names = |user| [after.name.take(user, &before.id), before.name.free(user)];
                writes.extend(before.named_by.iter().flat_map(names));
            }
            Some(parent) => {
                let outermost = before.outermost();
                let tree = ports.table.get(&Tree::key(&outermost)).await?;
                writes.push(Tree::read(outermost, tree.as_ref())?.put(&before.id, &parent, &after.name)?);
            }
        }
    }
    Ok(Some(Batch::new(writes)?))
}

/// Refuses the name if another group has it among those of the same user. 1 get.
async fn taken(ports: &Ports, group: &Group, name: &Name) -> Result<()> {
    let Some(user) = &group.named_by else { return Ok(()) };
    let holder = ports.table.get(&name.key(user)).await?;
    let is_other = holder.is_some_and(|holder| holder.str("group") != Some(group.id.as_str()));
    if is_other { Err(Refusal::GroupNameTaken.into()) } else { Ok(()) }
}
