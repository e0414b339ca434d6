//! Groups of nodes: a user's homes, their rooms, and whatever else users put together (contract `rest-2.md`,
//! `/v1/user/node_group`; `clients.md` A6). Groups are in each other up to three levels deep; a node of a group
//! is in the group around it too.
//!
//! | table `access` | sample | read by |
//! |---|---|---|
//! | `group#<group>` / `group` | `{name: "Home", type: "home", position: "{\"only\":\"home\"}", total: 2, named_by: "<user>", …}` | everything |
//! | `group#<group>` / `nodes` | `{"<node>": "<user>"}`: who put the node there | what is in it |
//! | `group#<outermost>` / `tree` | `{"<group>": "<parent>#<hash of its name>"}` | all groups inside of it, their names, their number |
//! | `user#<user>` / `group-name#<hash>` | `{group: "<group>"}` | names are the user's only once; the group of a name |
//!
//! Who has a group stands in [`crate::access::membership`] and [`crate::access::holders`]; the latter say also where a node
//! is, in one record, which every change of that writes only at the version that was read: so a
//! node is never in two groups that exclude each other, nor in a group of somebody who has it no more.
//!
//! A page of groups costs 1 get and 1 batched get; 1 batched get more with nodes or with sub-groups, which
//! are 1 more themselves. Creating costs 1 get and 1 write, for a sub-group 2 batched gets; adding or removing nodes 2
//! batched gets and 1 write for as many as go into one batch.

pub mod create;
pub mod edit;
pub mod fabric;
pub(crate) mod hand_over;
pub(crate) mod leave;
pub mod list;
pub mod members;
pub mod name;
pub(crate) mod position;
mod record;
pub mod remove;
pub(crate) mod shift;
pub mod show;
pub(crate) mod tree;
mod view;

pub use record::{Group, MAX_CUSTOM_DATA, MAX_DESCRIPTION, MAX_TYPE};
pub use view::{View, Wanted};

use crate::{
    access::membership,
    id::{GroupId, UserId},
    port::table::{Key, TableId},
};

/// Groups inside of each other, at most.
pub const MAX_LEVELS: usize = 3;
/// Groups directly inside of a group.
pub const MAX_CHILDREN: usize = 100;
/// Groups inside of an outermost group, on all levels: they are listed with it.
pub const MAX_INSIDE: usize = 200;
/// Nodes in a group: they are one record.
pub const MAX_NODES: usize = 1000;
/// Nodes that can be added or removed at once.
pub const MAX_CHANGED: usize = 100;

/// Tries against other changes at the same moment.
const TRIES: usize = 10;

fn key(group: &GroupId, sort: &str) -> Key {
    Key::new(TableId::Access, membership::group_partition(group), sort)
}

fn user_key(user: &UserId, sort: &str) -> Key {
    Key::new(TableId::Access, crate::access::association::user_partition(user), sort)
}
