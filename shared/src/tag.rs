//! Tags: `key:value`, a few for each thing that has them.

use crate::Refusal;

/// Tags that one thing may have.
pub(crate) const MAX_TAGS: usize = 50;
/// Bytes of a tag.
pub(crate) const MAX_LENGTH: usize = 256;

/// Is it one?
pub(crate) fn is_tag(tag: &str) -> bool {
    let (name, value) = tag.split_once(':').unwrap_or_default();
    !name.trim().is_empty() && !value.trim().is_empty() && tag.len() <= MAX_LENGTH && !tag.contains(char::is_control)
}

/// Checks tags that were given; one given twice counts once.
pub(crate) fn parse(tags: &[String]) -> Result<Vec<String>, Refusal> {
    if !tags.iter().all(|tag| is_tag(tag)) {
        return Err(Refusal::InvalidUserTags);
    }
    add(Vec::new(), tags).ok_or(Refusal::InvalidUserTags)
}

/// With these at the end, if they are new. `None` as soon as there are too many, so that a long list is not
/// held against itself.
pub(crate) fn add(mut own: Vec<String>, tags: &[String]) -> Option<Vec<String>> {
    for tag in tags {
        if !own.contains(tag) {
            own.push(tag.clone());
        }
        if own.len() > MAX_TAGS {
            return None;
        }
    }
    Some(own)
}

/// Without these.
pub(crate) fn remove(mut own: Vec<String>, tags: &[String]) -> Vec<String> {
    own.retain(|tag| !tags.contains(tag));
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|&tag| tag.to_owned()).collect()
    }

    #[test]
    fn tags_are_a_set_in_the_order_of_arrival() {
        let own = add(parse(&tags(&["a:1", "b:2", "a:1"])).unwrap(), &tags(&["c:3", "a:1"])).unwrap();
        assert_eq!(own, ["a:1", "b:2", "c:3"]);
        assert_eq!(remove(own, &tags(&["b:2", "x:1"])), ["a:1", "c:3"]);
    }

    #[test]
    fn a_tag_is_a_key_and_a_value() {
        assert!(parse(&tags(&["esp.location:New Delhi", "url:http://x"])).is_ok());
        for bad in ["", ":", "a", "a:", ":b", " : ", "a:b\n", &format!("a:{}", "x".repeat(255))] {
            assert_eq!(parse(&tags(&[bad])), Err(Refusal::InvalidUserTags), "{bad:?}");
        }
        let many: Vec<_> = (0..=MAX_TAGS).map(|number| format!("t:{number}")).collect();
        assert_eq!(parse(&many), Err(Refusal::InvalidUserTags));
    }
}
