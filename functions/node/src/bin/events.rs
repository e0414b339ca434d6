//! The Lambda behind topic rules and lifecycle events. A failure goes back to the caller, so that the
//! event is tried again or ends in the queue for failures.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use web::{App, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let local = embedded::local::from_env()?;
    let app = App::new(local.ports, Settings { mqtt_cred_host: local.host.clone(), mqtt_host: local.host });
    run(service_fn(|event: LambdaEvent<Value>| handle(&app, event.payload))).await
}

async fn handle(app: &App, trigger: Value) -> Result<(), Error> {
    for event in node::trigger::parse(trigger)? {
        node::on_event(app, event).await?;
    }
    Ok(())
}
