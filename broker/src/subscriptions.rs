//! Who is subscribed to what.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    QoS,
    session::Session,
    topic::Filter,
    trie::{Trie, Vacant},
};

/// Options of one subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) qos: QoS,
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
    pub(crate) retain_handling: RetainHandling,
    pub(crate) id: Option<NonZeroU32>,
}

/// When retained messages are sent on SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetainHandling {
    Always,
    IfNew,
    Never,
}

/// A subscription a message has to go to.
#[derive(Clone)]
pub(crate) struct Subscription {
    pub(crate) session: Arc<Session>,
    pub(crate) options: Options,
}

impl Subscription {
    pub(crate) fn key(&self) -> usize {
        key(&self.session)
    }
}

fn key(session: &Arc<Session>) -> usize {
    Arc::as_ptr(session).addr()
}

/// Subscriptions of one filter, ordered by session so that each is found quickly.
#[derive(Default)]
struct Members(Vec<Subscription>);

impl Members {
    /// Whether it is a new one.
    fn put(&mut self, subscription: Subscription) -> bool {
        match self.0.binary_search_by_key(&subscription.key(), Subscription::key) {
            Ok(at) => {
                self.0[at] = subscription;
                false
            }
            Err(at) => {
                self.0.insert(at, subscription);
                true
            }
        }
    }

    fn take(&mut self, session: &Arc<Session>) -> bool {
        let found = self.0.binary_search_by_key(&key(session), Subscription::key);
        if let Ok(at) = found {
            self.0.remove(at);
            if self.0.capacity() > 16 + 4 * self.0.len() {
                self.0.shrink_to_fit();
            }
        }
        found.is_ok()
    }
}

/// A shared subscription: each message goes to one of its members.
struct Group {
    name: Box<str>,
    members: Members,
    next: AtomicUsize,
}

impl Group {
    /// The next member in turn, connected ones first.
    fn choose(&self) -> Option<&Subscription> {
        let members = &self.members.0;
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let in_turn = |step: usize| &members[(start.wrapping_add(step)) % members.len()];
        let connected = (0..members.len()).map(in_turn).find(|member| member.session.online());
        connected.or_else(|| (!members.is_empty()).then(|| in_turn(0)))
    }
}

#[derive(Default)]
struct Subscribers {
    members: Members,
    // Rare, so it takes no more room than a pointer where there are none.
    #[expect(clippy::box_collection, reason = "an empty one is 8 bytes instead of 24, on every node")]
    groups: Option<Box<Vec<Group>>>,
}

impl Vacant for Subscribers {
    fn vacant(&self) -> bool {
        self.members.0.is_empty() && self.groups.is_none()
    }
}

/// What a topic matches.
#[derive(Default)]
pub(crate) struct Matches {
    /// Ordered by session; a session is in it once for each of its matching filters.
    pub(crate) each: Vec<Subscription>,
    /// One for each group.
    pub(crate) shared: Vec<Subscription>,
}

/// All subscriptions of a broker.
#[derive(Default)]
pub(crate) struct Subscriptions {
    trie: Trie<Subscribers>,
    count: usize,
}

impl Subscriptions {
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Adds or replaces; says whether it is a new one.
    pub(crate) fn put(&mut self, filter: Filter<'_>, subscription: Subscription) -> bool {
        let new = self.trie.change(filter.filter, |here| {
            let Some(name) = filter.group else {
                return here.members.put(subscription);
            };
            let groups = here.groups.get_or_insert_default();
            if let Some(group) = groups.iter_mut().find(|group| *group.name == *name) {
                return group.members.put(subscription);
            }
            groups.push(Group { name: name.into(), members: Members(vec![subscription]), next: AtomicUsize::new(0) });
            true
        });
        self.count += usize::from(new);
        new
    }

    /// Removes; says whether it was there.
    pub(crate) fn take(&mut self, filter: Filter<'_>, session: &Arc<Session>) -> bool {
        let found = self.trie.change(filter.filter, |here| {
            let Some(name) = filter.group else {
                return here.members.take(session);
            };
            let Some(groups) = &mut here.groups else {
                return false;
            };
            let Some(at) = groups.iter().position(|group| *group.name == *name) else {
                return false;
            };
            let found = groups[at].members.take(session);
            if groups[at].members.0.is_empty() {
                groups.swap_remove(at);
            }
            if groups.is_empty() {
                here.groups = None;
            }
            found
        });
        self.count -= usize::from(found);
        found
    }

    pub(crate) fn matching(&self, topic: &str) -> Matches {
        let mut matches = Matches::default();
        self.trie.filters_matching(topic, &mut |here| {
            matches.each.extend_from_slice(&here.members.0);
            for group in here.groups.iter().flat_map(|groups| groups.iter()) {
                matches.shared.extend(group.choose().cloned());
            }
        });
        matches.each.sort_unstable_by_key(Subscription::key);
        matches
    }
}
