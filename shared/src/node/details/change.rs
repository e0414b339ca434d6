//! Changes to what a node was given, by those who have it.

use serde::{Deserialize, Serialize};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use super::{AdminAccess, Given, MAX_METADATA, Metadata, text};
use crate::{
    Ports, Refusal,
    access::{
        Caller,
        association::Association,
        grant::{self, Granted},
        role::{RoleName, Secondary},
    },
    port::table::Batch,
    tag::{self, MAX_LENGTH, MAX_TAGS},
};

/// Tries against other changes at the same moment.
const TRIES: usize = 10;

/// A change that was checked: tags that are added, what happens to the metadata, what administrators may do.
#[derive(Clone, Debug, Default)]
pub struct Change {
    tags: Vec<String>,
    metadata: Option<Merge>,
    admin_access: Option<AdminAccess>,
}

#[derive(Clone, Debug)]
enum Merge {
    /// All of it goes.
    Drop,
    /// Key by key, also inside of objects: a value in place of the one before, `null` drops the key.
    Keys(Metadata),
}

/// How a change waits in a record.
#[derive(Serialize, Deserialize)]
struct Waiting {
    tags: Vec<String>,
    metadata: Metadata,
}

impl Change {
    /// The change of a request: each part may be missing; `metadata` is an object or `null`.
    ///
    /// Refusals: [`Refusal::InvalidTags`], [`Refusal::InvalidBody`], [`Refusal::TooMuchData`],
    /// [`Refusal::InvalidAdminAccess`].
    pub fn new(tags: Vec<String>, metadata: Option<&RawValue>, admin_access: Option<&str>) -> Result<Self, Refusal> {
        check_tags(&tags)?;
        let metadata = metadata.map(parse_metadata).transpose()?;
        let admin_access = admin_access.map(|word| AdminAccess::of(word).ok_or(Refusal::InvalidAdminAccess)).transpose()?;
        let change = Self { tags, metadata, admin_access };
        Given::default().with(&change)?;
        Ok(change)
    }

    /// The tags and the metadata as JSON, to wait in a record.
    pub(crate) fn to_json(&self) -> crate::Result<String> {
        let metadata = match &self.metadata {
            Some(Merge::Keys(metadata)) => metadata.clone(),
            Some(Merge::Drop) | None => Metadata::new(),
        };
        text(&Waiting { tags: self.tags.clone(), metadata })
    }

    /// Reads what waited.
    pub(crate) fn from_json(text: &str) -> Option<Self> {
        let Waiting { tags, metadata } = serde_json::from_str(text).ok()?;
        Some(Self { tags, metadata: Some(Merge::Keys(metadata)), admin_access: None })
    }

    /// Is there anything in it?
    pub(crate) fn is_empty(&self) -> bool {
        let nothing = match &self.metadata {
            Some(Merge::Keys(metadata)) => metadata.is_empty(),
            Some(Merge::Drop) => false,
            None => true,
        };
        nothing && self.tags.is_empty() && self.admin_access.is_none()
    }
}

fn check_tags(tags: &[String]) -> Result<(), Refusal> {
    if tags.iter().all(|tag| tag::is_tag(tag)) {
        Ok(())
    } else {
        Err(Refusal::InvalidTags(format!("a tag is key:value, of at most {MAX_LENGTH} bytes")))
    }
}

fn parse_metadata(metadata: &RawValue) -> Result<Merge, Refusal> {
    // With what it drops it may be longer than what stays.
    if metadata.get().len() > 2 * MAX_METADATA {
        return Err(too_much());
    }
    // Also finds what is nested more deeply than readers of JSON follow.
    match serde_json::from_str(metadata.get()) {
        Ok(Value::Null) => Ok(Merge::Drop),
        Ok(Value::Object(_)) => serde_json::from_str(metadata.get()).map(Merge::Keys).map_err(|_| not_an_object()),
        _ => Err(not_an_object()),
    }
}

/// Merges as device shadows do, which the command line promises: objects key by key, all else in place of what
/// was there.
fn merge(into: &mut Metadata, keys: &Metadata) -> Result<(), Refusal> {
    for (name, value) in keys {
        if value.get() == "null" {
            into.remove(name);
        } else if let Some(inner) = object(value) {
            let mut before = into.get(name).and_then(|before| object(before)).unwrap_or_default();
            merge(&mut before, &inner)?;
            into.insert(name.clone(), to_raw_value(&before).map_err(|_| not_an_object())?);
        } else {
            into.insert(name.clone(), value.clone());
        }
    }
    Ok(())
}

fn object(value: &RawValue) -> Option<Metadata> {
    value.get().starts_with('{').then(|| serde_json::from_str(value.get()).ok())?
}

fn too_much() -> Refusal {
    Refusal::TooMuchData(format!("metadata has at most {MAX_METADATA} bytes"))
}

fn not_an_object() -> Refusal {
    Refusal::InvalidBody("metadata is an object or null".to_owned())
}

impl Given {
    /// The same after a change.
    pub(super) fn with(&self, change: &Change) -> Result<Self, Refusal> {
        let mut given = self.clone();
        let too_many = || Refusal::InvalidTags(format!("a node has at most {MAX_TAGS} tags"));
        given.tags = tag::add(given.tags, &change.tags).ok_or_else(too_many)?;
        match &change.metadata {
            None => {}
            Some(Merge::Drop) => given.metadata.clear(),
            Some(Merge::Keys(keys)) => merge(&mut given.metadata, keys)?,
        }
        if given.metadata.iter().map(|(name, value)| name.len() + value.get().len()).sum::<usize>() > MAX_METADATA {
            return Err(too_much());
        }
        given.admin_access = change.admin_access.or(self.admin_access);
        Ok(given)
    }
}

