//! The Lambda behind the user function's routes.

use web::{App, Settings, door::lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let local = embedded::local::from_env()?;
    let settings = Settings { mqtt_cred_host: local.host.clone(), mqtt_host: local.host };
    lambda::run(user::router(App::new(local.ports, settings))).await
}
