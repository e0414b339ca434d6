//! Writes at the same time.

use std::{future::poll_fn, task::Poll};

use futures_util::future::join_all;

use super::{Harness, begin, done, key, merge, put, there, write};
use crate::port::table::{Batch, Merge, Query, Record, Table, TableError, TableId, Value, When};

pub(super) async fn all(harness: &Harness) {
    every_add_counts(harness).await;
    one_creator(harness).await;
    one_writer_per_version(harness).await;
    if harness.in_process {
        first_poll_decides(harness).await;
    }
    reads_follow_writes(harness).await;
}

/// Writes until it is done, however often the engine asks for a retry.
async fn persist(table: &dyn Table, change: &Merge) -> Result<Option<Record>, TableError> {
    loop {
        match merge(table, change.clone()).await {
            Err(TableError::Engine { retry: true, .. }) => {}
            outcome => return outcome,
        }
    }
}

async fn every_add_counts(harness: &Harness) {
    let table = begin(harness);
    let (table, key) = (&*table, &key("order-add", "a"));
    let tasks = (0..50).map(|_| async move {
        for _ in 0..20 {
            merge(table, Merge::new(key.clone()).add("f", 3)).await.unwrap();
        }
    });
    join_all(tasks).await;
    assert_eq!(there(table, key).await.int("f"), Some(50 * 20 * 3));
}

async fn one_creator(harness: &Harness) {
    let table = begin(harness);
    let (table, key) = (&*table, &key("order-absent", "a"));
    let outcomes = join_all((0..40).map(|number| write(table, vec![put(key, number, When::Absent)]))).await;
    let winners: Vec<_> = (0..).zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).collect();
    assert_eq!(winners.len(), 1);
    assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(TableError::is_conflict));
    assert_eq!(there(table, key).await.int("f"), Some(winners[0].0));
}

async fn one_writer_per_version(harness: &Harness) {
    let table = begin(harness);
    let (table, key) = (&*table, &key("order-version", "a"));
    done(table, put(key, 0, When::Always)).await;
    for round in 1..=10 {
        let version = there(table, key).await.version;
        let claim = Merge::new(key.clone()).add("f", 1).when(When::Version(version));
        let outcomes = join_all((0..20).map(|_| persist(table, &claim))).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(TableError::is_conflict));
        assert_eq!(there(table, key).await.int("f"), Some(round));
    }
}

/// However they are awaited later, writes happen in the order in which they were first polled.
async fn first_poll_decides(harness: &Harness) {
    let table = begin(harness);
    let key = key("order-poll", "a");
    for reversed in [false, true] {
        let batches = (0..200).map(|number| Batch::of(put(&key, number, When::Always)).unwrap());
        let mut writes: Vec<_> = batches.map(|batch| Some(table.write(batch))).collect();
        let mut left: Vec<usize> = (0..writes.len()).collect();
        poll_fn(|context| {
            left.retain(|index| {
                writes[*index].as_mut().is_some_and(|write| match write.as_mut().poll(context) {
                    Poll::Pending => true,
                    Poll::Ready(outcome) => {
                        outcome.unwrap();
                        false
                    }
                })
            });
            Poll::Ready(())
        })
        .await;
        if reversed {
            left.reverse();
        }
        for index in left {
            if let Some(write) = writes[index].take() {
                write.await.unwrap();
            }
        }
        assert_eq!(there(&*table, &key).await.int("f"), Some(199));
    }
    // With Adds between, so that each sees what the one before it left.
    let mut writes: Vec<_> = (0..200)
        .map(|number| {
            let when = if number == 0 { When::Always } else { When::FieldEq("f".to_owned(), Value::Int(number - 1)) };
            Box::pin(write(&*table, vec![put(&key, number, when)]))
        })
        .collect();
    let first = poll_fn(|context| Poll::Ready(writes.iter_mut().map(|write| write.as_mut().poll(context)).collect::<Vec<_>>())).await;
    for (write, first) in writes.into_iter().zip(first).rev() {
        match first {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => write.await,
        }
        .unwrap();
    }
}

/// A read sees every write that returned before, whoever else reads and writes meanwhile.
async fn reads_follow_writes(harness: &Harness) {
    let table = begin(harness);
    let table = &*table;
    let tasks = (0..20).map(|task| async move {
        let key = key("order-reads", &format!("{task:02}"));
        for number in 0..20 {
            done(table, put(&key, number, When::Always)).await;
            assert_eq!(there(table, &key).await.int("f"), Some(number));
            let many = table.get_many(std::slice::from_ref(&key)).await.unwrap();
            assert_eq!(many[0].as_ref().and_then(|record| record.int("f")), Some(number));
            let page = Query::prefix(TableId::Nodes, "order-reads", &key.sort, 1);
            assert_eq!(table.query(page).await.unwrap().records[0].int("f"), Some(number));
        }
    });
    join_all(tasks).await;
}
