//! What the device's firmware does once it has a connection: the order of its messages, its timers and its answers.
//!
//! After a boot it tells everything about itself once; after a mere reconnect it subscribes again, asks for commands that
//! wait, and says nothing else.

mod fetching;
mod group;
mod writing;

use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::time::Duration;

use bytes::Bytes;
use rmqtt_codec::v3::{Connect, Packet};
use tokio::time::Instant;

use super::budget::Budget;
use super::client::Event;
use super::commands;
use super::dialect::Writer;
use super::misbehave::Unruly;
use super::model::{self, Product};
use super::outbox::{Content, Entry, Outbox};
use super::say::{By, Event as Told, Payload, Say};
use super::services::{Extras, Things};
use super::state::{Mapping, Memory, State};

const KEEP_ALIVE_SECONDS: u16 = 120;
/// The buffer of the device, which cuts what is longer.
const LONGEST_MAPPING: usize = 199;

/// How a node is built and set up.
#[derive(Debug)]
pub(super) struct Setup {
    /// Who it is.
    pub(super) node_id: String,
    /// What it is.
    pub(super) product: Product,
    /// The version of its firmware.
    pub(super) fw_version: String,
    /// What it has beyond that.
    pub(super) extras: Extras,
    /// Whether it publishes to the plain topics instead of the basic-ingest ones.
    pub(super) plain_topics: bool,
    /// Whether the broker keeps its session while it is away.
    pub(super) persistent: bool,
    /// How often a sensor reports.
    pub(super) measure_every: Duration,
    /// How long it takes to answer a command.
    pub(super) answer_after: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Fetch(usize),
    Unfetched(usize),
    Measure,
    Answer,
    Connected,
    Rejoin,
    Reboot,
    FactoryReset,
}

/// How a node begins again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// With a goodbye and a new connection.
    Connect,
    /// From the very start.
    Boot,
}

/// The firmware of one node.
#[derive(Debug)]
pub(super) struct Agent {
    /// What is to be sent, or not acknowledged yet.
    pub(super) outbox: Outbox,
    /// Its bad manners.
    pub(super) unruly: Unruly,
    setup: Setup,
    say: Say,
    memory: Memory,
    state: State,
    things: Things,
    budget: Budget,
    filters: Vec<String>,
    group: String,
    will_group: String,
    started: bool,
    timers: Vec<(Instant, Due)>,
    request: Option<(Mapping, bool)>,
    requested: Option<(NonZeroU16, Mapping, bool)>,
    fetched: Option<NonZeroU16>,
    answers: VecDeque<Vec<u8>>,
    rising: bool,
}

impl Agent {
    /// A node that comes up with what it remembers, and with a user's request to own it.
    pub(super) fn new(setup: Setup, say: Say, memory: Memory, request: Option<(Mapping, bool)>) -> anyhow::Result<Self> {
        let state = memory.load()?;
        let known = request.as_ref().is_some_and(|(mapping, _)| state.mapped.as_ref() == Some(mapping));
        if known {
            say.tell(&Told::Ignored { device: None, param: None, why: "this mapping request was acknowledged before" });
        }
        let things = Things::new(setup.product, setup.extras, &state);
        let mut agent = Self {
            outbox: Outbox::default(),
            unruly: Unruly::default(),
            group: things.group().to_owned(),
            will_group: String::new(),
            things,
            setup,
            say,
            memory,
            state,
            budget: Budget::new(Instant::now()),
            filters: Vec::new(),
            started: false,
            timers: Vec::new(),
            request: request.filter(|_| !known),
            requested: None,
            fetched: None,
            answers: VecDeque::new(),
            rising: true,
        };
        agent.choose_will();
        agent.set_timers();
        Ok(agent)
    }

    /// What it says to the broker first.
    pub(super) fn hello(&self) -> Connect {
        let node_id = &self.setup.node_id;
        Connect {
            clean_session: !self.setup.persistent,
            last_will: self.will(),
            keep_alive: KEEP_ALIVE_SECONDS,
            client_id: node_id.as_str().into(),
            username: Some(format!("?Platform=APN3|A0|RM|EX00|RMDev|1x0|{}", mac(node_id)).into()),
            ..Connect::default()
        }
    }

