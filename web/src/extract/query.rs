//! Query parameters with all the spellings that clients use (contract `clients.md` D7): an empty value
//! is absent, `True` is `true`, `nodeid` is `node_id` where that is absent, stray `&` don't matter. The first
//! of several equal names counts.

use std::collections::HashMap;

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use schemars::JsonSchema;
use serde::{
    Deserialize,
    de::{
        DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor,
        value::{Error as Misfit, MapDeserializer},
    },
    forward_to_deserialize_any,
};
use shared::{Refusal, id::NodeId, port::table::Cursor};

use crate::{
    App, Failure,
    openapi::{Input, Operation},
};

/// A query read as a `T`: fields of text, of numbers, and of booleans, which are false unless `true` in any
/// letter case. What may be missing is an `Option`.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> Query<T> {
    /// Parses the text behind `?`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let mut params = HashMap::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()).filter(|(_, value)| !value.is_empty()) {
            params.entry(name.into_owned()).or_insert_with(|| Text(value.into_owned()));
        }
        if let Some(id) = params.remove("nodeid") {
            params.entry("node_id".to_owned()).or_insert(id);
        }
        let parsed = T::deserialize(MapDeserializer::new(params.into_iter()));
        parsed.map(Self).map_err(|misfit: Misfit| Refusal::InvalidRequest(misfit.to_string()))
    }
}

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Failure> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default())?)
    }
}

impl<T: JsonSchema> Input for Query<T> {
    fn describe(operation: &mut Operation) {
        operation.query::<T>();
        operation.refuse(StatusCode::BAD_REQUEST);
    }
}

/// The node that a query names.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct OfNode {
    /// The node.
    node_id: Option<String>,
}

impl OfNode {
    /// Its id, if one is given.
    pub fn id(&self) -> Result<Option<NodeId>, Refusal> {
        self.node_id.as_ref().map(|id| id.parse().map_err(|_| Refusal::NotYourNode)).transpose()
    }
}

/// The page that a query asks for.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct OfPage {
    /// The most entries; nonsense counts as none given.
    #[schemars(with = "Option<u32>")]
    num_records: Option<String>,
    /// Where the page before ended: its `next_id`.
    start_id: Option<String>,
}

impl OfPage {
    /// The most entries, which are so many if that is not said, and where to start.
    pub fn limits_or(&self, unsaid: usize, most: usize) -> Result<(usize, Option<Cursor>), Refusal> {
        let (limit, start) = self.limits(most)?;
        Ok((if self.num_records.is_some() { limit } else { unsaid }, start))
    }

    /// The most entries, and where to start.
    pub fn limits(&self, most: usize) -> Result<(usize, Option<Cursor>), Refusal> {
        let limit = self.num_records.as_ref().and_then(|number| number.parse().ok()).filter(|number| (1..=most).contains(number));
        let start = self.start_id.as_ref().map(|start| start.parse()).transpose().map_err(|_| Refusal::InvalidStart)?;
        Ok((limit.unwrap_or(most), start))
    }
}

/// A value, still as text.
struct Text(String);

impl IntoDeserializer<'_, Misfit> for Text {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! parsed {
    ($($deserialize:ident $visit:ident)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            // What was sent is not quoted: it could be a secret.
            visitor.$visit(self.0.parse().map_err(|_| Misfit::custom("a number in the query is none, or out of range"))?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Text {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_string(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_bool(self.0.eq_ignore_ascii_case("true"))
    }

    parsed!(deserialize_u32 visit_u32 deserialize_u64 visit_u64 deserialize_i64 visit_i64);

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    struct Filter {
        #[serde(flatten)]
        node: OfNode,
        #[serde(flatten)]
        page: OfPage,
        request_id: Option<String>,
        x: Option<String>,
        custom_data: Option<bool>,
        node_details: Option<bool>,
        none: Option<bool>,
        start_time: Option<i64>,
    }

    fn filter(text: &str) -> Filter {
        Query::parse(text).unwrap().0
    }

    #[test]
    fn the_spellings_of_real_clients_are_understood() {
        let query = filter("&request_id=a%40b&start_id=&custom_data=undefined&node_details=True&node_details=false&x=a,b@c&unknown=1");
        assert_eq!(query.request_id.as_deref(), Some("a@b"));
        assert_eq!(query.page.start_id, None);
        assert_eq!((query.custom_data, query.node_details, query.none), (Some(false), Some(true), None));
        assert_eq!(query.x.as_deref(), Some("a,b@c"));
        for text in ["node_id=n1", "nodeid=n1", "nodeid=n2&node_id=n1"] {
            assert_eq!(filter(text).node.id().unwrap().unwrap().as_str(), "n1");
        }
        assert_eq!(filter("node_id=a/b").node.id(), Err(Refusal::NotYourNode));
    }

    #[test]
    fn numbers_are_numbers() {
        assert_eq!((filter("start_time=-5").start_time, filter("start_time=").start_time), (Some(-5), None));
        for odd in ["x", "1.5", "99999999999999999999"] {
            assert!(
                matches!(Query::<Filter>::parse(&format!("start_time={odd}")), Err(Refusal::InvalidRequest(why)) if !why.contains(odd))
            );
        }
    }

    #[test]
    fn pages_are_bounded() {
        assert_eq!(filter("num_records=7").page.limits(100).unwrap().0, 7);
        for odd in ["", "num_records=0", "num_records=101", "num_records=-1", "num_records=x"] {
            assert_eq!(filter(odd).page.limits(100).unwrap().0, 100, "{odd}");
        }
        let cursor = Cursor::at("node#n1");
        assert_eq!(filter(&format!("start_id={cursor}")).page.limits(1).unwrap().1, Some(cursor));
        assert_eq!(filter("start_id=***").page.limits(1), Err(Refusal::InvalidStart));
    }
}
