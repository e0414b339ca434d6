//! Panics end where they happen.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;

/// Runs foreign code; none if it panicked.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let result = AssertUnwindSafe(work).catch_unwind().await;
    if result.is_err() {
        tracing::error!("a panic was caught");
    }
    result.ok()
}

/// Calls foreign code; none if it panicked.
pub(crate) fn caught_call<T>(call: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(call));
    if result.is_err() {
        tracing::error!("a panic was caught");
    }
    result.ok()
}
