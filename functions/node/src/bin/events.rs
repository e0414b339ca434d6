//! The Lambda behind topic rules and lifecycle events.

use web::{
    App,
    door::events::{self, Error, Trigger},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = App::new(aws::env::ports()?);
    events::run(async |Trigger { payload, queued_at }| {
        for event in node::trigger::parse(payload, queued_at)? {
            node::on_event(&app, event).await?;
        }
        Ok(())
    })
    .await
}
