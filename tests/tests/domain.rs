//! The rules of the domain, over the real routes and the real storage engine, with a clock that tests
//! set: nothing here waits.

#![expect(clippy::unwrap_used, reason = "a test that meets an error is to fail")]

#[path = "domain/account.rs"]
mod account;
#[path = "domain/administer.rs"]
mod administer;
#[path = "domain/administer_nodes.rs"]
mod administer_nodes;
#[path = "domain/certificate.rs"]
mod certificate;
#[path = "domain/challenge.rs"]
mod challenge;
#[path = "domain/checklist.rs"]
mod checklist;
#[path = "domain/claim.rs"]
mod claim;
#[path = "domain/commands.rs"]
mod commands;
#[path = "domain/deletion.rs"]
mod deletion;
#[path = "domain/details.rs"]
mod details;
#[path = "domain/directory.rs"]
mod directory;
#[path = "domain/group_races.rs"]
mod group_races;
#[path = "domain/group_sharing.rs"]
mod group_sharing;
#[path = "domain/groups.rs"]
mod groups;
#[path = "domain/guest.rs"]
mod guest;
#[path = "domain/history.rs"]
mod history;
#[path = "domain/list.rs"]
mod list;
#[path = "domain/mapping.rs"]
mod mapping;
#[path = "domain/oauth/mod.rs"]
mod oauth;
#[path = "domain/outbox.rs"]
mod outbox;
#[path = "domain/params.rs"]
mod params;
#[path = "domain/password.rs"]
mod password;
#[path = "domain/presence.rs"]
mod presence;
#[path = "domain/profile.rs"]
mod profile;
#[path = "domain/proxy.rs"]
mod proxy;
#[path = "domain/sharing.rs"]
mod sharing;
#[path = "domain/sharing_races.rs"]
mod sharing_races;
#[path = "domain/token.rs"]
mod token;
