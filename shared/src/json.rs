//! JSON as nodes write it (contract `mqtt-and-node.md` §2.3): what is wrong without any doubt about what was
//! meant is put right, nothing else. A message that was cut off or holds quotes that are not escaped stays
//! as it is: what it meant would be a guess.

/// A message that a strict parser may now understand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Repaired {
    /// Without commas before a closing bracket, and with `null` for what is no number.
    pub(crate) text: String,
    /// Where in the text such a `null` stands.
    pub(crate) nans: Vec<usize>,
}

/// Drops a comma that stands between a value and a closing bracket, and writes `null` for `nan` and `inf`;
/// all other text stays to the byte. `None` if it is no UTF-8.
pub(crate) fn repair(payload: &[u8]) -> Option<Repaired> {
    let mut rest = str::from_utf8(payload).ok()?;
    let (mut text, mut nans) = (String::with_capacity(rest.len()), Vec::new());
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string(rest),
            ',' if closes(&rest[1..]) && ends_a_value(&text) => {
                rest = &rest[1..];
                continue;
            }
            _ => match no_number(rest, &text) {
                Some(length) => {
                    nans.push(text.len());
                    text.push_str("null");
                    rest = &rest[length..];
                    continue;
                }
                None => first.len_utf8(),
            },
        };
        text.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    Some(Repaired { text, nans })
}

/// Bytes of the string with which the text begins, as far as it goes.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return index + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

fn closes(rest: &str) -> bool {
    rest.trim_start().starts_with(['}', ']'])
}

fn ends_a_value(before: &str) -> bool {
    before.trim_end().chars().next_back().is_some_and(|last| !matches!(last, '{' | '[' | ',' | ':'))
}

/// Bytes of `nan` or `inf`, where a value is to be.
fn no_number(rest: &str, before: &str) -> Option<usize> {
    let bare = rest.strip_prefix('-').unwrap_or(rest);
    let after = bare.strip_prefix("nan").or_else(|| bare.strip_prefix("inf"))?;
    let alone = after.trim_start().starts_with([',', '}', ']']);
    let awaited = before.trim_end().ends_with([':', '[', ',']);
    (alone && awaited).then(|| rest.len() - after.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn repaired(text: &str) -> String {
        repair(text.as_bytes()).unwrap().text
    }

    #[test]
    fn only_commas_and_what_is_no_number_change() {
        for (text, right) in [
            (r#"{"a":[1,2,],"b":{"c":1, } , }"#, r#"{"a":[1,2],"b":{"c":1 }  }"#),
            (r#"{"a":nan,"b":[-inf,inf , nan]}"#, r#"{"a":null,"b":[null,null , null]}"#),
            (r#"{"a":",}","b\",]":"nan"}"#, r#"{"a":",}","b\",]":"nan"}"#),
            ("[,] {,} [1,,] [1,", "[,] {,} [1,,] [1,"),
            ("[nan1,nan x,infinity]", "[nan1,nan x,infinity]"),
            (r#"{"a":"b"#, r#"{"a":"b"#),
        ] {
            assert_eq!(repaired(text), right, "{text}");
        }
        assert_eq!(repair(b"[nan,1,inf]").unwrap().nans, [1, 8]);
        assert_eq!(repair(b"\"\xff\""), None);
    }

    proptest! {
        #[test]
        fn what_is_right_stays_as_it_is(text in "[\\[\\]{},:\"\\\\ nai f1-]{0,40}") {
            if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
                prop_assert_eq!(repaired(&text), text);
            }
        }
    }
}