/// Changes what the node was given. Administrators' access is a primary user's to grant:
/// [`Refusal::NotYoursToGrant`].
pub async fn change(ports: &Ports, caller: &Caller, granted: Granted<Secondary, Given>, change: &Change) -> crate::Result<()> {
    rewrite(ports, caller, granted, |association, given| {
        if change.admin_access.is_some() && association.role != RoleName::Primary {
            return Err(Refusal::NotYoursToGrant);
        }
        given.with(change)
    })
    .await
}

/// Takes tags away; those that the node does not have are no error.
pub async fn remove_tags(ports: &Ports, caller: &Caller, granted: Granted<Secondary, Given>, tags: &[String]) -> crate::Result<()> {
    check_tags(tags)?;
    rewrite(ports, caller, granted, |_, given| Ok(Given { tags: tag::remove(given.tags.clone(), tags), ..given.clone() })).await
}

/// Writes what the change makes of it; made anew, under a grant of that moment, where somebody else was
/// faster. No write if nothing changes.
async fn rewrite(
    ports: &Ports,
    caller: &Caller,
    mut granted: Granted<Secondary, Given>,
    change: impl Fn(&Association, &Given) -> Result<Given, Refusal>,
) -> crate::Result<()> {
    for _ in 0..TRIES {
        let Granted { grant, association, loaded: before } = granted;
        let after = change(&association, &before)?;
        if after.texts()? == before.texts()? {
            return Ok(());
        }
        match ports.table.write(Batch::of(after.write(grant.node(), before.unchanged())?)?).await {
            Err(error) if error.is_conflict() => granted = grant::grant(ports, caller, grant.node().clone()).await?,
            done => return Ok(done.map(drop)?),
        }
    }
    Err(Refusal::TooManyTries.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(tags: &[&str], metadata: &str) -> Result<Change, Refusal> {
        let metadata = RawValue::from_string(metadata.to_owned()).unwrap();
        Change::new(tags.iter().map(|tag| (*tag).to_owned()).collect(), Some(&metadata), None)
    }

    fn shown(given: &Given) -> (String, String) {
        (given.tags.join(","), serde_json::to_string(&given.metadata).unwrap())
    }

    #[test]
    fn tags_are_a_set_in_their_order_and_metadata_merges_by_key() {
        let first = Given::default().with(&change(&["b:1", "a:1", "b:1"], r#"{"n":27.30000,"l":[1,2],"o":{"x":1}}"#).unwrap()).unwrap();
        assert_eq!(shown(&first), ("b:1,a:1".to_owned(), r#"{"l":[1,2],"n":27.30000,"o":{"x":1}}"#.to_owned()));
        let second = first.with(&change(&["a:1", "c:d:e"], r#"{"l":[3],"o":null,"gone":null,"new":"ü"}"#).unwrap()).unwrap();
        assert_eq!(shown(&second), ("b:1,a:1,c:d:e".to_owned(), r#"{"l":[3],"n":27.30000,"new":"ü"}"#.to_owned()));
        assert_eq!(shown(&second.with(&change(&[], "{}").unwrap()).unwrap()), shown(&second));
        let inner = |metadata: &str| first.with(&change(&[], metadata).unwrap()).unwrap().metadata["o"].get().to_owned();
        assert_eq!(inner(r#"{"o":{"y":{"z":[1, 2.50]}}}"#), r#"{"x":1,"y":{"z":[1, 2.50]}}"#);
        assert_eq!((inner(r#"{"o":{"x":null,"none":{"z":null}}}"#), inner(r#"{"o":7}"#)), (r#"{"none":{}}"#.to_owned(), "7".to_owned()));
        assert_eq!(shown(&second.with(&change(&[], "null").unwrap()).unwrap()).1, "{}");
    }

    #[test]
    fn what_is_no_tag_or_metadata_or_too_much_is_refused() {
        let long = format!("k:{}", "x".repeat(MAX_LENGTH));
        for bad in ["", "a", "a:", ":b", " : ", "a:b\n", &long] {
            assert!(matches!(change(&[bad], "{}"), Err(Refusal::InvalidTags(_))), "{bad}");
        }
        let many: Vec<_> = (0..=MAX_TAGS).map(|number| format!("k:{number}")).collect();
        assert!(matches!(Change::new(many.clone(), None, None), Err(Refusal::InvalidTags(_))));
        assert!(Change::new(many[1..].to_vec(), None, None).is_ok());
        for bad in ["[]", "7", r#""x""#, &format!(r#"{{"a":{}1{}}}"#, "[".repeat(300), "]".repeat(300))] {
            assert!(matches!(change(&[], bad), Err(Refusal::InvalidBody(_))), "{bad}");
        }
        let large = |size: usize| change(&[], &format!(r#"{{"k":"{}"}}"#, "x".repeat(size)));
        assert!(matches!(large(MAX_METADATA), Err(Refusal::TooMuchData(_))) && large(MAX_METADATA - 3).is_ok());
        for word in ["read", "", "ALL"] {
            assert!(matches!(Change::new(Vec::new(), None, Some(word)), Err(Refusal::InvalidAdminAccess)), "{word}");
        }
    }

    #[test]
    fn a_change_waits_as_it_is() {
        let gift = change(&["a:1"], r#"{"n":1.50,"d":null}"#).unwrap();
        let waited = Change::from_json(&gift.to_json().unwrap()).unwrap();
        assert_eq!(shown(&Given::default().with(&waited).unwrap()), ("a:1".to_owned(), r#"{"n":1.50}"#.to_owned()));
        assert!(Change::default().is_empty() && change(&[], "{}").unwrap().is_empty() && !gift.is_empty());
    }
}
