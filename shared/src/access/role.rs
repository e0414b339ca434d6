//! The roles in which somebody acts on a node, as types, and the table of who has which.

use serde::{Deserialize, Serialize};

use super::association::Association;

/// What a user is to a node (contract `rest-4-schemas.md`, `NodeDetailsObject`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoleName {
    /// Mapped the node, or was made an owner.
    Primary,
    /// The node was shared with them.
    Secondary,
}

impl RoleName {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }

    /// Allows it more than the other?
    pub(crate) fn beats(self, other: Self) -> bool {
        self == Self::Primary && other != Self::Primary
    }

    /// The role of this word.
    pub fn of(word: &str) -> Option<Self> {
        match word {
            "primary" => Some(Self::Primary),
            "secondary" => Some(Self::Secondary),
            _ => None,
        }
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A role that a user can act in.
pub trait Role: sealed::Sealed + Send + Sync + 'static {
    /// Does it also come by a group in which the node is?
    const THROUGH_GROUPS: bool = true;

    /// May a user with a role of this name act in the role?
    fn includes(name: RoleName) -> bool;

    /// Need nobody look whether a group gives the user more than this association?
    fn suffices(association: &Association) -> bool {
        Self::admits(association)
    }

    /// May a user with this association act in the role?
    fn admits(association: &Association) -> bool {
        Self::includes(association.role)
    }
}

/// An owner of the node, or of the group.
#[derive(Debug)]
pub enum Primary {}

/// Anybody who may use the node, or the group: an owner, or somebody it was shared with.
#[derive(Debug)]
pub enum Secondary {}

/// The same where it matters what they are: the strongest role counts.
#[derive(Debug)]
pub enum Strongest {}

/// Anybody who has the node itself, not only by a group in which it is.
#[derive(Debug)]
pub enum Mapped {}

/// An owner who has the node itself, not only by a group in which it is.
#[derive(Debug)]
pub enum MappedPrimary {}

/// The node itself, proved by its certificate. No user acts in it.
#[derive(Debug)]
pub enum Itself {}

impl sealed::Sealed for Primary {}
impl sealed::Sealed for Secondary {}
impl sealed::Sealed for Strongest {}
impl sealed::Sealed for Mapped {}
impl sealed::Sealed for MappedPrimary {}

impl Role for Strongest {
    fn includes(_: RoleName) -> bool {
        true
    }

    fn suffices(association: &Association) -> bool {
        association.role == RoleName::Primary
    }
}

impl Role for Mapped {
    const THROUGH_GROUPS: bool = false;

    fn includes(_: RoleName) -> bool {
        true
    }
}

impl Role for MappedPrimary {
    const THROUGH_GROUPS: bool = false;

    fn includes(name: RoleName) -> bool {
        name == RoleName::Primary
    }
}

impl Role for Primary {
    fn includes(name: RoleName) -> bool {
        name == RoleName::Primary
    }
}

impl Role for Secondary {
    fn includes(_: RoleName) -> bool {
        true
    }
}
