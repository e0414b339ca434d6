//! Where a node is when it is in a group: what the rules of places need to know of the group.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::id::GroupId;

/// A group's place among groups. It is written as JSON, and always in the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The groups around the group, from the outermost in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    around: Vec<String>,
    /// The group's type, if a node may be in only one group of this type with the same parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    only: Option<String>,
}

impl Place {
    /// Inside of these groups; `only` is the type if the group is mutually exclusive.
    pub(crate) fn new(around: &[GroupId], only: Option<String>) -> Self {
        Self { around: around.iter().map(ToString::to_string).collect(), only }
    }

    /// The groups around it.
    pub(crate) fn around(&self) -> Vec<GroupId> {
        self.around.iter().filter_map(|group| group.parse().ok()).collect()
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
        self.around.iter().any(|around| around == group.as_str())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Place {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(around: &[&str], only: Option<&str>) -> Place {
        let around: Vec<GroupId> = around.iter().map(|group| group.parse().unwrap()).collect();
        Place::new(&around, only.map(str::to_owned))
    }

    #[test]
    fn places_exclude_each_other_by_type_and_parent() {
        let (home, room) = (place(&[], Some("home")), place(&["h1"], Some("room")));
        assert!(home.excludes(&home) && room.excludes(&place(&["h1"], Some("room"))));
        for other in [place(&[], None), place(&[], Some("office")), place(&["h1"], Some("home"))] {
            assert!(!home.excludes(&other) && !other.excludes(&home), "{other}");
        }
        assert!(!room.excludes(&place(&["h2"], Some("room"))));
        assert!(room.is_in(&"h1".parse().unwrap()) && !home.is_in(&"h1".parse().unwrap()));
    }

    #[test]
    fn a_place_is_written_and_read() {
        for (place, text) in [(place(&[], None), "{}"), (place(&["h", "r"], Some("x\"y")), r#"{"around":["h","r"],"only":"x\"y"}"#)] {
            assert_eq!(place.to_string(), text);
            assert_eq!(text.parse::<Place>().unwrap(), place);
        }
    }
}
