//! Which topics a node's params take, by its group (contract `mqtt-and-node.md` §2.13), and the will that it leaves
//! there (§2.16).

use std::time::Duration;

use rmqtt_codec::types::QoS;
use rmqtt_codec::v3::LastWill;

use super::super::outbox::Content;
use super::super::say::{By, Event as Told};
use super::super::services::CONNECTIVITY;
use super::{Again, Agent, Due};

/// From a connection until the node says that it is there: the will of the one before may arrive late.
const CONNECTED_DELAY: Duration = Duration::from_secs(5);
/// From a change of the group until the node connects again, in which the change is told on the old connection.
const REJOIN_DELAY: Duration = Duration::from_millis(500);
/// A longer group's will is not installed: it does not fit into the device's buffer.
const LONGEST_GROUP: usize = 32;

impl Agent {
    /// Where changed params are reported: in a group there instead of on `params/local`.
    pub(super) fn local(&self) -> String {
        local(&self.group)
    }

    /// Whether the topic of this suffix, which begins with a slash, brings params.
    pub(super) fn is_for_params(&self, suffix: &str) -> bool {
        match suffix.strip_prefix("/params/remote") {
            Some("") => true,
            Some(group) => group.strip_prefix('/').is_some_and(|group| !group.is_empty() && group == self.group),
            None => false,
        }
    }

    /// Follows a change of the group: the old group's params come no more, the new one's do.
    pub(super) fn regroup(&mut self) {
        if self.group == self.things.group() {
            return;
        }
        let old = std::mem::replace(&mut self.group, self.things.group().to_owned());
        // Before the boot is over nothing is subscribed yet.
        if self.started {
            if !old.is_empty() {
                self.unsubscribe(&format!("params/remote/{old}"));
            }
            if !self.group.is_empty() {
                self.subscribe(&format!("params/remote/{}", self.group));
            }
        }
        if self.choose_will() {
            self.after(REJOIN_DELAY, Due::Rejoin);
        }
    }

    fn unsubscribe(&mut self, suffix: &str) {
        let filter = format!("node/{}/{suffix}", self.setup.node_id);
        self.filters.retain(|known| *known != filter);
        self.outbox.push(Content::Unsubscribe { filter: filter.into() });
    }

    /// Chooses the group for the will. Says whether the node has to connect again for it.
    pub(super) fn choose_will(&mut self) -> bool {
        let fits = self.setup.extras.connectivity && self.group.len() <= LONGEST_GROUP && self.will_group != self.group;
        if fits {
            self.will_group.clone_from(&self.group);
        }
        fits
    }

    /// What the broker says for the node when it is gone without a goodbye.
    pub(super) fn will(&self) -> Option<LastWill> {
        self.setup.extras.connectivity.then(|| LastWill {
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: format!("node/{}/{}", self.setup.node_id, local(&self.will_group)).into(),
            message: connected(false).into(),
        })
    }

    pub(super) fn tell_connected_later(&mut self) {
        self.timers.retain(|(_, due)| *due != Due::Connected);
        if self.setup.extras.connectivity {
            self.after(CONNECTED_DELAY, Due::Connected);
        }
    }

    pub(super) fn tell_connected(&mut self) {
        self.read(connected(true).as_bytes(), By::Node);
    }

    pub(super) fn rejoin(&self) -> Again {
        self.tell(&Told::Rejoining);
        Again::Connect
    }
}

fn local(group: &str) -> String {
    if group.is_empty() { "params/local".to_owned() } else { format!("params/local/{group}") }
}

fn connected(is: bool) -> String {
    format!(r#"{{"{CONNECTIVITY}":{{"Connected":{is}}}}}"#)
}
