//! What an app may say beside a mapping (contract `rest-1.md`, mapping): tags, metadata and a group.

use serde_json::{Map, Value};

use crate::{Refusal, Result};

/// Tags that may come at once.
const MAX_TAGS: usize = 100;
/// Bytes of all of it as JSON.
const MAX_BYTES: usize = 32 * 1024;

/// Beside a mapping.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extras {
    /// `name:value` each.
    pub tags: Vec<String>,
    /// An object of the app's own.
    pub metadata: Option<Map<String, Value>>,
}

impl Extras {
    /// Bounds what came.
    ///
    /// Refusals: [`Refusal::NoSuchGroup`] for any group, because this cloud has none;
    /// [`Refusal::InvalidBody`] if it is too much.
    pub fn new(tags: Option<Vec<String>>, metadata: Option<Map<String, Value>>, group_id: Option<&str>) -> Result<Self> {
        if group_id.is_some_and(|id| !id.is_empty()) {
            return Err(Refusal::NoSuchGroup.into());
        }
        let tags = tags.unwrap_or_default();
        let size =
            tags.iter().map(String::len).sum::<usize>() + metadata.as_ref().map_or(0, |all| Value::from(all.clone()).to_string().len());
        if tags.len() > MAX_TAGS || size > MAX_BYTES {
            return Err(Refusal::InvalidBody("tags and metadata are too large".to_owned()).into());
        }
        Ok(Self { tags, metadata })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn what_comes_is_bounded_and_groups_are_refused() {
        let metadata = |bytes| Some(Map::from_iter([("k".to_owned(), Value::from("x".repeat(bytes)))]));
        assert_eq!(Extras::new(None, None, Some("")).unwrap(), Extras::default());
        assert_eq!(Extras::new(Some(vec!["a:b".to_owned()]), metadata(10), None).unwrap().tags, ["a:b"]);
        assert!(matches!(Extras::new(None, None, Some("g1")), Err(Error::Refused(Refusal::NoSuchGroup))));
        for (tags, metadata) in
            [(Some(vec![String::new(); 101]), None), (None, metadata(MAX_BYTES)), (Some(vec!["x".repeat(MAX_BYTES + 1)]), None)]
        {
            assert!(matches!(Extras::new(tags, metadata, None), Err(Error::Refused(Refusal::InvalidBody(_)))));
        }
    }
}
