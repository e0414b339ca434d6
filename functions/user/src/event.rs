//! What happens to accounts by itself.

use shared::{
    Result,
    access::SuperAdmin,
    outbox,
    user::{administer::make, delete, name::UserName},
};
use web::App;

/// What the function is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Whoever deployed the cloud says who is to administer it.
    Invite(UserName),
    /// Some time has passed.
    Tick,
}

/// Handles one event; done again, it changes nothing more.
pub async fn on_event(app: &App, event: Event) -> Result<()> {
    match event {
        Event::Invite(name) => {
            let deployer = SuperAdmin::trusted_because("whoever deployed the cloud names its first administrator");
            make::first(&app.ports, &deployer, &name).await
        }
        Event::Tick => {
            let accounts = delete::finish(&app.ports).await;
            // What was noted just now is told by whoever noted it.
            let swept = outbox::sweep(&app.ports, app.ports.clock.now_ms() - 60_000).await;
            tracing::info!(accounts = accounts?, "accounts that had left were forgotten");
            swept.map(drop)
        }
    }
}
