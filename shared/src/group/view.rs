//! Groups with what is in them.

use std::collections::HashMap;

use super::{Group, members, shift::nodes_key, tree::Tree};
use crate::{
    Ports, Result,
    access::{
        membership::{GroupGrant, Membership},
        role::Secondary,
    },
    id::{GroupId, NodeId},
    port::table::{Key, MAX_PAGE_BYTES, Record},
};

/// Bytes that a group counts for before it is read.
const UNREAD: usize = 4096;

/// What of groups is wanted. What is not wanted is not read.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Their nodes.
    pub nodes: bool,
    /// The groups inside of them.
    pub sub_groups: bool,
}

/// A group as somebody sees it.
#[derive(Clone, Debug)]
pub struct View {
    /// What it says of itself.
    pub group: Group,
    /// What they are to it.
    pub membership: Membership,
    /// Its nodes in the order of their ids; nothing if they are not wanted.
    pub nodes: Vec<NodeId>,
    /// The groups inside; nothing if they are not wanted.
    pub sub_groups: Vec<View>,
}

impl Wanted {
    fn node_key(self, group: &GroupId) -> Option<Key> {
        self.nodes.then(|| nodes_key(group))
    }
}

/// These groups, or the first of them, as far as they fit into [`MAX_PAGE_BYTES`]. Nothing, 1, or with groups inside
/// 2 batched gets.
pub(super) async fn open(ports: &Ports, grants: &[GroupGrant<Secondary>], wanted: Wanted) -> Result<Vec<View>> {
    let tree_key = |group: &Group| wanted.sub_groups.then(|| Tree::key(&group.outermost()));
    let groups = || grants.iter().map(GroupGrant::group);
    let keys: Vec<_> = groups().flat_map(|group| [wanted.node_key(&group.id), tree_key(group)]).flatten().collect();
    let mut records = if keys.is_empty() { Vec::new() } else { ports.table.get_many(&keys).await? }.into_iter();
    let (mut opened, mut bytes) = (Vec::new(), 0);
    for grant in grants {
        let group = grant.group();
        let nodes = wanted.node_key(&group.id).and_then(|_| records.next().flatten());
        let tree = Tree::read(group.outermost(), tree_key(group).and_then(|_| records.next().flatten()).as_ref())?;
        let size = UNREAD + nodes.as_ref().map_or(0, Record::size);
        // No group inside has more nodes than the one around it.
        bytes += size * (1 + tree.inside(&group.id).len());
        if bytes > MAX_PAGE_BYTES && !opened.is_empty() {
            break;
        }
        opened.push((view(group.clone(), grant.membership(), nodes.as_ref()), tree));
    }
    let inside = || opened.iter().flat_map(|(view, tree)| tree.inside(&view.group.id).into_iter().map(|id| (view.membership, id)));
    let keys: Vec<_> = inside().flat_map(|(_, id)| [Some(Group::key(&id)), wanted.node_key(&id)]).flatten().collect();
    let mut records = if keys.is_empty() { Vec::new() } else { ports.table.get_many(&keys).await? }.into_iter();
    let mut within = HashMap::new();
    for (membership, id) in inside() {
        let group = records.next().flatten();
        let nodes = wanted.node_key(&id).and_then(|_| records.next().flatten());
        if let Some(group) = group {
            within.insert(id, view(Group::read(&group)?, membership, nodes.as_ref()));
        }
    }
    let (mut views, mut bytes) = (Vec::new(), 0);
    for (view, tree) in opened {
        let view = nest(view, &tree, &mut within);
        bytes += view.weight();
        if bytes > MAX_PAGE_BYTES && !views.is_empty() {
            break;
        }
        views.push(view);
    }
    Ok(views)
}

impl View {
    /// About as many bytes as it is shown in.
    fn weight(&self) -> usize {
        let nodes: usize = self.nodes.iter().map(|node| node.as_str().len()).sum();
        self.group.weight() + nodes + self.sub_groups.iter().map(Self::weight).sum::<usize>()
    }
}

fn view(group: Group, membership: Membership, nodes: Option<&Record>) -> View {
    View { group, membership, nodes: members::read(nodes).into_keys().collect(), sub_groups: Vec::new() }
}

fn nest(mut view: View, tree: &Tree, within: &mut HashMap<GroupId, View>) -> View {
    let children: Vec<_> = tree.children(&view.group.id).iter().filter_map(|id| within.remove(id)).collect();
    view.sub_groups = children.into_iter().map(|child| nest(child, tree, within)).collect();
    view
}
