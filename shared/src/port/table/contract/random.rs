//! Random operations on two engines, which must answer alike.

use std::{collections::BTreeMap, ops::Range as Span};

use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::{Just, Strategy},
    prop_oneof,
    sample::select,
};

use super::{START, TestClock};
use crate::port::table::{
    Batch, BatchError, Change, Cursor, Direction, Key, Merge, Page, Query, Range, Record, Table, TableError, TableId, Value, When, Write,
};

/// One operation. In writes, an expiry counts from the moment of the write, and a version is a number
/// that stands for one: 0 for what the record has now, others for some that were seen before.
#[derive(Clone, Debug)]
pub enum Step {
    /// Reads a record.
    Get(Key),
    /// Reads several.
    GetMany(Vec<Key>),
    /// Reads every page of a query.
    Query(Query),
    /// Writes a batch.
    Write(Vec<Write>),
    /// Moves the clock on, in ms.
    Wait(i64),
}

const PARTITIONS: [&str; 2] = ["p", "p#"];
const SORTS: [&str; 7] = ["a", "a#", "a#1", "aé", "a\u{10ffff}", "b", "B"];
const FIELDS: [&str; 4] = ["f", "g", "p/light/power", "😀"];

fn key() -> impl Strategy<Value = Key> {
    (select(&[TableId::Nodes, TableId::Users][..]), select(&PARTITIONS[..]), select(&SORTS[..]))
        .prop_map(|(table, partition, sort)| Key::new(table, partition, sort))
}

fn field() -> impl Strategy<Value = String> {
    select(&FIELDS[..]).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (-2_i64..3).prop_map(Value::Int),
        1 => select(&[i64::MIN, i64::MAX][..]).prop_map(Value::Int),
        2 => select(&["", "a", "é", "1"][..]).prop_map(Value::from),
        1 => select(&[false, true][..]).prop_map(Value::Bool),
        1 => vec(0_u8..3, 0..3).prop_map(Value::Bytes),
        1 => select(&["1", "1.0", "27.30000"][..]).prop_map(|text| Value::Json(text.to_owned())),
    ]
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        8 => Just(When::Always),
        1 => Just(When::Absent),
        2 => Just(When::Present),
        2 => Just(When::Version(0)),
        1 => (1_u64..50).prop_map(When::Version),
        1 => (field(), value()).prop_map(|(name, value)| When::FieldEq(name, value)),
        2 => (field(), value()).prop_map(|(name, value)| When::FieldLess(name, value)),
    ]
}

fn expires() -> impl Strategy<Value = Option<i64>> {
    option::weighted(0.3, -1_i64..6)
}

fn merge() -> impl Strategy<Value = Merge> {
    let change = prop_oneof![
        4 => value().prop_map(Change::Set),
        2 => Just(Change::Remove),
        1 => (-2_i64..3).prop_map(Change::Add),
    ];
    let timed = option::weighted(0.6, 0_i64..8);
    (key(), btree_map(field(), change, 1..4), timed, expires(), when()).prop_map(|(key, mut changes, newer_than, expires, when)| {
        if newer_than.is_some() {
            for change in changes.values_mut() {
                if let Change::Add(amount) = *change {
                    *change = Change::Set(Value::Int(amount));
                }
            }
        }
        Merge { key, changes, newer_than, expires, when }
    })
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        3 => (key(), btree_map(field(), value(), 0..4), expires(), when())
            .prop_map(|(key, fields, expires, when)| Write::Put { key, fields, expires, when }),
        5 => merge().prop_map(Write::Merge),
        1 => (key(), when()).prop_map(|(key, when)| Write::Delete { key, when }),
        1 => (key(), when()).prop_map(|(key, when)| Write::Check { key, when }),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    let sort = || prop_oneof![4 => select(&SORTS[..]), 1 => select(&["", "A", "a\u{e000}", "c"][..])].prop_map(str::to_owned);
    let range = prop_oneof![sort().prop_map(Range::Prefix), (sort(), sort()).prop_map(|(low, high)| Range::Between(low, high)),];
    let direction = select(&[Direction::Forward, Direction::Back][..]);
    let after = option::weighted(0.3, select(&SORTS[..]).prop_map(Cursor::at));
    (key(), range, direction, 1_usize..5, after).prop_map(|(key, range, direction, limit, after)| Query {
        table: key.table,
        partition: key.partition,
        range,
        direction,
        limit,
        after,
    })
}

/// So many random operations on a few keys.
pub fn steps(count: Span<usize>) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => key().prop_map(Step::Get),
        1 => vec(key(), 0..6).prop_map(Step::GetMany),
        3 => query().prop_map(Step::Query),
        8 => write().prop_map(|write| Step::Write(vec![write])),
        4 => vec(write(), 2..5).prop_map(Step::Write),
        2 => (0_i64..2500).prop_map(Step::Wait),
    ];
    vec(step, count)
}

