//! Params that a node reports: `params/local` and `params/local/init`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, value::RawValue};

use super::{DESIRED, REPORTED, SORT, Values, field};
use crate::{
    Ports, Result,
    access::{Grant, role::Itself},
    arrival,
    json::{self, Repaired},
    node::{
        self,
        config::{Config, ParamSpec},
    },
    port::table::{Change, MAX_MERGE_FIELDS, Merge, Value},
};

/// Which of the two a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Some params have changed: what a user still wanted of them is settled.
    Changed,
    /// All params, after a boot: says nothing of what a user wants meanwhile.
    Init,
}

/// Parses a report, which may have a comma too many before a closing bracket, and params that hold `nan` or
/// `inf`, which are left out. A device whose value is no object is passed over, as nodes do; `None` if the
/// message is no JSON object even so, or is nested more deeply than readers of JSON follow.
pub fn parse(payload: &[u8]) -> Option<Values> {
    parse_part(payload, |text| Some(text))
}

/// Parses a report that is a member of an object.
pub(crate) fn parse_member(payload: &[u8], member: &str) -> Option<Values> {
    parse_part(payload, |text| {
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
        members.get(member).map(|report| report.get())
    })
}

fn parse_part(payload: &[u8], report: impl Fn(&str) -> Option<&str>) -> Option<Values> {
    if let Ok(text) = str::from_utf8(payload)
        && let Some(values) = report(text).and_then(|report| values(text, report, &[]))
    {
        return Some(values);
    }
    let Repaired { text, nans } = json::repair(payload)?;
    values(&text, report(&text)?, &nans)
}

/// The values of a report, which is a part of the text, without those at these places of the text.
fn values(text: &str, report: &str, without: &[usize]) -> Option<Values> {
    serde_json::from_str::<Json>(report).ok()?;
    let devices: BTreeMap<String, &RawValue> = serde_json::from_str(report).ok()?;
    let place = |value: &RawValue| value.get().as_ptr().addr() - text.as_ptr().addr();
    let whole = |value: &RawValue| {
        let own = place(value)..place(value) + value.get().len();
        // They are in order.
        let next = without.partition_point(|nan| *nan < own.start);
        without.get(next).is_none_or(|nan| *nan >= own.end)
    };
    let params = |params: &RawValue| -> Option<BTreeMap<String, Box<RawValue>>> {
        // Borrowed, so that each value's place in the text is known.
        let params: BTreeMap<String, &RawValue> = serde_json::from_str(params.get()).ok()?;
        Some(params.into_iter().filter(|(_, value)| whole(value)).map(|(name, value)| (name, value.to_owned())).collect())
    };
    Some(devices.into_iter().filter_map(|(device, own)| Some((device, params(own)?))).collect())
}

/// Stores what was reported, param by param, unless a later arrival was stored already. 1 write for
/// each 25 (`Changed`) or 50 (`Init`) params.
pub async fn report(ports: &Ports, node: &Grant<Itself>, kind: Kind, values: &Values, at: i64) -> Result<()> {
    let mut changes = Vec::new();
    for (component, params) in values {
        for (param, value) in params {
            let mut own = vec![(field(REPORTED, component, param), Change::Set(Value::Json(value.get().to_owned())))];
            if kind == Kind::Changed {
                own.push((field(DESIRED, component, param), Change::Remove));
            }
            changes.push(own);
        }
    }
    merge(ports, node, changes, at).await
}

/// Takes away the params that the new config does not have any more. No write if there are none.
pub(crate) async fn forget_gone(ports: &Ports, node: &Grant<Itself>, before: &Config, now: &Config, at: i64) -> Result<()> {
    let names = |config: &Config| -> BTreeSet<(String, String)> {
        let of = |(component, specs): (&str, Vec<ParamSpec<'_>>)| {
            let component = component.to_owned();
            specs.into_iter().filter_map(move |spec| Some((component.clone(), spec.name()?.to_owned()))).collect::<Vec<_>>()
        };
        config.components().flat_map(of).collect()
    };
    let gone = names(before).difference(&names(now)).cloned().collect::<Vec<_>>();
    let changes =
        gone.iter().map(|(component, param)| [REPORTED, DESIRED].map(|prefix| (field(prefix, component, param), Change::Remove)).to_vec());
    merge(ports, node, changes.collect(), at).await
}

