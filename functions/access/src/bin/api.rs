//! The Lambda behind the access function's routes.

use web::{App, door::lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::run(access::router(App::new(aws::env::ports()?))).await
}
