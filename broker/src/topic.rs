//! The rules for topic names and filters.

use crate::Limits;

/// Whether this is a topic name one may publish to.
pub(crate) fn valid_name(name: &str, limits: &Limits) -> bool {
    within(name, limits) && !name.contains(['+', '#'])
}

/// Whether this is a filter: `+` and `#` stand alone in their level, `#` only in the last one.
pub(crate) fn valid_filter(filter: &str, limits: &Limits) -> bool {
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let wildcard = level.contains(['+', '#']);
        if wildcard && (level.len() > 1 || (level == "#" && levels.peek().is_some())) {
            return false;
        }
    }
    within(filter, limits)
}

fn within(topic: &str, limits: &Limits) -> bool {
    !topic.is_empty()
        && topic.len() <= limits.topic_bytes
        && !topic.contains('\0')
        && topic.bytes().filter(|byte| *byte == b'/').count() < limits.topic_levels
}

/// A filter, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Filter<'a> {
    /// Name of the group of a shared subscription.
    pub(crate) group: Option<&'a str>,
    /// What topics are compared with.
    pub(crate) filter: &'a str,
}

/// Takes `$share/<group>/<filter>` apart; none if it is not valid.
pub(crate) fn parse_filter<'a>(whole: &'a str, limits: &Limits) -> Option<Filter<'a>> {
    let parsed = split_filter(whole)?;
    (valid_filter(parsed.filter, limits) && whole.len() <= limits.topic_bytes).then_some(parsed)
}

/// Takes a filter apart that was found valid before.
pub(crate) fn split_filter(whole: &str) -> Option<Filter<'_>> {
    let Some(shared) = whole.strip_prefix("$share/") else {
        return Some(Filter { group: None, filter: whole });
    };
    let (group, filter) = shared.split_once('/')?;
    let valid = !group.is_empty() && !group.contains(['+', '#', '\0']);
    valid.then_some(Filter { group: Some(group), filter })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let limits = Limits { topic_bytes: 10, topic_levels: 3, ..Limits::default() };
        for good in ["a", "/", "a/b/c", "$a/b", "a b", "0123456789"] {
            assert!(valid_name(good, &limits), "{good}");
        }
        for bad in ["", "a/+", "#", "a#", "a\0", "a/b/c/d", "01234567890"] {
            assert!(!valid_name(bad, &limits), "{bad}");
        }
    }

    #[test]
    fn filters() {
        let limits = Limits::default();
        for good in ["a", "+", "#", "a/+/b", "a/#", "+/+/#", "/#", "$a/#"] {
            assert!(parse_filter(good, &limits).is_some(), "{good}");
        }
        for bad in ["", "a+", "a/#/b", "#/", "a/b#", "++", "$share/g", "$share//a", "$share/+/a", "$share/g/", "a\0"] {
            assert!(parse_filter(bad, &limits).is_none(), "{bad}");
        }
        let shared = parse_filter("$share/g/a/+", &limits).unwrap();
        assert_eq!(shared, Filter { group: Some("g"), filter: "a/+" });
    }
}
