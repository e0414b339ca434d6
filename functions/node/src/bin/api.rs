//! The Lambda behind the node function's routes.

use web::{App, door::lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::run(node::router(App::new(aws::env::ports()?))).await
}
