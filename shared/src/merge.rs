//! Changing JSON by JSON: keys that are given replace, objects go into each other, `null` takes away, arrays
//! are replaced whole (RFC 7396, which the contract's rules follow: `rest-1.md`, custom data; `rest-3.md`,
//! public profile).

use serde_json::{Map, Value};

/// The object with the changes.
pub(crate) fn merge(into: &mut Map<String, Value>, changes: Map<String, Value>) {
    for (key, change) in changes {
        match change {
            Value::Null => drop(into.shift_remove(&key)),
            Value::Object(changes) => {
                let inner = into.entry(key).or_insert_with(|| Value::Object(Map::new()));
                if !inner.is_object() {
                    *inner = Value::Object(Map::new());
                }
                if let Value::Object(inner) = inner {
                    merge(inner, changes);
                }
            }
            change => drop(into.insert(key, change)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_contract_hold() {
        for (before, change, after) in [
            (r#"{"a":1}"#, r#"{"b":2}"#, r#"{"a":1,"b":2}"#),
            (r#"{"a":{"x":1,"y":2}}"#, r#"{"a":{"x":null,"z":[1]}}"#, r#"{"a":{"y":2,"z":[1]}}"#),
            (r#"{"a":[1,2]}"#, r#"{"a":[3]}"#, r#"{"a":[3]}"#),
            (r#"{"a":{"x":1}}"#, r#"{"a":{}}"#, r#"{"a":{"x":1}}"#),
            (r#"{"a":{"x":1}}"#, r#"{"a":{"x":null}}"#, r#"{"a":{}}"#),
            (r#"{"a":1}"#, r#"{"b":{},"c":"","d":[]}"#, r#"{"a":1,"b":{},"c":"","d":[]}"#),
            (r#"{"a":1}"#, r#"{"a":{"x":{"y":null}}}"#, r#"{"a":{"x":{}}}"#),
            (r#"{"a":1,"b":2}"#, r#"{"a":null,"none":null}"#, r#"{"b":2}"#),
        ] {
            let mut object = serde_json::from_str(before).unwrap();
            merge(&mut object, serde_json::from_str(change).unwrap());
            assert_eq!(serde_json::to_string(&object).unwrap(), after, "{before} {change}");
        }
    }
}
