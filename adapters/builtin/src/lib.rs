//! The ports that need no engine of their own, so that they run wherever the others do: beside a broker on one
//! machine, or in a function.
//!
//! * [`accounts`]: the port `Identity` over `Table`;
//! * [`clock`]: the ports `Clock` and `Ids` from the operating system;
//! * [`ports`]: all ports, with those of an engine.

pub mod accounts;
pub mod clock;

use std::sync::Arc;

use shared::{
    Ports,
    port::{Rules, blobs::Blobs, events::Nobody, federation::Providers, fleet::Fleet, mail::Mail, table::Table},
};

use self::{
    accounts::{Accounts, Settings},
    clock::{RandomIds, SystemClock},
};

/// All ports over this table, blobs, mail, providers and fleet. Nobody is told what happens.
pub fn ports(
    table: Arc<dyn Table>,
    blobs: Arc<dyn Blobs>,
    mail: Arc<dyn Mail>,
    providers: Providers,
    fleet: Arc<dyn Fleet>,
    rules: Rules,
) -> Ports {
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds));
    let settings = Settings::of(rules.oauth.public_url.as_ref());
    let identity = Arc::new(Accounts::new(table.clone(), mail, clock.clone(), ids.clone(), settings));
    Ports { table, blobs, fleet, identity, providers: Arc::new(providers), events: Arc::new(Nobody), clock, ids, rules }
}
