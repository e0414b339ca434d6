//! `GET /healthz` and `GET /readyz`, for those who operate the cloud.

use axum::extract::State;
use shared::port::table::{Key, TableId};
use web::{App, Failure, Public, reply::Success};

/// The process answers.
pub async fn alive(_: Public) -> Success {
    Success::new("alive")
}

/// Storage answers too. 1 get.
pub async fn ready(_: Public, State(app): State<App>) -> Result<Success, Failure> {
    app.ports.table.get(&Key::new(TableId::Users, "health", "health")).await.map_err(shared::Error::from)?;
    Ok(Success::new("ready"))
}
