//! The Lambda behind the schedule, and behind whoever deploys the cloud.

use web::{
    App,
    door::events::{self, Error, Trigger},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = App::new(aws::env::ports()?);
    events::run(async |Trigger { payload, .. }| Ok(user::on_event(&app, user::trigger::parse(payload)?).await?)).await
}