/// Applies the changes, those of one param always together.
async fn merge(ports: &Ports, node: &Grant<Itself>, changes: Vec<Vec<(String, Change)>>, at: i64) -> Result<()> {
    let key = node::key(node.node(), SORT);
    let mut merge = Merge::new(key.clone()).newer_than(at);
    for own in changes {
        if merge.changes.len() + own.len() > MAX_MERGE_FIELDS {
            let full = std::mem::replace(&mut merge, Merge::new(key.clone()).newer_than(at));
            arrival::write(ports, full).await?;
        }
        merge.changes.extend(own);
    }
    if !merge.changes.is_empty() {
        arrival::write(ports, merge).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<String> {
        Some(serde_json::to_string(&parse(text.as_bytes())?).unwrap())
    }

    #[test]
    fn reports_keep_the_text_of_every_value() {
        let text = r#"{"A":{"f":27.30000,"i":7,"o":{"x":1.50},"s":"a\/b"},"B":{}}"#;
        assert_eq!(parsed(text).as_deref(), Some(text));
        assert_eq!(parsed(r#"{"A":7,"B":{"x":1}}"#).as_deref(), Some(r#"{"B":{"x":1}}"#));
    }

    #[test]
    fn a_param_that_holds_no_number_is_left_out_and_the_rest_is_taken() {
        for (text, taken) in [
            (r#"{"A":{"x":nan,"y":1.00000,"z":-inf}}"#, r#"{"A":{"y":1.00000}}"#),
            (r#"{"A":{"x":[1,nan],"o":{"p":{"q":inf}},"y":"nan",},}"#, r#"{"A":{"y":"nan"}}"#),
            (r#"{"A":{"x":nan},"B":{"x":null,"nan":2}}"#, r#"{"A":{},"B":{"nan":2,"x":null}}"#),
            (r#"{"A":nan,"B":{"y":1}}"#, r#"{"B":{"y":1}}"#),
        ] {
            assert_eq!(parsed(text).as_deref(), Some(taken), "{text}");
        }
    }

    #[test]
    fn a_report_in_an_object_is_read_like_one_alone() {
        let taken = |text: &str| Some(serde_json::to_string(&parse_member(text.as_bytes(), "params")?).unwrap());
        for (text, values) in [
            (r#"{"status":"success","params":{"A":{"f":27.30000,"i":7}}}"#, r#"{"A":{"f":27.30000,"i":7}}"#),
            (r#"{"x":nan,"params":{"A":{"i":7,"j":nan,},},}"#, r#"{"A":{"i":7}}"#),
        ] {
            assert_eq!(taken(text).as_deref(), Some(values), "{text}");
        }
        for none in ["", "{}", r#"{"status":"success"}"#, r#"{"params":7}"#, "[]", r#"{"params":{"A":"#] {
            assert_eq!(taken(none), None, "{none}");
        }
    }

    #[test]
    fn what_would_have_to_be_guessed_is_not_taken() {
        for text in [
            r#"{"A":{"n":"Bob"s lamp"}}"#,
            r#"{"A":{"n":"a",}"}}"#,
            r#"{"A":{"x":1"#,
            r#"{"A":{"x":1}"#,
            r#"{"A":{"x":nan"#,
            r#"{"A":{nan:1}}"#,
            r#"{"A":{"x":nano}}"#,
            r#"{"A":{"x":1,,}}"#,
            r#"{,"A":{"x":1}}"#,
            "nan",
            "[nan]",
            "",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
