//! Claiming: how a node gets its id and its certificate (contract `mqtt-and-node.md` §3). A claim is of an
//! id; to whom the node belongs is a matter of [`mapping`](crate::mapping).
//!
//! * With a user's token ([`initiate`], [`verify`]): a chip gets a random id for each user who claims it, and
//!   a certificate for the key that the user's app or command line, or the chip behind it, has made.
//! * Without ([`proof`]): a chip proves that it has the secret that the owner registered ([`secret`]) for its
//!   MAC address, which is then its id.
//!
//! | table | key | sample | read by |
//! |---|---|---|---|
//! | `users` | `user#<user>` / `claim#<MAC>` | `{node: "<node>", platform: "esp32s3", at: 1790000000}` | claiming the same again |
//! | `users` | `user#<user>` / `claim-of#<node>` | `{mac: "<MAC>"}` | the second step |
//! | `users` | `user#<user>` / `claims` | `{count: 3}` | the quota |
//! | `claims` | `claim#ca` / `ca` | `{certificate: <DER>, key: <PKCS#8>}` | issuing |
//! | `claims` | `claim#secret` / `<MAC>` | `{secret: <16 bytes>, at: 1790000000}` | checking a proof; the owner's list |
//! | `claims` | `claim#attempt#<id>` / `attempt` | `{mac: "<MAC>", challenge: "…", tries: 0}` | the second step of a proof |
//!
//! The table `claims` is for the node function alone.
//!
//! With a token the first step costs 1 get and, the first time, 1 batch; the second 1 batched get, and for a
//! new key 1 get of the CA and 1 batch. A proof begins with 1 write; it ends with 2 writes, 3 gets and 1 batch.

pub mod authority;
pub mod csr;
pub mod initiate;
pub(crate) mod issue;
pub mod profile;
pub mod proof;
pub mod secret;
pub mod verify;

use std::{fmt, str::FromStr};

use crate::Refusal;

/// A chip's MAC address: 12 hexadecimal digits without separators; small ones are taken for capitals.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(String);

impl Mac {
    /// 12 digits, capital.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl FromStr for Mac {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_uppercase()))
        } else {
            Err(Refusal::InvalidMac)
        }
    }
}

/// What kind of chip, by the name of its target in ESP-IDF; `host` if the command line was not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform(&'static str);

/// Chips with room for a secret, and firmware that proves it; the last three are newer than the contract.
const PROVING: [&str; 8] = ["esp32c3", "esp32c6", "esp32h2", "esp32s2", "esp32s3", "esp32c5", "esp32c61", "esp32p4"];
/// Others.
const OTHERS: [&str; 3] = ["esp32", "esp32c2", "host"];

impl Platform {
    /// Its name, in small letters.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Can it prove itself without a user (contract `node-claim-superadmin.md` §1)?
    pub fn proves_itself(self) -> bool {
        PROVING.contains(&self.0)
    }
}

impl FromStr for Platform {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let known = PROVING.into_iter().chain(OTHERS).find(|known| text.eq_ignore_ascii_case(known));
        known.map(Self).ok_or(Refusal::InvalidPlatform)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mac_addresses_are_twelve_digits() {
        assert_eq!("240ac4aabbCC".parse::<Mac>().unwrap().as_str(), "240AC4AABBCC");
        for bad in ["", "240AC4AABBC", "240AC4AABBCCD", "24:0A:C4:AA:BB:CC", "240AC4AABB+C", "240AC4AABB#C", "240AC4AABB/C", "240AC4AABBäC"]
        {
            assert_eq!(bad.parse::<Mac>(), Err(Refusal::InvalidMac), "{bad}");
        }
    }

    #[test]
    fn platforms_are_those_of_the_contract() {
        for (name, proves) in [("esp32", false), ("ESP32S3", true), ("esp32c2", false), ("host", false)] {
            assert_eq!(name.parse::<Platform>().unwrap().proves_itself(), proves, "{name}");
        }
        for bad in ["", "esp8266", "esp32 ", "linux"] {
            assert_eq!(bad.parse::<Platform>(), Err(Refusal::InvalidPlatform), "{bad}");
        }
    }
}
