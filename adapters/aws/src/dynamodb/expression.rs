//! Expressions: conditions and updates in DynamoDB's language, with every name and value under an alias.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use shared::port::table::{Change, Merge, Value, When};

use super::item::{EXPIRES, PARTITION, VERSION, number, time_name, value, value_name};

/// The aliases of one request.
#[derive(Clone, Debug, Default)]
pub(super) struct Aliases {
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Aliases {
    /// The alias of an attribute's name.
    pub(super) fn name(&mut self, attribute: &str) -> String {
        // Few enough to look through.
        if let Some((alias, _)) = self.names.iter().find(|(_, name)| *name == attribute) {
            return alias.clone();
        }
        let alias = format!("#n{}", self.names.len());
        self.names.insert(alias.clone(), attribute.to_owned());
        alias
    }

    /// The alias of a value.
    pub(super) fn value(&mut self, value: AttributeValue) -> String {
        let alias = format!(":v{}", self.values.len());
        self.values.insert(alias.clone(), value);
        alias
    }

    /// `when`, said of an item that may have expired; `None` if it always holds.
    pub(super) fn when(&mut self, when: &When, now: i64) -> Option<String> {
        let said = self.said(when)?;
        // What holds of no record holds of an expired one, whatever is in it.
        if when.holds(None) {
            let expires = self.name(EXPIRES);
            Some(format!("({said} OR {expires} <= {})", self.value(number(now))))
        } else {
            Some(format!("{said} AND {}", self.live(now)))
        }
    }

    /// `when`, said of an item that has not expired.
    fn said(&mut self, when: &When) -> Option<String> {
        Some(match when {
            When::Always => return None,
            When::Absent => format!("attribute_not_exists({})", self.name(PARTITION)),
            When::Present => format!("attribute_exists({})", self.name(PARTITION)),
            When::Version(version) => self.version(*version),
            When::FieldEq(field, is) => format!("{} = {}", self.name(&value_name(field)), self.value(value(is))),
            When::FieldLess(field, than) => {
                let name = self.name(&value_name(field));
                match than {
                    // They have no order: `<` would be refused.
                    Value::Bool(_) | Value::Json(_) => format!("attribute_not_exists({name})"),
                    _ => format!("(attribute_not_exists({name}) OR {name} < {})", self.value(value(than))),
                }
            }
        })
    }

    /// The item, expired or not, has this version.
    pub(super) fn version(&mut self, version: u64) -> String {
        format!("{} = {}", self.name(VERSION), self.value(number(version)))
    }

    /// The item is absent or has not expired.
    fn live(&mut self, now: i64) -> String {
        let expires = self.name(EXPIRES);
        format!("(attribute_not_exists({expires}) OR {expires} > {})", self.value(number(now)))
    }

    /// What must hold for a Merge to be done as an update: its own condition, that nothing expired is in
    /// the way, that of the fields exactly the stale ones are too new, and that no sum grows too large.
    pub(super) fn mergeable(&mut self, merge: &Merge, stale: &BTreeSet<String>, now: i64) -> String {
        let mut conditions: Vec<String> = self.said(&merge.when).into_iter().collect();
        conditions.push(self.live(now));
        if let Some(newer) = merge.newer_than {
            let newer = self.value(number(newer));
            conditions.extend(merge.changes.keys().map(|field| {
                let time = self.name(&time_name(field));
                if stale.contains(field) {
                    format!("{time} >= {newer}")
                } else {
                    format!("(attribute_not_exists({time}) OR {time} < {newer})")
                }
            }));
        }
        for (field, change) in &merge.changes {
            if let Change::Add(amount) = change {
                // A comparison with another type is false.
                let (order, bound) =
                    if *amount < 0 { (">=", i64::MIN.saturating_sub(*amount)) } else { ("<=", i64::MAX.saturating_sub(*amount)) };
                let name = self.name(&value_name(field));
                conditions.push(format!("(attribute_not_exists({name}) OR {name} {order} {})", self.value(number(bound))));
            }
        }
        conditions.join(" AND ")
    }

    /// The update that does a Merge but for its stale fields.
    pub(super) fn update(&mut self, merge: &Merge, stale: &BTreeSet<String>, version: u64) -> String {
        let (mut set, mut remove, mut add) = (Vec::new(), Vec::new(), Vec::new());
        set.push(format!("{} = {}", self.name(VERSION), self.value(number(version))));
        if let Some(expires) = merge.expires {
            set.push(format!("{} = {}", self.name(EXPIRES), self.value(number(expires))));
        }
        let newer = merge.newer_than.map(|newer| self.value(number(newer)));
        for (field, change) in merge.changes.iter().filter(|(field, _)| !stale.contains(*field)) {
            let (name, time) = (self.name(&value_name(field)), self.name(&time_name(field)));
            match change {
                Change::Set(to) => set.push(format!("{name} = {}", self.value(value(to)))),
                Change::Remove => remove.push(name),
                Change::Add(amount) => add.push(format!("{name} {}", self.value(number(amount)))),
            }
            match &newer {
                Some(newer) => set.push(format!("{time} = {newer}")),
                None => remove.push(time),
            }
        }
        let clauses = [("SET", set), ("REMOVE", remove), ("ADD", add)];
        let clauses = clauses.iter().filter(|(_, parts)| !parts.is_empty());
        clauses.map(|(clause, parts)| format!("{clause} {}", parts.join(", "))).collect::<Vec<_>>().join(" ")
    }
}
