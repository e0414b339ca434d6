//! The Lambda behind the user function's routes.

use web::{App, door::lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::run(user::router(App::new(aws::env::ports()?))).await
}
