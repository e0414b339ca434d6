//! Which of a user's nodes a list is to hold, by their tags (contract `rest-1.md`, `GET /v1/user/nodes`).

use std::str::FromStr;

use crate::Refusal;

/// Tags that a filter may name.
const MAX_TERMS: usize = 20;

/// Tags joined by one kind of operator: `location:pune OR location:delhi`, `a:1 AND b:2`, or a single tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagFilter {
    tags: Vec<String>,
    all: bool,
}

impl TagFilter {
    /// Does a node with these tags fit?
    pub fn fits(&self, tags: &[String]) -> bool {
        let has = |tag: &String| tags.contains(tag);
        if self.all { self.tags.iter().all(has) } else { self.tags.iter().any(has) }
    }
}

impl FromStr for TagFilter {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let words: Vec<_> = text.split_whitespace().collect();
        let all = words.contains(&"AND");
        if all && words.contains(&"OR") {
            return Err(Refusal::MixedOperators);
        }
        // A tag may hold white space, and the operators stand between tags as words of their own.
        let tags: Vec<_> = words.split(|word| matches!(*word, "AND" | "OR")).map(|words| words.join(" ")).collect();
        if tags.len() > MAX_TERMS {
            return Err(Refusal::InvalidTags(format!("a filter names at most {MAX_TERMS} tags")));
        }
        if tags.iter().any(|tag| !tag.contains(':')) {
            return Err(Refusal::InvalidTags("a filter names tags as key:value".to_owned()));
        }
        Ok(Self { tags, all })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_kind_of_operator_joins_tags() {
        let tags = ["a:1", "b:two words", "c:3"].map(str::to_owned);
        for (filter, fits) in [
            ("a:1", true),
            (" a:1 ", true),
            ("a:2", false),
            ("a:2 OR c:3", true),
            ("a:1 AND c:3", true),
            ("a:1 AND c:4", false),
            ("b:two  words OR x:y", true),
            ("A:1", false),
        ] {
            assert_eq!(filter.parse::<TagFilter>().unwrap().fits(&tags), fits, "{filter}");
        }
        assert_eq!("a:1 AND b:2 OR c:3".parse::<TagFilter>(), Err(Refusal::MixedOperators));
        for bad in ["a", "AND", "a:1 OR", "a:1 OR OR b:2", "a:1 or b", &["a:1"; 21].join(" OR ")] {
            let parsed = bad.parse::<TagFilter>();
            assert!(matches!(parsed, Err(Refusal::InvalidTags(_))) || bad == "a:1 or b", "{bad}: {parsed:?}");
        }
    }
}
