//! Ids as types: what is accepted is `[A-Za-z0-9_-]+`, so an id can stand in a path, a topic and a key.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The text is no id of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id: letters, digits, `_` or `-`, and not too many")]
pub struct InvalidId;

fn check(text: &str, most: usize) -> Result<(), InvalidId> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=most).contains(&text.len()) && text.bytes().all(valid) { Ok(()) } else { Err(InvalidId) }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $most:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                check(text, $most)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }
    };
}

id! {
    /// A node: the common name of its certificate and its MQTT client id (contract
    /// `mqtt-and-node.md` §1.1).
    NodeId, 63
}

id! {
    /// A user; `custom:user_id` in the id token (contract `clients.md` D3).
    UserId, 63
}

id! {
    /// A request that a client polls for, such as a mapping request.
    RequestId, 63
}

id! {
    /// A group of nodes. Short, since nodes have it in topics (contract `mqtt-and-node.md` §2.13).
    GroupId, 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_hold_letters_digits_underscore_and_hyphen_only() {
        for good in ["a", "kT3vYw8uQm1rZs5dLb9xNa", "240AC4AABBCC", "a_b-c", &"x".repeat(63)] {
            assert!(good.parse::<NodeId>().is_ok(), "{good}");
        }
        for bad in ["", "a/b", "a+b", "a#b", "a b", "a.b", "ä", "a\0", &"x".repeat(64)] {
            assert!(bad.parse::<NodeId>().is_err(), "{bad}");
        }
        assert!("x".repeat(32).parse::<GroupId>().is_ok() && "x".repeat(33).parse::<GroupId>().is_err());
    }
}
