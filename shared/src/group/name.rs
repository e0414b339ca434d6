//! Names of groups.

use std::str::FromStr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};

use super::user_key;
use crate::{
    Refusal,
    id::{GroupId, UserId},
    port::table::{Key, When, Write},
};

/// Characters of a name.
const MAX_NAME: usize = 256;
/// Bytes of a name's hash.
const HASH: usize = 16;

/// The name of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Of one length, whatever the name's.
    pub(super) fn hash(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.0.as_bytes()).as_ref().split_at(HASH).0)
    }

    /// The record of the user's group of this name, which is in no other group.
    pub(super) fn key(&self, user: &UserId) -> Key {
        user_key(user, &format!("group-name#{}", self.hash()))
    }

    /// The write by which the name is the group's, if it is nobody else's.
    pub(super) fn take(&self, user: &UserId, group: &GroupId) -> Write {
        Write::put(self.key(user), [("group", group.as_str())], When::Absent)
    }

    /// The write by which the name is free.
    pub(super) fn free(&self, user: &UserId) -> Write {
        Write::Delete { key: self.key(user), when: When::Always }
    }
}

impl FromStr for Name {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let fits = (1..=MAX_NAME).contains(&text.chars().count()) && text.trim() == text && !text.contains(['#', '$', '|']);
        if fits { Ok(Self(text.to_owned())) } else { Err(Refusal::InvalidGroupName) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_marks_and_no_white_space_around_it() {
        for good in ["a", "My home", "Küche 2", "居間", &"ü".repeat(256)] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
        for bad in ["", " ", " a", "a ", "a\n", "a#b", "$", "a|b", &"a".repeat(257)] {
            assert_eq!(bad.parse::<Name>(), Err(Refusal::InvalidGroupName), "{bad:?}");
        }
    }
}
