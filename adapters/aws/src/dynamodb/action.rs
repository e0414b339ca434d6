//! A write as a part of a request, put so as fits what is known of its record.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update},
};
use shared::port::table::{Record, Stored, Write};

use super::{
    expression::Aliases,
    item::{self, Item},
};

/// How a write is put.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// As it is; a Merge as an update that leaves these fields alone, because they are too new.
    Plain(BTreeSet<String>),
    /// A Merge as a Put of what it makes of nothing, in place of an expired record.
    Replace {
        /// What it makes.
        after: Box<Stored>,
        /// The version of the expired record.
        expired: u64,
    },
}

/// A write as a part of a request.
#[derive(Clone, Debug)]
pub(super) struct Action {
    /// The table's name.
    pub(super) table: String,
    pub(super) aliases: Aliases,
    pub(super) condition: Option<String>,
    pub(super) kind: Kind,
}

/// What is done.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Put(Item),
    Update(Item, String),
    Delete(Item),
    Check(Item),
}

impl Action {
    /// A write, put so, at that time, giving its record that version.
    pub(super) fn new(table: &str, write: &Write, way: &Way, version: u64, now: i64) -> Self {
        let mut aliases = Aliases::default();
        let put = |stored: Stored| Kind::Put(item::item(&Stored { record: Record { version, ..stored.record }, ..stored }));
        let (condition, kind) = match (write, way) {
            (Write::Merge(_), Way::Replace { after, expired }) => (Some(aliases.version(*expired)), put((**after).clone())),
            (Write::Merge(merge), Way::Plain(stale)) => {
                let condition = aliases.mergeable(merge, stale, now);
                let key = item::key(&merge.key);
                let kind = if stale.len() == merge.changes.len() {
                    Kind::Check(key)
                } else {
                    Kind::Update(key, aliases.update(merge, stale, version))
                };
                (Some(condition), kind)
            }
            (Write::Put { key, fields, expires, when }, _) => (aliases.when(when, now), put(Stored::put(key, fields, *expires))),
            (Write::Delete { key, when }, _) => (aliases.when(when, now), Kind::Delete(item::key(key))),
            (Write::Check { key, when }, _) => (aliases.when(when, now), Kind::Check(item::key(key))),
        };
        Self { table: table.to_owned(), aliases, condition, kind }
    }

    /// As a part of a transaction.
    pub(super) fn of_transaction(self) -> Result<TransactWriteItem, BuildError> {
        let Self { table, aliases: Aliases { names, values }, condition, kind } = self;
        // No names, no values: DynamoDB refuses an empty list of them.
        let (names, values) = (some(names), some(values));
        let old = ReturnValuesOnConditionCheckFailure::AllOld;
        let part = TransactWriteItem::builder();
        // The SDK has a type for each, alike but unrelated.
        macro_rules! filled {
            ($builder:expr) => {
                $builder
                    .table_name(table)
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(old)
                    .build()?
            };
        }
        Ok(match kind {
            Kind::Put(item) => part.put(filled!(Put::builder().set_item(Some(item)))),
            Kind::Update(key, update) => part.update(filled!(Update::builder().set_key(Some(key)).update_expression(update))),
            Kind::Delete(key) => part.delete(filled!(Delete::builder().set_key(Some(key)))),
            Kind::Check(key) => part.condition_check(filled!(ConditionCheck::builder().set_key(Some(key)))),
        }
        .build())
    }
}

/// The map, unless it is empty.
pub(super) fn some<K, V>(map: std::collections::HashMap<K, V>) -> Option<std::collections::HashMap<K, V>> {
    (!map.is_empty()).then_some(map)
}
