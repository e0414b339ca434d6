//! Query parameters with all the spellings that clients use (contract `clients.md` D7): an empty value
//! is absent, `True` is `true`, `nodeid` is `node_id`, stray `&` don't matter. The first of several
//! equal names counts.

use std::{collections::HashMap, convert::Infallible, str::FromStr};

use axum::{extract::FromRequestParts, http::request::Parts};
use shared::{Refusal, id::NodeId, port::table::Cursor};

use crate::App;

/// The parameters of a request.
#[derive(Clone, Debug, Default)]
pub struct Query(HashMap<String, String>);

impl Query {
    /// Parses the text behind `?`.
    pub fn parse(text: &str) -> Self {
        let mut params = HashMap::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()).filter(|(_, value)| !value.is_empty()) {
            params.entry(name.into_owned()).or_insert_with(|| value.into_owned());
        }
        Self(params)
    }

    /// One percent-encoded text, as it stands in a query.
    pub fn decode(text: &str) -> String {
        let text = text.replace('&', "%26").replace('=', "%3D");
        form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
    }

    /// A path with those of these parameters that are there.
    pub fn path(&self, path: &str, names: &[&str]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(names.iter().filter_map(|name| Some((name, self.get(name)?))));
        format!("{path}?{}", query.finish())
    }

    /// A parameter's value, never empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Is it said to be true? Anything but `true` in any letter case is not.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The node that is meant, if one is.
    pub fn node_id(&self) -> Result<Option<NodeId>, Refusal> {
        let id = self.get("node_id").or_else(|| self.get("nodeid"));
        id.map(|id| id.parse().map_err(|_| Refusal::NotYourNode)).transpose()
    }

    /// The page that is asked for: the most entries (`num_records`; nonsense counts as none given), and
    /// where the page before ended (`start_id`).
    pub fn page(&self, most: usize) -> Result<(usize, Option<Cursor>), Refusal> {
        let limit = self.get("num_records").and_then(|number| number.parse().ok()).filter(|number| (1..=most).contains(number));
        let start = self.get("start_id").map(Cursor::from_str).transpose().map_err(|_| Refusal::InvalidStart)?;
        Ok((limit.unwrap_or(most), start))
    }
}

impl FromRequestParts<App> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spellings_of_real_clients_are_understood() {
        let query = Query::parse("&request_id=a%40b&start_id=&custom_data=undefined&node_details=True&node_details=false&x=a,b@c");
        assert_eq!(query.get("request_id"), Some("a@b"));
        assert_eq!(query.get("start_id"), None);
        assert_eq!((query.flag("custom_data"), query.flag("node_details"), query.flag("none")), (Some(false), Some(true), None));
        assert_eq!(query.get("x"), Some("a,b@c"));
        for text in ["node_id=n1", "nodeid=n1"] {
            assert_eq!(Query::parse(text).node_id().unwrap().unwrap().as_str(), "n1");
        }
        assert_eq!(Query::parse("node_id=a/b").node_id(), Err(Refusal::NotYourNode));
    }

    #[test]
    fn texts_are_decoded_and_params_picked() {
        assert_eq!(Query::decode("a%20b+c&d=e%3D%"), "a b c&d=e=%");
        assert_eq!(Query::parse("b=2+%26&a=1&c=3").path("/x", &["a", "b", "z"]), "/x?a=1&b=2+%26");
    }

    #[test]
    fn pages_are_bounded() {
        assert_eq!(Query::parse("num_records=7").page(100).unwrap().0, 7);
        for odd in ["", "num_records=0", "num_records=101", "num_records=-1", "num_records=x"] {
            assert_eq!(Query::parse(odd).page(100).unwrap().0, 100, "{odd}");
        }
        let cursor = Cursor::at("node#n1");
        assert_eq!(Query::parse(&format!("start_id={cursor}")).page(1).unwrap().1, Some(cursor));
        assert_eq!(Query::parse("start_id=***").page(1), Err(Refusal::InvalidStart));
    }
}
