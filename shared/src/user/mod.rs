//! Accounts, as the domain sees them; what keeps and proves them is the port
//! [`Identity`](crate::port::identity::Identity).
//!
//! | table `users` | sample | read by |
//! |---|---|---|
//! | `user#<user>` / `profile` | `{name: "Ann", locale: "en-us", tags: ["floor:2"]}` | the user |
//! | `user#<user>` / `custom_data` | `{data: {"timeZone": {"value": "Europe/Berlin"}}}` | the user |
//! | `user#<user>` / `public_profile` | `{data: {"nick": "ann"}}` | every user |
//!
//! Showing a user costs 1 batched get; a change 1 get and 1 write; deleting an account 1 get and 1 batch
//! for each node and each 100 records, beside what identity costs.

pub mod administer;
pub mod custom_data;
pub mod delete;
pub mod directory;
mod document;
pub mod guest;
pub mod log_in;
pub mod log_out;
pub mod name;
pub mod password;
pub mod profile;
pub mod public_profile;
pub mod sign_up;

use crate::{
    id::UserId,
    port::table::{Key, TableId},
};

/// The partition of what belongs to a user alone.
pub(crate) fn partition(user: &UserId) -> String {
    format!("user#{user}")
}

/// The key of a record of this user.
pub(crate) fn key(user: &UserId, sort: &str) -> Key {
    Key::new(TableId::Users, partition(user), sort)
}