    /// Tells something that happened around the node.
    pub(super) fn tell(&self, event: &Told<'_>) {
        self.say.tell(event);
    }

    /// The broker accepted the connection.
    pub(super) fn connected(&mut self, server: &str) {
        self.tell(&Told::Connected { server, first: !self.started });
        if self.started {
            for filter in self.filters.clone() {
                self.outbox.push(Content::Subscribe { filter: filter.into() });
            }
            self.publish("from-node", commands::POLL.to_vec());
        } else {
            self.boot();
        }
        self.tell_connected_later();
        if let Some(kinds) = self.unruly.connected(Instant::now()) {
            self.outbox.strays = 0;
            self.tell(&Told::Misbehaving { kinds: &kinds, seconds: self.unruly.seconds() });
        }
    }

    fn boot(&mut self) {
        self.subscribe("to-node");
        self.publish("from-node", commands::POLL.to_vec());
        let Setup { node_id, fw_version, product, .. } = &self.setup;
        let config = model::config(node_id, fw_version, *product, &self.things.devices);
        self.publish("config", config);
        if let Some((mapping, reset)) = self.request.take() {
            let id = self.ask_to_map(&mapping, reset);
            self.requested = id.map(|id| (id, mapping, reset));
        }
        if !self.group.is_empty() {
            self.subscribe(&format!("params/remote/{}", self.group));
        }
        self.subscribe("params/remote");
        self.publish("params/local/init", model::all_params(&self.things.devices));
        for device in 0..self.things.devices.len() {
            self.report_time_series(device, None);
        }
        self.started = true;
        self.subscribe("otaurl");
        self.fetch_soon();
    }

    fn subscribe(&mut self, suffix: &str) {
        let filter = format!("node/{}/{suffix}", self.setup.node_id);
        self.outbox.push(Content::Subscribe { filter: filter.as_str().into() });
        self.filters.push(filter);
    }

    fn publish(&mut self, suffix: &str, payload: impl Into<Bytes>) -> Option<NonZeroU16> {
        let plain = format!("node/{}/{suffix}", self.setup.node_id);
        let topic = match rule(suffix) {
            Some(rule) if !self.setup.plain_topics => format!("$aws/rules/{rule}/{plain}"),
            _ => plain,
        };
        let payload = payload.into();
        if !self.budget.pay(Instant::now()) {
            self.tell(&Told::NotPublished { topic: &topic, payload: &payload.as_ref().into(), why: "the MQTT budget is empty" });
            return None;
        }
        let payload = self.unruly.twist(payload);
        Some(self.outbox.push(Content::Publish { topic: topic.into(), payload }))
    }

    fn ask_to_map(&mut self, mapping: &Mapping, reset: bool) -> Option<NonZeroU16> {
        let message = Writer::object()
            .text("node_id", &self.setup.node_id)
            .text("user_id", &mapping.user_id)
            .text("secret_key", &mapping.secret_key)
            .maybe_raw("reset", reset.then_some(true))
            .end();
        self.publish("user/mapping", cut(message, LONGEST_MAPPING))
    }

    /// Something happened on the connection.
    pub(super) fn happened(&mut self, event: Event) {
        match event {
            Event::Published(entry) => {
                self.done(&entry, true);
                self.unruly.acknowledged(&entry);
            }
            Event::Unsubscribed(entry) => self.done(&entry, true),
            Event::Subscribed(entry, granted) => self.done(&entry, granted),
            Event::Dropped(entry) => self.done(&entry, false),
            Event::Resent { id, times } => self.tell(&Told::Resent { packet_id: id.get(), times }),
            Event::Message(message) => {
                let own = message.topic.strip_prefix("node/").and_then(|rest| rest.strip_prefix(self.setup.node_id.as_str()));
                let payload = || Payload::from(message.payload.as_ref());
                match own {
                    Some(suffix) if self.is_for_params(suffix) => {
                        self.tell(&Told::Remote { topic: &message.topic, payload: &payload() });
                        self.read(&message.payload, By::Remote);
                    }
                    Some("/to-node") => {
                        self.tell(&Told::Command { payload: &payload() });
                        let answer = commands::answer(&message.payload, |data| self.command(data));
                        self.answers.push_back(answer);
                        self.after(self.setup.answer_after, Due::Answer);
                    }
                    Some("/otaurl") => self.tell(&Told::OtaOffer { payload: &payload() }),
                    _ => self.ignored(None, None, &format!("nothing is expected on {}", message.topic)),
                }
            }
        }
    }

