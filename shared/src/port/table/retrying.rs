//! Patience: a decorator that repeats what an engine refused for the moment, such as throttled calls and
//! transactions that met another one.
//!
//! It only repeats where nothing was changed ([`TableError::Engine`] with `retry`), so also an `Add` is
//! done once. Whether a call that got no answer may be sent again only its engine knows.

use std::{pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{Batch, Key, Page, Query, Record, Table, TableError};

/// What `async_trait` makes of a method.
type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Tries in all.
const TRIES: u32 = 5;
/// The first pause; each is twice the one before: 750 ms in all.
const PAUSE: Duration = Duration::from_millis(50);

/// A table that tries again.
pub struct Retrying {
    /// The table.
    pub inner: Arc<dyn Table>,
}

/// Calls until it comes to something that a repetition would not change, or for the last time.
async fn patiently<'a, T>(call: impl Fn() -> BoxFuture<'a, Result<T, TableError>>) -> Result<T, TableError> {
    let mut pause = PAUSE;
    for _ in 1..TRIES {
        match call().await {
            Err(TableError::Engine { retry: true, source }) => tracing::debug!(error = %source, "the table asks to try again"),
            outcome => return outcome,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    call().await
}

#[async_trait]
impl Table for Retrying {
    async fn get(&self, key: &Key) -> Result<Option<Record>, TableError> {
        patiently(|| self.inner.get(key)).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, TableError> {
        patiently(|| self.inner.get_many(keys)).await
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        patiently(|| self.inner.query(query.clone())).await
    }

    async fn write(&self, batch: Batch) -> Result<Option<Record>, TableError> {
        patiently(|| self.inner.write(batch.clone())).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::port::table::{
        Merge, TableId, When, Write,
        contract::{Harness, Model, TestClock, suite},
    };

    /// Refuses so many calls, then lets them through.
    struct Busy {
        inner: Model,
        refusals: AtomicU32,
        retry: bool,
    }

    impl Busy {
        fn refused(&self) -> Result<(), TableError> {
            let left = self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            left.map_or(Ok(()), |_| Err(TableError::Engine { retry: self.retry, source: "busy".into() }))
        }
    }

    #[async_trait]
    impl Table for Busy {
        async fn get(&self, key: &Key) -> Result<Option<Record>, TableError> {
            self.refused()?;
            self.inner.get(key).await
        }

        async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, TableError> {
            self.refused()?;
            self.inner.get_many(keys).await
        }

        async fn query(&self, query: Query) -> Result<Page, TableError> {
            self.refused()?;
            self.inner.query(query).await
        }

        async fn write(&self, batch: Batch) -> Result<Option<Record>, TableError> {
            self.refused()?;
            self.inner.write(batch).await
        }
    }

    fn busy(refusals: u32, retry: bool) -> (Arc<Busy>, Retrying) {
        let inner = Model::new(Arc::new(TestClock::default()));
        let busy = Arc::new(Busy { inner, refusals: AtomicU32::new(refusals), retry });
        (busy.clone(), Retrying { inner: busy })
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_for_the_moment_is_done_once_in_the_end() {
        let key = Key::new(TableId::Nodes, "n", "a");
        let add = || Batch::of(Write::Merge(Merge::new(key.clone()).add("f", 1))).unwrap();
        let (busy, table) = busy(0, true);
        for round in 1..=3 {
            busy.refusals.store(TRIES - 1, Ordering::SeqCst);
            table.write(add()).await.unwrap();
            busy.refusals.store(TRIES - 1, Ordering::SeqCst);
            assert_eq!(table.get(&key).await.unwrap().unwrap().int("f"), Some(round));
        }
        busy.refusals.store(TRIES, Ordering::SeqCst);
        assert!(matches!(table.write(add()).await, Err(TableError::Engine { retry: true, .. })));
        assert_eq!(table.get(&key).await.unwrap().unwrap().int("f"), Some(3));
    }

    #[tokio::test(start_paused = true)]
    async fn other_errors_are_told_at_once() {
        let key = Key::new(TableId::Nodes, "n", "a");
        let (busy, table) = busy(TRIES, false);
        assert!(matches!(table.get(&key).await, Err(TableError::Engine { retry: false, .. })));
        assert_eq!(busy.refusals.load(Ordering::SeqCst), TRIES - 1);
        busy.refusals.store(0, Ordering::SeqCst);
        let check = Batch::of(Write::Check { key, when: When::Present }).unwrap();
        assert!(table.write(check).await.unwrap_err().is_conflict());
    }

    #[tokio::test]
    async fn the_contract_is_kept_through_it() {
        let clock = Arc::new(TestClock::default());
        let inner = Arc::new(Model::new(clock.clone()));
        suite(&Harness::here(Arc::new(Retrying { inner }), clock)).await;
    }
}
