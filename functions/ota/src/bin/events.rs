//! The Lambda behind events of which there are none yet: what calls it is told so.

use web::door::events::{self, Error, Trigger};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    events::run(async |Trigger { payload, .. }| Err(format!("unknown trigger: {payload}").into())).await
}