    /// Answers the command that waits longest for it.
    fn answer(&mut self) {
        if let Some(answer) = self.answers.pop_front() {
            self.publish("from-node", answer);
        }
    }

    fn done(&mut self, entry: &Entry, good: bool) {
        match &entry.content {
            Content::Subscribe { filter } => self.tell(&Told::Subscribed { filter, granted: good }),
            Content::Unsubscribe { filter } => self.tell(&Told::Unsubscribed { filter, acknowledged: good }),
            Content::Publish { topic, payload } => {
                let payload = &payload.as_ref().into();
                self.tell(&Told::Published { topic, payload, acknowledged: good, times: entry.times });
            }
        }
        if !good {
            return;
        }
        self.fetched.take_if(|id| *id == entry.id);
        if let Some((_, mapping, reset)) = self.requested.take_if(|(id, ..)| *id == entry.id) {
            self.tell(&Told::MappingAcknowledged { user_id: &mapping.user_id, reset });
            self.state.mapped = Some(mapping);
            self.keep();
        }
    }

    /// The next packet that good manners forbid, if one is due.
    pub(super) fn rude(&mut self, now: Instant) -> Option<Packet> {
        self.unruly.packet(&self.setup.node_id, now)
    }

    /// When the node next has something to do by itself.
    pub(super) fn wake(&self) -> Option<Instant> {
        self.timers.iter().map(|(at, _)| *at).chain(self.outbox.expires_at()).chain(self.unruly.wake()).min()
    }

    /// Does what is due by itself. Says whether and how the node begins again.
    pub(super) fn tick(&mut self) -> Option<Again> {
        let now = Instant::now();
        while let Some(entry) = self.outbox.expire(now) {
            self.done(&entry, false);
        }
        if let Some(kinds) = self.unruly.over(now) {
            self.tell(&Told::Misbehaved { kinds: &kinds, sent: self.unruly.sent, acknowledged: self.outbox.strays });
        }
        while let Some(index) = self.timers.iter().position(|(at, _)| *at <= now) {
            match self.timers.remove(index).1 {
                Due::Fetch(attempt) => self.fetch(attempt),
                Due::Unfetched(attempt) => self.unfetched(attempt),
                Due::Measure => self.measure(),
                Due::Answer => self.answer(),
                Due::Connected => self.tell_connected(),
                Due::Rejoin => return Some(self.rejoin()),
                Due::Reboot => return Some(self.restart("somebody asked for a reboot")),
                Due::FactoryReset => {
                    self.state = State::default();
                    return Some(self.restart("somebody asked for a factory reset, and all is forgotten"));
                }
            }
        }
        None
    }

    fn restart(&mut self, why: &'static str) -> Again {
        while let Some(entry) = self.outbox.pop() {
            self.done(&entry, false);
        }
        self.memory.save(&self.state).unwrap_or_else(|error| self.not_kept(&error));
        self.tell(&Told::Rebooting { why });
        self.things = Things::new(self.setup.product, self.setup.extras, &self.state);
        self.things.group().clone_into(&mut self.group);
        self.choose_will();
        self.budget = Budget::new(Instant::now());
        self.filters.clear();
        self.started = false;
        self.requested = None;
        self.fetched = None;
        self.answers.clear();
        self.set_timers();
        Again::Boot
    }

    fn set_timers(&mut self) {
        self.timers.clear();
        if self.setup.product == Product::Sensor {
            self.after(self.setup.measure_every, Due::Measure);
        }
    }

