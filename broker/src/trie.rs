//! A tree over the levels of topics, searched in both directions: stored filters that match a topic, and stored topics
//! that match a filter.

use std::{collections::HashMap, str::Split};

/// A value of the tree that may be empty; nodes without values and children are removed.
pub(crate) trait Vacant: Default {
    fn vacant(&self) -> bool;
}

#[derive(Debug, Default)]
pub(crate) struct Trie<T> {
    value: T,
    children: HashMap<Box<str>, Box<Self>>,
}

impl<T: Vacant> Trie<T> {
    /// Changes the value at this path, which is created before and removed afterwards as needed.
    pub(crate) fn change<R>(&mut self, path: &str, change: impl FnOnce(&mut T) -> R) -> R {
        self.change_below(path.split('/'), change)
    }

    fn change_below<R>(&mut self, mut path: Split<'_, char>, change: impl FnOnce(&mut T) -> R) -> R {
        let Some(level) = path.next() else {
            return change(&mut self.value);
        };
        if let Some(child) = self.children.get_mut(level) {
            let result = child.change_below(path, change);
            if child.unused() {
                self.children.remove(level);
                if self.children.capacity() > 16 + 4 * self.children.len() {
                    self.children.shrink_to_fit();
                }
            }
            return result;
        }
        let mut child = Box::<Self>::default();
        let result = child.change_below(path, change);
        if !child.unused() {
            self.children.insert(level.into(), child);
        }
        result
    }

    fn unused(&self) -> bool {
        self.children.is_empty() && self.value.vacant()
    }

    /// Visits the values of all stored filters that match this topic.
    pub(crate) fn filters_matching<'a>(&'a self, topic: &str, visit: &mut impl FnMut(&'a T)) {
        self.match_topic(topic.split('/'), !topic.starts_with('$'), visit);
    }

    fn match_topic<'a>(&'a self, mut topic: Split<'_, char>, wild: bool, visit: &mut impl FnMut(&'a T)) {
        if wild && let Some(rest) = self.children.get("#") {
            visit(&rest.value);
        }
        let Some(level) = topic.next() else {
            visit(&self.value);
            return;
        };
        if let Some(child) = self.children.get(level) {
            child.match_topic(topic.clone(), true, visit);
        }
        if wild && let Some(child) = self.children.get("+") {
            child.match_topic(topic, true, visit);
        }
    }

    /// Visits the values of all stored topics that match this filter.
    pub(crate) fn topics_matching<'a>(&'a self, filter: &str, visit: &mut impl FnMut(&'a T)) {
        self.match_filter(filter.split('/'), true, visit);
    }

    fn match_filter<'a>(&'a self, mut filter: Split<'_, char>, first: bool, visit: &mut impl FnMut(&'a T)) {
        let visible = |level: &str| !(first && level.starts_with('$'));
        match filter.next() {
            None => visit(&self.value),
            Some("#") => {
                visit(&self.value);
                for (_, child) in self.children.iter().filter(|(level, _)| visible(level)) {
                    child.all(visit);
                }
            }
            Some("+") => {
                for (_, child) in self.children.iter().filter(|(level, _)| visible(level)) {
                    child.match_filter(filter.clone(), false, visit);
                }
            }
            Some(level) => {
                if let Some(child) = self.children.get(level) {
                    child.match_filter(filter, false, visit);
                }
            }
        }
    }

    fn all<'a>(&'a self, visit: &mut impl FnMut(&'a T)) {
        visit(&self.value);
        for child in self.children.values() {
            child.all(visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Vacant for Option<String> {
        fn vacant(&self) -> bool {
            self.is_none()
        }
    }

    fn trie(paths: &[&str]) -> Trie<Option<String>> {
        let mut trie = Trie::default();
        for path in paths {
            trie.change(path, |value| *value = Some((*path).to_owned()));
        }
        trie
    }

    fn found(search: impl FnOnce(&mut Vec<String>)) -> Vec<String> {
        let mut found = Vec::new();
        search(&mut found);
        found.sort();
        found
    }

    /// The definition, level by level, to compare the tree with.
    fn matches(filter: &str, topic: &str) -> bool {
        if topic.starts_with('$') && filter.starts_with(['+', '#']) {
            return false;
        }
        let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
        loop {
            match (filter.next(), topic.next()) {
                (Some("#"), _) | (None, None) => return true,
                (Some("+"), Some(_)) => {}
                (Some(a), Some(b)) if a == b => {}
                _ => return false,
            }
        }
    }

    #[test]
    fn both_directions_agree_with_the_definition() {
        let levels = ["a", "b", "$s", ""];
        let mut topics = Vec::new();
        for a in levels {
            topics.push(a.to_owned());
            for b in levels {
                topics.push(format!("{a}/{b}"));
                topics.extend(levels.map(|c| format!("{a}/{b}/{c}")));
            }
        }
        topics.retain(|topic| !topic.is_empty());
        let mut filters = topics.clone();
        for topic in &topics {
            filters.push(topic.replace('a', "+"));
            filters.push(format!("{}/#", topic.replace('b', "+")));
        }
        filters.push("#".to_owned());
        filters.sort();
        filters.dedup();

        let by_filter = trie(&filters.iter().map(String::as_str).collect::<Vec<_>>());
        let by_topic = trie(&topics.iter().map(String::as_str).collect::<Vec<_>>());
        for topic in &topics {
            let expected: Vec<_> = filters.iter().filter(|filter| matches(filter, topic)).cloned().collect();
            let found = found(|found| by_filter.filters_matching(topic, &mut |value| found.extend(value.clone())));
            assert_eq!(found, expected, "filters for {topic}");
        }
        topics.sort();
        for filter in &filters {
            let expected: Vec<_> = topics.iter().filter(|topic| matches(filter, topic)).cloned().collect();
            let found = found(|found| by_topic.topics_matching(filter, &mut |value| found.extend(value.clone())));
            assert_eq!(found, expected, "topics for {filter}");
        }
    }

    #[test]
    fn removal_leaves_nothing_behind() {
        let paths = ["a/b/c", "a/b", "a/+/#", "d"];
        let mut trie = trie(&paths);
        trie.change("not/there", |value| *value = None);
        for path in paths {
            trie.change(path, |value| *value = None);
        }
        assert!(trie.unused());
    }
}
