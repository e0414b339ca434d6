//! The Lambda door around a cloud of the test kit, as a process of its own: `lambda_http` finds the
//! Runtime API in its environment. Started by `tests/tests/doors.rs`.

use tests::{Cloud, routes};

#[tokio::main]
async fn main() {
    let cloud = Cloud::new();
    if let Err(error) = web::door::lambda::run(routes().router(cloud.app.clone())).await {
        panic!("the Lambda door failed: {error}");
    }
}
