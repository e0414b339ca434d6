//! What clients ask of the deployment itself, at the root of the host.

pub mod health;
pub mod mqtt_host;
pub mod versions;
