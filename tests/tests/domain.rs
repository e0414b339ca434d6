//! The rules of the domain, over the real routes and the real storage engine, with a clock that tests
//! set: nothing here waits.

#[path = "domain/account.rs"]
mod account;
#[path = "domain/certificate.rs"]
mod certificate;
#[path = "domain/list.rs"]
mod list;
#[path = "domain/mapping.rs"]
mod mapping;
#[path = "domain/params.rs"]
mod params;
#[path = "domain/presence.rs"]
mod presence;
