//! Lost answers, throttles and keys left unprocessed: nothing is done twice, and nothing is claimed that
//! nobody knows.

use std::sync::Arc;

use shared::port::table::{Batch, Merge, Table, TableError, When, Write, retrying::Retrying};

use tests::wire::Trouble::{AnswerLost, Refused, Unprocessed};

use crate::support::{Tables, key};

const THROTTLED: &str = "com.amazonaws.dynamodb.v20120810#ThrottlingException";

async fn write(table: &dyn Table, writes: Vec<Write>) -> Result<Option<i64>, TableError> {
    let before = table.write(Batch::new(writes).unwrap()).await?;
    Ok(before.and_then(|record| record.int("f")))
}

async fn value(tables: &Tables, sort: &str) -> Option<i64> {
    tables.table.get(&key(sort)).await.unwrap().and_then(|record| record.int("f"))
}

fn put(sort: &str, value: i64, when: When) -> Write {
    Write::put(key(sort), [("f", value)], when)
}

fn add(sort: &str) -> Write {
    Write::Merge(Merge::new(key(sort)).add("f", 1))
}

/// An engine error, and whether it may be repeated.
#[track_caller]
fn assert_engine<T: std::fmt::Debug>(outcome: &Result<T, TableError>, retry: bool) {
    assert!(matches!(outcome, Err(TableError::Engine { retry: is, .. }) if *is == retry), "{outcome:?}");
}

#[tokio::test]
async fn a_write_whose_answer_got_lost_is_sent_again_and_knows_itself() {
    let tables = Tables::new().await;
    let table = &*tables.table;
    let sent = |expected: &[&str]| assert_eq!(tables.wire.take(), expected);

    tables.wire.expect(&[AnswerLost, AnswerLost]);
    write(table, vec![put("a", 1, When::Absent)]).await.unwrap();
    sent(&["PutItem", "PutItem", "PutItem"]);
    assert_eq!(value(&tables, "a").await, Some(1));
    // Somebody else's record in its place proves nothing.
    tables.wire.expect(&[AnswerLost]);
    assert_engine(&write(table, vec![put("a", 2, When::Absent)]).await, false);
    assert_eq!(value(&tables, "a").await, Some(1));

    tables.wire.expect(&[AnswerLost]);
    write(table, vec![Write::Merge(Merge::new(key("a")).set("f", 3).newer_than(1))]).await.unwrap();
    assert_eq!(value(&tables, "a").await, Some(3));
    tables.wire.expect(&[AnswerLost]);
    write(table, vec![Write::Delete { key: key("a"), when: When::Always }]).await.unwrap();
    assert_eq!(value(&tables, "a").await, None);

    tables.wire.expect(&[AnswerLost; 4]);
    assert_engine(&write(table, vec![put("b", 1, When::Always)]).await, false);
}

#[tokio::test]
async fn what_could_be_done_twice_is_not_sent_again() {
    let tables = Tables::new().await;
    let table = Retrying { inner: tables.table.clone() };
    tables.wire.expect(&[AnswerLost]);
    assert_engine(&write(&table, vec![add("a")]).await, false);
    assert_eq!(tables.wire.take(), ["UpdateItem"]);
    assert_eq!(value(&tables, "a").await, Some(1));

    tables.wire.expect(&[AnswerLost]);
    let delete = Write::Delete { key: key("a"), when: When::Present };
    assert_engine(&write(&table, vec![delete]).await, false);
    assert_eq!(value(&tables, "a").await, None);
}

#[tokio::test]
async fn a_transaction_is_done_once_however_often_it_is_sent() {
    let tables = Tables::new().await;
    let table = &*tables.table;
    tables.wire.expect(&[AnswerLost, AnswerLost]);
    write(table, vec![add("a"), put("b", 1, When::Absent)]).await.unwrap();
    assert_eq!(tables.wire.take(), ["TransactWriteItems"; 3]);
    assert_eq!(value(&tables, "a").await, Some(1));
    // A conflict remains one.
    tables.wire.expect(&[AnswerLost]);
    let outcome = write(table, vec![add("a"), put("b", 1, When::Absent)]).await;
    assert!(matches!(outcome, Err(TableError::Conflict(1))), "{outcome:?}");
    assert_eq!(value(&tables, "a").await, Some(1));
    tables.wire.expect(&[AnswerLost; 4]);
    assert_engine(&write(table, vec![add("a"), add("b")]).await, false);
    assert_eq!(value(&tables, "a").await, Some(2));
}

#[tokio::test]
async fn what_was_refused_for_the_moment_may_be_repeated() {
    let tables = Tables::new().await;
    for code in [THROTTLED, "ProvisionedThroughputExceededException", "TransactionConflictException", "RequestLimitExceeded"] {
        tables.wire.expect(&[Refused(code)]);
        assert_engine(&write(&*tables.table, vec![add("a")]).await, true);
        tables.wire.expect(&[Refused(code)]);
        assert_engine(&write(&*tables.table, vec![add("a"), add("b")]).await, true);
    }
    tables.wire.expect(&[Refused("AccessDeniedException")]);
    assert_engine(&write(&*tables.table, vec![add("a")]).await, false);
    tables.wire.expect(&[AnswerLost]);
    assert_engine(&tables.table.get(&key("a")).await, true);

    let patient = Arc::new(Retrying { inner: tables.table.clone() });
    tables.wire.expect(&[Refused(THROTTLED), Refused(THROTTLED)]);
    write(&*patient, vec![add("a")]).await.unwrap();
    tables.wire.expect(&[AnswerLost, Refused(THROTTLED)]);
    assert_eq!(patient.get(&key("a")).await.unwrap().unwrap().int("f"), Some(1));
    // Once an answer is lost, a refusal of the repetition says nothing about the first.
    tables.wire.expect(&[AnswerLost, Refused(THROTTLED), AnswerLost, Refused(THROTTLED)]);
    assert_engine(&write(&*patient, vec![put("a", 1, When::Always)]).await, false);
}

#[tokio::test]
async fn keys_that_were_left_are_asked_for_again() {
    let tables = Tables::new().await;
    write(&*tables.table, vec![put("a", 1, When::Always), put("b", 2, When::Always)]).await.unwrap();
    tables.wire.take();
    tables.wire.expect(&[Unprocessed, Unprocessed]);
    let found = tables.table.get_many(&["b", "z", "a"].map(key)).await.unwrap();
    let found: Vec<_> = found.iter().map(|found| found.as_ref().and_then(|record| record.int("f"))).collect();
    assert_eq!(found, [Some(2), None, Some(1)]);
    assert_eq!(tables.wire.take(), ["BatchGetItem"; 3]);
    tables.wire.expect(&[Unprocessed; 4]);
    assert_engine(&tables.table.get_many(&[key("a")]).await, true);
}
