//! Does a write fit the node's config? The firmware checks neither writability nor bounds nor
//! `valid_strs`, and ignores what it can't take without a word, so the cloud says it
//! (contract `mqtt-and-node.md` §2.3, §2.5; checklist 13 and 14).

use serde_json::{Map, Value};

use crate::{
    Refusal,
    node::config::{Config, ParamSpec},
};

/// What a user wants: values by device or service and param.
pub type Wanted = Map<String, Value>;

/// The longest message to a node: that of IoT Core, less what surrounds it.
const MAX_BYTES: usize = 120_000;
/// Bytes of a group's id: with longer ones nodes can't change their last will.
const MAX_GROUP: usize = 32;

/// Checks every value; the refusal names the first that does not fit.
pub fn check(config: &Config, wanted: &Wanted) -> Result<(), Refusal> {
    let refuse = |what: String| Err(Refusal::InvalidParam(what));
    if wanted.is_empty() {
        return refuse("no params are given".to_owned());
    }
    check_size(wanted)?;
    for (component, params) in wanted {
        let Some(params) = params.as_object().filter(|params| !params.is_empty()) else {
            return refuse(format!("{component} needs an object of params"));
        };
        for (param, value) in params {
            let Some(spec) = config.param(component, param) else {
                return refuse(format!("the node has no param {component}.{param}"));
            };
            if !spec.has("write") {
                return refuse(format!("{component}.{param} is not writable"));
            }
            check_value(spec, value).or_else(|why| refuse(format!("{component}.{param} {why}")))?;
        }
    }
    Ok(())
}

/// Checks that it fits a message.
pub(super) fn check_size(wanted: &Wanted) -> Result<(), Refusal> {
    let size = serde_json::to_string(wanted).map_or(usize::MAX, |text| text.len());
    if size <= MAX_BYTES { Ok(()) } else { Err(Refusal::InvalidParam(format!("more than {MAX_BYTES} bytes can't be sent to a node"))) }
}

fn check_value(spec: ParamSpec<'_>, value: &Value) -> Result<(), String> {
    let fits = match (spec.data_type(), value) {
        // The firmware takes 0 and 1 for a bool.
        (Some("bool"), value) => value.is_boolean() || matches!(value.as_i64(), Some(0 | 1)),
        (Some("int"), value) => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        (Some("float"), value) => value.is_number(),
        (Some("string"), value) => value.is_string(),
        (Some("object"), value) => value.is_object(),
        (Some("array"), value) => value.is_array(),
        _ => true,
    };
    if !fits {
        let kind = if spec.data_type() == Some("int") { "a whole number of 32 bits" } else { spec.data_type().unwrap_or_default() };
        return Err(format!("takes {kind}"));
    }
    check_bounds(spec, value)?;
    if let (Some("esp.param.group-id"), Value::String(group)) = (spec.kind(), value)
        && !group.is_empty()
        && !is_group(group)
    {
        return Err(format!("takes the id of a group: at most {MAX_GROUP} letters, digits, `_` and `-`, but not `init`"));
    }
    if let (Some(valid), Value::String(text)) = (spec.valid_strs(), value)
        && !valid.contains(&text.as_str())
    {
        return Err(format!("takes one of: {}", valid.join(", ")));
    }
    if holds_escapes(value) {
        return Err("holds a quote, a backslash or a control character, which nodes cannot read".to_owned());
    }
    Ok(())
}

fn check_bounds(spec: ParamSpec<'_>, value: &Value) -> Result<(), String> {
    let (size, what) = match value {
        Value::Number(number) => (number.as_f64(), ""),
        // `bounds.max` of an array is the most elements it takes.
        #[expect(clippy::cast_precision_loss, reason = "a list that fits a message is short")]
        Value::Array(list) => (Some(list.len() as f64), " elements"),
        _ => return Ok(()),
    };
    let Some(size) = size else { return Ok(()) };
    match (spec.bound("min"), spec.bound("max")) {
        (Some(min), _) if size < min => Err(format!("takes at least {min}{what}")),
        (_, Some(max)) if size > max => Err(format!("takes at most {max}{what}")),
        _ => Ok(()),
    }
}

/// May a group have this id? Its members report on `params/local/<id>`, where `init` means something else
/// (contract `mqtt-and-node.md` §2.5, §2.13).
pub fn is_group(id: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=MAX_GROUP).contains(&id.len()) && id.bytes().all(valid) && id != "init"
}

