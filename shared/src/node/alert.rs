//! Alerts: what a node wants its users told at once (contract `mqtt-and-node.md` §2.7).

use crate::params::{Values, report};

/// What a node says.
#[derive(Clone, Debug)]
pub enum Alert {
    /// A sentence.
    Text(String),
    /// Values of params; the same come on `params/local` right after, so they are not stored from here.
    Params(Values),
}

const OPENS: &str = r#"{"esp.alert.str":""#;
const CLOSES: &str = r#""}"#;

/// Parses an alert; `None` if it is neither of both. The firmware does not escape the sentence, but writes it
/// alone between the same bytes, so it is whatever stands there.
pub fn parse(payload: &[u8]) -> Option<Alert> {
    let text = str::from_utf8(payload).ok()?.trim();
    if let Some(sentence) = text.strip_prefix(OPENS).and_then(|rest| rest.strip_suffix(CLOSES)) {
        return Some(Alert::Text(sentence.to_owned()));
    }
    if text.starts_with(OPENS) {
        return None;
    }
    report::parse(payload).map(Alert::Params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_are_understood() {
        for (payload, sentence) in [
            (r#"{"esp.alert.str":"Water leak below the sink"}"#, "Water leak below the sink"),
            (r#"{"esp.alert.str":"Bob"s \lamp"}"#, r#"Bob"s \lamp"#),
            (r#"{"esp.alert.str":""}"#, ""),
        ] {
            let Some(Alert::Text(text)) = parse(payload.as_bytes()) else { panic!("{payload}") };
            assert_eq!(text, sentence);
        }
        let Some(Alert::Params(values)) = parse(br#"{"Hallway Sensor":{"Motion":true}}"#) else { panic!("params") };
        assert_eq!(values["Hallway Sensor"]["Motion"].get(), "true");
        for bad in [r#"{"esp.alert.str":"cut o"#, "leak", "[]", ""] {
            assert!(parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
