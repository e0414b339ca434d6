//! What is not counted here but kept elsewhere: looked up at a scrape.

use std::{
    fmt, fs,
    sync::{Arc, atomic::Ordering},
};

use broker::Broker;
use embedded::sqlite::SqliteTable;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};
use shared::port::table::metered::{Count, Meter};
use web::Counts;

use crate::{certificates::Certificates, folder::Folder, logging::Said};

/// The places.
pub struct Looks {
    /// Nodes and messages.
    pub broker: Broker,
    /// The writer's queue.
    pub table: Arc<SqliteTable>,
    /// When certificates end.
    pub certificates: Arc<Certificates>,
    /// What storage was asked.
    pub meter: Arc<Meter>,
    /// What handlers count.
    pub counts: Arc<Counts>,
    /// What was logged.
    pub said: Arc<Said>,
    /// The newest backup, and how large the database is.
    pub folder: Folder,
}

impl fmt::Debug for Looks {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Looks")
    }
}

impl Collector for Looks {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.broker(&mut page)?;
        self.storage(&mut page)?;
        page.counter(
            "unparsable_messages",
            "Messages of nodes that were not what their topic says",
            self.counts.unparsable.load(Ordering::Relaxed),
        )?;
        let said = [("error", &self.said.errors), ("warn", &self.said.warnings)];
        let said = said.map(|(level, count)| ("level", level, count.load(Ordering::Relaxed)));
        page.counters("log_events", "What was logged at the levels that matter; an error needs a person", &said)?;
        page.gauges(
            "certificate_expiry_timestamp_seconds",
            "When a certificate that is shown ends, in seconds since 1970",
            &self.certificates.ends().into_iter().map(|(name, at)| ("certificate", name, at)).collect::<Vec<_>>(),
        )?;
        if let Some(at) = self.folder.backed_up() {
            page.gauge("last_backup_timestamp_seconds", "When the newest backup was made, in seconds since 1970", at)?;
        }
        Ok(())
    }
}

impl Looks {
    fn broker(&self, page: &mut Page<'_>) -> fmt::Result {
        let stats = self.broker.stats();
        page.gauge("nodes_connected", "Nodes that are connected", whole(stats.sessions.saturating_sub(stats.offline_sessions)))?;
        page.gauge("mqtt_connections", "MQTT connections, those before their CONNECT included", whole(stats.connections))?;
        page.gauge("mqtt_subscriptions", "Subscriptions of nodes", whole(stats.subscriptions))?;
        page.gauge("mqtt_queued_bytes", "Bytes that wait for nodes", whole(stats.queued_bytes))?;
        page.counter("mqtt_accepted", "MQTT connections accepted", stats.accepted)?;
        page.counters(
            "mqtt_publishes",
            "PUBLISH packets by direction",
            &[("direction", "in", stats.messages_in), ("direction", "out", stats.messages_out)],
        )?;
        page.counter("mqtt_dropped", "Messages that were not delivered for lack of room", stats.messages_dropped)?;
        page.counters(
            "mqtt_bytes",
            "Bytes of MQTT by direction",
            &[("direction", "in", stats.bytes_in), ("direction", "out", stats.bytes_out)],
        )
    }

    fn storage(&self, page: &mut Page<'_>) -> fmt::Result {
        page.gauge("database_queue_batches", "Batches that wait for the database's writer", whole(self.table.waiting()))?;
        let file = self.folder.database();
        let size = |end: &str| {
            let mut name = file.clone().into_os_string();
            name.push(end);
            fs::metadata(name).map_or(0, |file| i64::try_from(file.len()).unwrap_or(i64::MAX))
        };
        page.gauge("database_bytes", "Size of the database's file", size(""))?;
        page.gauge("database_log_bytes", "Size of the database's write-ahead log", size("-wal"))?;
        let used = self.meter.used();
        let calls = [("get", used.get), ("get_many", used.get_many), ("query", used.query), ("write", used.write)];
        let of = |what: fn(&Count) -> u64| calls.map(|(call, count)| ("call", call, what(&count)));
        page.counters("storage_calls", "Calls of the storage port", &of(|count| count.calls))?;
        page.counters("storage_items", "Records that these calls were about", &of(|count| count.items))?;
        page.counters("storage_bytes", "Bytes read and written by these calls", &of(|count| count.bytes))
    }
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The page as it is written.
pub(super) struct Page<'a>(pub(super) DescriptorEncoder<'a>);

impl Page<'_> {
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: i64) -> fmt::Result {
        self.one(name, help, &ConstGauge::new(value))
    }

    pub(super) fn gauge_f64(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.one(name, help, &ConstGauge::new(value))
    }

    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.one(name, help, &ConstCounter::new(value))
    }

    pub(super) fn counter_f64(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.one(name, help, &ConstCounter::new(value))
    }

    fn one(&mut self, name: &str, help: &str, metric: &impl EncodeMetric) -> fmt::Result {
        metric.encode(self.0.encode_descriptor(name, &format!("{help}."), None, metric.metric_type())?)
    }

    /// One counter for each value of a label.
    fn gauges(&mut self, name: &str, help: &str, values: &[(&str, &str, i64)]) -> fmt::Result {
        let kind = ConstGauge::new(0_i64).metric_type();
        let mut family = self.0.encode_descriptor(name, &format!("{help}."), None, kind)?;
        for (label, value, at) in values {
            ConstGauge::new(*at).encode(family.encode_family(&[(*label, *value)])?)?;
        }
        Ok(())
    }

    fn counters(&mut self, name: &str, help: &str, values: &[(&str, &str, u64)]) -> fmt::Result {
        let kind = ConstCounter::new(0_u64).metric_type();
        let mut family = self.0.encode_descriptor(name, &format!("{help}."), None, kind)?;
        for (label, value, count) in values {
            let counter = ConstCounter::new(*count);
            counter.encode(family.encode_family(&[(*label, *value)])?)?;
        }
        Ok(())
    }
}
