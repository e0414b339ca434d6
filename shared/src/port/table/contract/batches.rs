//! All or nothing.

use super::{Harness, assert_conflict, assert_final, begin, done, key, put, write};
use crate::port::table::{Key, Merge, TableId, Value, When, Write};

pub(super) async fn all(harness: &Harness) {
    all_happen(harness).await;
    a_conflict_leaves_nothing(harness).await;
    a_failure_leaves_nothing(harness).await;
}

async fn all_happen(harness: &Harness) {
    let table = begin(harness);
    let keys = ["a", "b", "c", "d"].map(|sort| key("batch", sort));
    let other = Key::new(TableId::Access, "batch-other", "a");
    done(&*table, put(&keys[1], 1, When::Always)).await;
    done(&*table, put(&keys[2], 1, When::Always)).await;
    let writes = vec![
        put(&keys[0], 2, When::Absent),
        Write::Merge(Merge::new(keys[1].clone()).add("f", 5).when(When::Present)),
        Write::Delete { key: keys[2].clone(), when: When::FieldEq("f".to_owned(), Value::Int(1)) },
        Write::Check { key: keys[3].clone(), when: When::Absent },
        put(&other, 3, When::Absent),
    ];
    assert_eq!(write(&*table, writes).await.unwrap(), None, "only a batch of one Merge returns the old record");
    let found = table.get_many(&[&keys[..], &[other]].concat()).await.unwrap();
    let found: Vec<_> = found.iter().map(|found| found.as_ref().and_then(|record| record.int("f"))).collect();
    assert_eq!(found, [Some(2), Some(6), None, None, Some(3)]);
}

async fn a_conflict_leaves_nothing(harness: &Harness) {
    let table = begin(harness);
    let keys: Vec<Key> = (0..7).map(|number| key("batch-conflict", &number.to_string())).collect();
    for key in &keys {
        done(&*table, put(key, 1, When::Always)).await;
    }
    let before = table.get_many(&keys).await.unwrap();
    let writes = [
        put(&keys[0], 2, When::Present),
        Write::Merge(Merge::new(keys[1].clone()).set("f", 2)),
        Write::Delete { key: keys[2].clone(), when: When::Always },
        Write::Check { key: keys[3].clone(), when: When::Present },
        put(&key("batch-conflict", "new"), 2, When::Always),
        put(&keys[5], 2, When::Always),
        put(&keys[6], 2, When::Always),
    ];
    let fail = |index: usize| match writes[index].clone() {
        Write::Put { key, fields, expires, .. } => Write::Put { key, fields, expires, when: When::Version(1) },
        Write::Merge(merge) => Write::Merge(merge.when(When::Version(1))),
        Write::Delete { key, .. } => Write::Delete { key, when: When::Version(1) },
        Write::Check { key, .. } => Write::Check { key, when: When::Version(1) },
    };
    for first in 0..writes.len() {
        for second in [first, writes.len() - 1] {
            let mut batch = writes.to_vec();
            batch[first] = fail(first);
            batch[second] = fail(second);
            assert_conflict(&write(&*table, batch).await, first);
            assert_eq!(table.get_many(&keys).await.unwrap(), before);
            assert_eq!(table.get(&key("batch-conflict", "new")).await.unwrap(), None);
        }
    }
    write(&*table, writes.to_vec()).await.unwrap();
}

/// What the engine finds only while it works.
async fn a_failure_leaves_nothing(harness: &Harness) {
    let table = begin(harness);
    let keys = ["a", "b", "c"].map(|sort| key("batch-failure", sort));
    done(&*table, put(&keys[1], i64::MAX, When::Always)).await;
    let before = table.get_many(&keys).await.unwrap();
    let batch = vec![put(&keys[0], 2, When::Always), Write::Merge(Merge::new(keys[1].clone()).add("f", 1)), put(&keys[2], 2, When::Always)];
    assert_final(&write(&*table, batch).await);
    assert_eq!(table.get_many(&keys).await.unwrap(), before);
}