    fn after(&mut self, delay: Duration, due: Due) {
        self.timers.push((Instant::now() + delay, due));
    }

    fn ignored(&self, device: Option<&str>, param: Option<&str>, why: &str) {
        self.tell(&Told::Ignored { device, param, why });
    }

    /// Keeps the state over a power cycle.
    pub(super) fn keep(&mut self) {
        self.things.keep(&mut self.state);
        self.memory.save(&self.state).unwrap_or_else(|error| self.not_kept(&error));
    }

    fn not_kept(&self, error: &anyhow::Error) {
        self.tell(&Told::NotKept { why: &format!("{error:#}") });
    }
}

/// The time in seconds.
pub(super) fn now() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}

/// The rule through which a message goes with basic ingest.
fn rule(suffix: &str) -> Option<&'static str> {
    Some(match suffix {
        "config" => "esp_node_config",
        "params/local" => "esp_set_params",
        "params/local/init" => "esp_init_params",
        "user/mapping" => "esp_user_node_mapping",
        "otafetch" => "esp_node_otafetch",
        "tsdata" => "esp_ts_ingest",
        "from-node" => "esp_cmd_resp",
        _ => return None,
    })
}

/// The text as far as it fits.
fn cut(mut text: String, longest: usize) -> String {
    text.truncate(text.floor_char_boundary(longest));
    text
}