/// Would a string in it have to be escaped? Nodes don't unescape.
fn holds_escapes(value: &Value) -> bool {
    let escaped = |text: &str| text.chars().any(|char| matches!(char, '"' | '\\') || char.is_control());
    match value {
        Value::String(text) => escaped(text),
        Value::Array(list) => list.iter().any(holds_escapes),
        Value::Object(object) => object.iter().any(|(name, value)| escaped(name) || holds_escapes(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_set(text: &str) -> Result<(), String> {
        let config = br#"{"devices":[{"name":"L","params":[
            {"name":"Power","data_type":"bool","properties":["read","write"]},
            {"name":"Level","data_type":"int","properties":["read","write"],"bounds":{"min":0,"max":100,"step":1}},
            {"name":"Warm","data_type":"float","properties":["write"],"bounds":{"min":-0.50000,"max":0.50000}},
            {"name":"Mode","data_type":"string","properties":["read","write"],"valid_strs":["calm","party"]},
            {"name":"Name","data_type":"string","properties":["read","write"]},
            {"name":"Lux","data_type":"float","properties":["read"]}]}],
            "services":[{"name":"Groups","params":[{"name":"GroupID","type":"esp.param.group-id","data_type":"string","properties":["read","write"]}]},
                {"name":"Schedule","params":[{"name":"Schedules","data_type":"array","properties":["read","write"],"bounds":{"max":2}}]}]}"#;
        let config = Config::parse(&"n1".parse().unwrap(), config).unwrap();
        check(&config, &serde_json::from_str(text).unwrap()).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn what_fits_passes() {
        for good in [
            r#"{"L":{"Power":true,"Level":100,"Warm":-0.5,"Mode":"calm","Name":"Küche / oben & unten"}}"#,
            r#"{"L":{"Power":1,"Level":0,"Warm":0}}"#,
            r#"{"Schedule":{"Schedules":[{"id":"A","operation":"add"},{"id":"B"}]}}"#,
            r#"{"Groups":{"GroupID":""}}"#,
            r#"{"Groups":{"GroupID":"g7Qx2_-g7Qx2_-g7Qx2_-g7Qx2_-1234"}}"#,
        ] {
            assert_eq!(try_set(good), Ok(()), "{good}");
        }
    }

    const GROUP: &str = "Groups.GroupID takes the id of a group: at most 32 letters, digits, `_` and `-`, but not `init`";

    #[test]
    fn what_does_not_fit_is_named() {
        for (bad, why) in [
            (r"{}", "no params are given"),
            (r#"{"L":{}}"#, "L needs an object of params"),
            (r#"{"L":true}"#, "L needs an object of params"),
            (r#"{"M":{"Power":true}}"#, "the node has no param M.Power"),
            (r#"{"L":{"Lux":1.5}}"#, "L.Lux is not writable"),
            (r#"{"L":{"Power":"on"}}"#, "L.Power takes bool"),
            (r#"{"L":{"Power":2}}"#, "L.Power takes bool"),
            (r#"{"L":{"Power":null}}"#, "L.Power takes bool"),
            (r#"{"L":{"Level":25.0}}"#, "L.Level takes a whole number of 32 bits"),
            (r#"{"L":{"Level":4294967296}}"#, "L.Level takes a whole number of 32 bits"),
            (r#"{"L":{"Level":101}}"#, "L.Level takes at most 100"),
            (r#"{"L":{"Level":-1}}"#, "L.Level takes at least 0"),
            (r#"{"L":{"Warm":0.6}}"#, "L.Warm takes at most 0.5"),
            (r#"{"L":{"Mode":"wild"}}"#, "L.Mode takes one of: calm, party"),
            (r#"{"L":{"Name":"a\"b"}}"#, "L.Name holds a quote, a backslash or a control character, which nodes cannot read"),
            (r#"{"Schedule":{"Schedules":[1,2,3]}}"#, "Schedule.Schedules takes at most 2 elements"),
            (
                r#"{"Schedule":{"Schedules":[{"name":"a\nb"}]}}"#,
                "Schedule.Schedules holds a quote, a backslash or a control character, which nodes cannot read",
            ),
            (r#"{"Groups":{"GroupID":"init"}}"#, GROUP),
            (r#"{"Groups":{"GroupID":"a/b"}}"#, GROUP),
            (r#"{"Groups":{"GroupID":"123456789012345678901234567890123"}}"#, GROUP),
            (r#"{"L":{"Power":true},"Schedule":{"None":1}}"#, "the node has no param Schedule.None"),
        ] {
            assert_eq!(try_set(bad), Err(why.to_owned()), "{bad}");
        }
    }
}
