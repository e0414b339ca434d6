//! Where a group is among groups: what the rules of where nodes may be need to know of it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::id::GroupId;

/// A group's position among groups. It is written as JSON, and always in the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// The groups around the group, from the outermost in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    around: Vec<GroupId>,
    /// The group's type, if a node may be in only one group of this type with the same parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    only: Option<String>,
}

impl Position {
    /// Inside of these groups; `only` is the type if the group is mutually exclusive.
    pub(crate) fn new(around: &[GroupId], only: Option<String>) -> Self {
        Self { around: around.to_vec(), only }
    }

    /// The groups around it.
    pub(crate) fn around(&self) -> &[GroupId] {
        &self.around
    }

    /// Is the group mutually exclusive?
    pub(crate) fn is_exclusive(&self) -> bool {
        self.only.is_some()
    }

    /// May a node not be here and there?
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        self.only.is_some() && self.only == other.only && self.around.last() == other.around.last()
    }

    /// Is it inside of this group?
    pub(crate) fn is_in(&self, group: &GroupId) -> bool {
        self.around.contains(group)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Position {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(around: &[&str], only: Option<&str>) -> Position {
        let around: Vec<GroupId> = around.iter().map(|group| group.parse().unwrap()).collect();
        Position::new(&around, only.map(str::to_owned))
    }

    #[test]
    fn positions_exclude_each_other_by_type_and_parent() {
        let (home, room) = (position(&[], Some("home")), position(&["h1"], Some("room")));
        assert!(home.excludes(&home) && room.excludes(&position(&["h1"], Some("room"))));
        for other in [position(&[], None), position(&[], Some("office")), position(&["h1"], Some("home"))] {
            assert!(!home.excludes(&other) && !other.excludes(&home), "{other}");
        }
        assert!(!room.excludes(&position(&["h2"], Some("room"))));
        assert!(room.is_in(&"h1".parse().unwrap()) && !home.is_in(&"h1".parse().unwrap()));
    }

    #[test]
    fn a_position_is_written_and_read() {
        for (given, text) in [(position(&[], None), "{}"), (position(&["h", "r"], Some("x\"y")), r#"{"around":["h","r"],"only":"x\"y"}"#)] {
            assert_eq!(given.to_string(), text);
            assert_eq!(text.parse::<Position>().unwrap(), given);
        }
    }
}
