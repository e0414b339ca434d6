//! The ports: what the domain needs from outside, each as narrow as two real engines allow.

pub mod blobs;
pub mod clock;
pub mod events;
pub mod federation;
pub mod fleet;
pub mod identity;
pub mod mail;
pub mod table;

use std::sync::Arc;

use crate::oauth::Oauth;

/// Every port, and the few settings that change what the domain does. Cheap to clone.
#[derive(Clone)]
pub struct Ports {
    /// Records: DynamoDB or SQLite.
    pub table: Arc<dyn table::Table>,
    /// Bytes under names: S3 or a folder.
    pub blobs: Arc<dyn blobs::Blobs>,
    /// The way to nodes: IoT Core or the broker in this process.
    pub fleet: Arc<dyn fleet::Fleet>,
    /// Accounts and tokens: Cognito or built in.
    pub identity: Arc<dyn identity::Identity>,
    /// Accounts elsewhere by which users sign in.
    pub providers: Arc<federation::Providers>,
    /// Those who are told what happens: SNS or a webhook.
    pub events: Arc<dyn events::Events>,
    /// The time.
    pub clock: Arc<dyn clock::Clock>,
    /// Fresh ids.
    pub ids: Arc<dyn clock::Ids>,
    /// What the owner decided.
    pub rules: Rules,
}

/// The owner's decisions that the domain follows.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Seconds for which a param set while its node was offline is kept and sent when the node
    /// comes back. 0 keeps nothing.
    pub desired_seconds: i64,
    /// Days for which a guest's account is good; 0: for ever. `None`: there are no guests.
    pub guest_days: Option<u32>,
    /// Chips that one user may claim. 0 does not limit.
    pub claims_per_user: i64,
    /// Whether it is kept which nodes users had; what was not kept while this was off is not known later.
    pub history: bool,
    /// Who may have users sign in here.
    pub oauth: Arc<Oauth>,
}

impl Default for Rules {
    fn default() -> Self {
        Self { desired_seconds: 600, history: true, guest_days: None, claims_per_user: 0, oauth: Arc::default() }
    }
}