/// The MAC of the node: its id if that is one, else one made from the id.
fn mac(node_id: &str) -> String {
    if node_id.len() == 12 && node_id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return node_id.to_ascii_uppercase();
    }
    let hash = node_id.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("240AC4{:06X}", hash & 0x00ff_ffff)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rmqtt_codec::types::{Publish, QoS};
    use rmqtt_codec::v3::Packet;

    use super::*;

    /// A node in a folder of its own.
    struct Lab {
        agent: Agent,
        folder: PathBuf,
    }

    impl Lab {
        fn new(name: &str, product: Product, request: Option<(Mapping, bool)>) -> Self {
            let folder = std::env::temp_dir().join(format!("node-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            let setup = Setup {
                node_id: "n1".to_owned(),
                product,
                fw_version: "1.0".to_owned(),
                extras: Extras { groups: name.contains("group"), connectivity: name.contains("will") },
                plain_topics: name.contains("plain"),
                persistent: name.contains("persistent"),
                measure_every: Duration::from_secs(1),
                answer_after: Duration::from_secs(if name.contains("deferred") { 9 } else { 0 }),
            };
            Self { agent: Agent::new(setup, Say::nothing("n1"), Memory::new(&folder), request).unwrap(), folder }
        }

        /// What goes out now, each with its acknowledgement.
        fn out(&mut self) -> Vec<(String, String)> {
            let mut all = Vec::new();
            while let Some(next) = self.agent.outbox.transmit(Instant::now(), Instant::now()) {
                let (what, entry) = match next.packet {
                    Packet::Publish(publish) => {
                        let payload = String::from_utf8_lossy(&publish.payload).into_owned();
                        ((publish.topic.to_string(), payload), self.agent.outbox.published(next.id))
                    }
                    Packet::Subscribe { topic_filters, .. } => {
                        (("SUBSCRIBE".to_owned(), topic_filters[0].0.to_string()), self.agent.outbox.subscribed(next.id))
                    }
                    Packet::Unsubscribe { topic_filters, .. } => {
                        (("UNSUBSCRIBE".to_owned(), topic_filters[0].to_string()), self.agent.outbox.unsubscribed(next.id))
                    }
                    other => panic!("{other:?}"),
                };
                all.push(what);
                self.agent.done(&entry.unwrap(), true);
            }
            all
        }

        fn receive(&mut self, suffix: &str, payload: &str) {
            self.agent.happened(Event::Message(Box::new(Publish {
                dup: false,
                retain: false,
                qos: QoS::AtMostOnce,
                topic: format!("node/n1/{suffix}").into(),
                packet_id: None,
                payload: payload.to_owned().into(),
                properties: None,
            })));
        }
    }

    impl Drop for Lab {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.folder).unwrap();
        }
    }

    fn topics(out: &[(String, String)]) -> Vec<String> {
        let name = |topic: &str, text: &str| if topic.ends_with("SUBSCRIBE") { format!("{topic} {text}") } else { topic.to_owned() };
        out.iter().map(|(topic, text)| name(topic, text)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn boots_in_the_order_of_the_device() {
        let request = "ann:s3cret".parse().ok().map(|mapping| (mapping, true));
        let mut lab = Lab::new("boot-plain", Product::Sensor, request);
        lab.agent.connected("here");
        let out = lab.out();
        assert_eq!(
            topics(&out),
            [
                "SUBSCRIBE node/n1/to-node",
                "node/n1/from-node",
                "node/n1/config",
                "node/n1/user/mapping",
                "SUBSCRIBE node/n1/params/remote",
                "node/n1/params/local/init",
                "node/n1/tsdata",
                "SUBSCRIBE node/n1/otaurl",
            ]
        );
        assert_eq!(out[3].1, r#"{"node_id":"n1","user_id":"ann","secret_key":"s3cret","reset":true}"#);
        assert_eq!(lab.agent.memory.load().unwrap().mapped, "ann:s3cret".parse().ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reconnect_subscribes_polls_and_says_nothing_else() {
        let mut lab = Lab::new("reconnect", Product::Light, None);
        lab.agent.connected("here");
        assert_eq!(lab.out()[1].0, "$aws/rules/esp_cmd_resp/node/n1/from-node");
        lab.agent.connected("here");
        assert_eq!(
            topics(&lab.out()),
            [
                "SUBSCRIBE node/n1/to-node",
                "SUBSCRIBE node/n1/params/remote",
                "SUBSCRIBE node/n1/otaurl",
                "$aws/rules/esp_cmd_resp/node/n1/from-node",
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn each_device_in_a_message_gets_its_own_report() {
        let mut lab = Lab::new("reports-plain", Product::Light, None);
        lab.agent.line("Light.Power=true");
        assert_eq!(lab.out(), [], "nothing is reported before the boot is over");
        lab.agent.connected("here");
        lab.out();
        lab.receive("params/remote", r#"{"Time":{"TZ-POSIX":"UTC0"},"Light":{"Brightness":7},"Lamp":{"Power":true}}"#);
        lab.agent.line("Light.Name=say \"hi\"");
        let local = "node/n1/params/local".to_owned();
        let expected = [r#"{"Light":{"Brightness":7}}"#, r#"{"Time":{"TZ-POSIX":"UTC0"}}"#, r#"{"Light":{"Name":"say "hi""}}"#];
        assert_eq!(lab.out(), expected.map(|report| (local.clone(), report.to_owned())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_is_done_at_once_and_answered_when_it_is_time() {
        let mut lab = Lab::new("deferred-plain", Product::Light, None);
        lab.agent.connected("here");
        lab.out();
        let answers = |lab: &mut Lab| lab.out().into_iter().filter(|(topic, _)| topic.ends_with("from-node")).collect::<Vec<_>>();
        for id in ["a", "b"] {
            lab.receive("to-node", &format!("\u{1}\u{1}{id}\u{2}\u{1}\u{2}\u{5}\u{2}\u{7}\u{0}"));
            assert_eq!((lab.agent.tick(), answers(&mut lab)), (None, vec![]));
            tokio::time::advance(Duration::from_secs(5)).await;
        }
        let answered = |id: &str| ("node/n1/from-node".to_owned(), format!("\u{1}\u{1}{id}\u{3}\u{1}\u{4}\u{5}\u{2}\u{7}\u{0}"));
        assert_eq!((lab.agent.tick(), answers(&mut lab)), (None, vec![answered("a")]));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!((lab.agent.tick(), answers(&mut lab)), (None, vec![answered("b")]));
    }

    #[tokio::test(start_paused = true)]
    async fn asks_for_an_update_after_five_seconds_and_again_without_an_answer() {
        let mut lab = Lab::new("fetch-plain", Product::Switch, None);
        lab.agent.connected("here");
        lab.out();
        let mut asked = Vec::new();
        for second in 0..400 {
            assert_eq!(lab.agent.tick(), None);
            while let Some(next) = lab.agent.outbox.transmit(Instant::now(), Instant::now()) {
                asked.extend((next.times == 1).then_some(second));
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        // Sixty seconds of patience each time, then 30, 60, 120 seconds of pause.
        assert_eq!(asked, [5, 95, 215, 395]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_factory_reset_tells_and_forgets() {
        let mut lab = Lab::new("reset-plain", Product::Light, None);
        lab.agent.connected("here");
        lab.out();
        lab.receive("params/remote", r#"{"Light":{"Power":true},"System":{"Factory-Reset":true}}"#);
        let out = lab.out();
        assert_eq!(out[2].1, r#"{"node_id":"n1","user_id":"esp-rmaker","secret_key":"failed","reset":true}"#);
        assert_eq!(lab.agent.tick(), None);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(lab.agent.tick(), Some(Again::Boot));
        assert_eq!(lab.agent.memory.load().unwrap(), State::default());
        lab.agent.connected("here");
        assert!(lab.out()[4].1.contains(r#""Power":false"#));
    }

    /// What the node does by itself within this time.
    async fn again_within(lab: &mut Lab, time: Duration) -> Option<Again> {
        tokio::time::advance(time).await;
        lab.agent.tick()
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_moves_the_params_and_outlives_a_power_cycle() {
        let mut lab = Lab::new("group", Product::Light, None);
        lab.agent.connected("here");
        lab.out();
        lab.receive("params/remote/g1", r#"{"Light":{"Power":true}}"#);
        assert_eq!(lab.out(), [], "that is nobody's topic yet");
        lab.receive("params/remote", r#"{"Groups":{"GroupID":"g1"}}"#);
        let echo = r#"{"Groups":{"GroupID":"g1"}}"#.to_owned();
        let subscribed = ("SUBSCRIBE".to_owned(), "node/n1/params/remote/g1".to_owned());
        assert_eq!(lab.out(), [subscribed, ("node/n1/params/local/g1".to_owned(), echo)]);
        lab.receive("params/remote/g1", r#"{"Light":{"Power":true}}"#);
        assert_eq!(topics(&lab.out()), ["node/n1/params/local/g1"], "plain, also with basic ingest");

        let State { params, .. } = lab.agent.memory.load().unwrap();
        assert_eq!(params["Groups"]["GroupID"], "g1");
        lab.receive("params/remote", r#"{"System":{"Reboot":true}}"#);
        lab.out();
        assert_eq!(again_within(&mut lab, Duration::from_secs(2)).await, Some(Again::Boot));
        lab.agent.connected("here");
        let boot = topics(&lab.out());
        let place = |topic: &str| boot.iter().position(|one| one == topic).unwrap_or_else(|| panic!("{topic} in {boot:?}"));
        assert!(place("SUBSCRIBE node/n1/params/remote/g1") < place("SUBSCRIBE node/n1/params/remote"));
        place("$aws/rules/esp_init_params/node/n1/params/local/init");

        lab.receive("params/remote", r#"{"Groups":{"GroupID":"g2"}}"#);
        let moved = ["UNSUBSCRIBE node/n1/params/remote/g1", "SUBSCRIBE node/n1/params/remote/g2", "node/n1/params/local/g2"];
        assert_eq!(topics(&lab.out()), moved);
        lab.receive("params/remote/g2", r#"{"Groups":{"GroupID":""}}"#);
        let left = ["UNSUBSCRIBE node/n1/params/remote/g2", "$aws/rules/esp_set_params/node/n1/params/local"];
        assert_eq!(topics(&lab.out()), left);
        lab.agent.connected("here");
        assert!(!topics(&lab.out()).iter().any(|topic| topic.contains("remote/g")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_will_follows_the_group_and_the_node_says_when_it_is_there() {
        let mut lab = Lab::new("will-group-plain", Product::Light, None);
        let will = lab.agent.hello().last_will.unwrap();
        assert_eq!((will.topic.as_ref(), will.qos, will.retain), ("node/n1/params/local", QoS::AtLeastOnce, false));
        assert_eq!(will.message, r#"{"Connectivity":{"Connected":false}}"#);
        for _ in 0..2 {
            lab.agent.connected("here");
            lab.out();
            assert_eq!(again_within(&mut lab, Duration::from_millis(4900)).await, None);
            assert_eq!(lab.out(), []);
            assert_eq!(again_within(&mut lab, Duration::from_millis(200)).await, None);
            let there = ("node/n1/params/local".to_owned(), r#"{"Connectivity":{"Connected":true}}"#.to_owned());
            assert!(lab.out().contains(&there));
        }
        lab.receive("params/remote", r#"{"Groups":{"GroupID":"g1"}}"#);
        assert_eq!(again_within(&mut lab, Duration::from_secs(1)).await, Some(Again::Connect));
        assert_eq!(lab.agent.hello().last_will.unwrap().topic, "node/n1/params/local/g1");
        lab.receive("params/remote", &format!(r#"{{"Groups":{{"GroupID":"{}"}}}}"#, "g".repeat(33)));
        assert_eq!(again_within(&mut lab, Duration::from_secs(1)).await, None);
        assert_eq!(lab.agent.hello().last_will.unwrap().topic, "node/n1/params/local/g1", "too long for the device");
    }

    #[tokio::test(start_paused = true)]
    async fn bad_manners_cut_messages_and_repeat_them() {
        let mut lab = Lab::new("cut-plain", Product::Light, None);
        lab.agent.unruly = Unruly::new(vec!["truncate".parse().unwrap(), "dup".parse().unwrap()], Duration::from_secs(10));
        lab.agent.connected("here");
        lab.out();
        lab.agent.line("Light.Power=true");
        let next = lab.agent.outbox.transmit(Instant::now(), Instant::now()).unwrap();
        let Packet::Publish(sent) = &next.packet else { panic!("{next:?}") };
        assert_eq!(sent.payload, r#"{"Light":{"P"#);
        let entry = lab.agent.outbox.published(next.id).unwrap();
        lab.agent.happened(Event::Published(entry));
        let Some(Packet::Publish(again)) = lab.agent.rude(Instant::now()) else { panic!("not sent again") };
        assert_eq!((again.dup, again.packet_id, &again.payload), (true, Some(next.id), &sent.payload));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!((lab.agent.tick(), lab.agent.rude(Instant::now())), (None, None), "it is over");
        lab.agent.line("Light.Power=true");
        assert_eq!(lab.out().last().unwrap().1, r#"{"Light":{"Power":true}}"#);
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_budget_stops_reports() {
        let mut lab = Lab::new("budget-plain", Product::Light, None);
        lab.agent.connected("here");
        let boot = lab.out().iter().filter(|(topic, _)| topic != "SUBSCRIBE").count();
        for _ in 0..200 {
            lab.agent.line("Light.Power=true");
        }
        assert_eq!(lab.out().len(), 100 - boot);
        tokio::time::advance(Duration::from_secs(5)).await;
        lab.agent.line("Light.Power=true");
        lab.agent.line("Light.Power=true");
        assert_eq!(lab.out().len(), 1);
    }

    #[test]
    fn says_hello_with_a_user_name_and_no_password() {
        let lab = Lab::new("hello", Product::Light, None);
        let hello = lab.agent.hello();
        assert_eq!((hello.client_id.as_ref(), hello.clean_session, hello.keep_alive), ("n1", true, 120));
        assert_eq!(hello.username.unwrap(), format!("?Platform=APN3|A0|RM|EX00|RMDev|1x0|{}", mac("n1")));
        assert_eq!((hello.password, hello.last_will), (None, None));
        assert!(!Lab::new("persistent", Product::Light, None).agent.hello().clean_session);
    }

    #[test]
    fn a_mac_is_twelve_hex_digits() {
        assert_eq!(mac("240ac4aabbcc"), "240AC4AABBCC");
        assert_eq!((mac("n1").len(), mac("n1") == mac("n2")), (12, false));
        assert_eq!(cut("aé".to_owned(), 2), "a");
    }
}