/// Runs the operations on both, which hold nothing yet and go by this clock, and compares every
/// answer; at the end, everything.
pub async fn compare(left: &dyn Table, right: &dyn Table, clock: &TestClock, steps: &[Step]) {
    let mut pair = Pair { tables: [left, right], versions: BTreeMap::new(), now: START * 1000 };
    clock.set(pair.now);
    for step in steps {
        match step {
            Step::Get(key) => pair.get(key).await,
            Step::GetMany(keys) => {
                let [left, right] = pair.tables;
                let (left, right) = (left.get_many(keys).await.unwrap(), right.get_many(keys).await.unwrap());
                assert_eq!((left.len(), right.len()), (keys.len(), keys.len()));
                left.iter().zip(&right).for_each(|(left, right)| pair.same(left.as_ref(), right.as_ref()));
            }
            Step::Query(query) => pair.query(query.clone()).await,
            Step::Write(writes) => pair.write(writes).await,
            Step::Wait(ms) => {
                pair.now += ms;
                clock.set(pair.now);
            }
        }
    }
    for table in TableId::ALL {
        for partition in PARTITIONS {
            pair.query(Query::prefix(table, partition, "", 3)).await;
        }
    }
}

struct Pair<'a> {
    tables: [&'a dyn Table; 2],
    /// The right version for each left one: they are numbers without meaning, but change together.
    versions: BTreeMap<u64, u64>,
    now: i64,
}

impl Pair<'_> {
    fn same(&mut self, left: Option<&Record>, right: Option<&Record>) {
        let plain = |record: &Record| Record { version: 0, ..record.clone() };
        assert_eq!(left.map(plain), right.map(plain));
        if let (Some(left), Some(right)) = (left, right) {
            assert_eq!(*self.versions.entry(left.version).or_insert(right.version), right.version);
            let lefts = self.versions.values().filter(|version| **version == right.version).count();
            assert_eq!(lefts, 1, "a version changed on one side only");
        }
    }

    async fn get(&mut self, key: &Key) {
        let [left, right] = self.tables;
        let (left, right) = (left.get(key).await.unwrap(), right.get(key).await.unwrap());
        self.same(left.as_ref(), right.as_ref());
    }

    async fn query(&mut self, mut query: Query) {
        loop {
            let [left, right] = self.tables;
            let (left, right): (Page, Page) = (left.query(query.clone()).await.unwrap(), right.query(query.clone()).await.unwrap());
            assert_eq!(left.records.len(), right.records.len(), "{query:?}");
            left.records.iter().zip(&right.records).for_each(|(left, right)| self.same(Some(left), Some(right)));
            assert_eq!(left.next, right.next, "{query:?}");
            query.after = left.next;
            if query.after.is_none() {
                return;
            }
        }
    }

    async fn write(&mut self, writes: &[Write]) {
        let batches = [self.batch(writes, 0).await, self.batch(writes, 1).await];
        let [left, right] = batches;
        let (Ok(left), Ok(right)) = (left, right) else { return };
        let outcomes = (self.tables[0].write(left).await, self.tables[1].write(right).await);
        match &outcomes {
            (Ok(left), Ok(right)) => self.same(left.as_ref(), right.as_ref()),
            (Err(TableError::Conflict(left)), Err(TableError::Conflict(right)))
            | (Err(TableError::TooLarge(left)), Err(TableError::TooLarge(right))) => assert_eq!(left, right),
            (Err(TableError::Engine { retry: false, .. }), Err(TableError::Engine { retry: false, .. })) => {}
            _ => panic!("the engines differ: {outcomes:?}"),
        }
        for write in writes {
            self.get(write.key()).await;
        }
    }

    /// The batch with what its numbers stand for on one side.
    async fn batch(&self, writes: &[Write], side: usize) -> Result<Batch, BatchError> {
        let mut real = Vec::new();
        for write in writes {
            let mut write = write.clone();
            let key = write.key().clone();
            let (when, expires) = match &mut write {
                Write::Put { when, expires, .. } | Write::Merge(Merge { when, expires, .. }) => (when, Some(expires)),
                Write::Delete { when, .. } | Write::Check { when, .. } => (when, None),
            };
            if let Some(Some(expires)) = expires {
                *expires += self.now.div_euclid(1000);
            }
            if let When::Version(number) = when {
                let seen = usize::try_from(*number).unwrap() % self.versions.len().max(1);
                *number = match (*number, self.versions.iter().nth(seen)) {
                    (0, _) => self.tables[side].get(&key).await.unwrap().map_or(1 << 60, |record| record.version),
                    (_, None) => 1 << 60,
                    (_, Some((left, right))) => [*left, *right][side],
                };
            }
            real.push(write);
        }
        Batch::new(real)
    }
}
