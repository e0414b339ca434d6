//! Ports that a test can see and set.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;
use shared::node::certificate::Fingerprint;
use shared::port::{
    clock,
    events::{self, EventsError, Happening},
    fleet::{self, FleetError},
    mail::{self, Letter, MailError},
    table::{Batch, Key, Page, Query, Record, Table, TableError, TableId},
};

/// A clock that stands still at 1,790,000,000 s unless told.
#[derive(Debug)]
pub struct Clock(AtomicI64);

impl Default for Clock {
    fn default() -> Self {
        Self(AtomicI64::new(1_790_000_000_000))
    }
}

impl Clock {
    /// Lets time pass; negative sets the clock back.
    pub fn pass_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: i64) {
        self.pass_ms(seconds * 1000);
    }
}

impl clock::Clock for Clock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Ids that count.
#[derive(Debug, Default)]
pub struct Ids(AtomicU64);

impl clock::Ids for Ids {
    fn id(&self) -> String {
        format!("id{:020}", self.0.fetch_add(1, Ordering::SeqCst))
    }

    fn code(&self) -> String {
        format!("{:06}", 100_000 + self.0.fetch_add(1, Ordering::SeqCst) % 900_000)
    }
}

/// Keeps letters.
#[derive(Debug, Default)]
pub struct Mail(Mutex<Vec<Letter>>, AtomicBool);

impl Mail {
    /// The newest code for this address.
    pub fn code(&self, address: &str) -> String {
        let letters = self.0.lock();
        letters.iter().rev().find(|letter| letter.to == address).and_then(|letter| letter.code.clone()).expect("a letter with a code")
    }

    /// The text of the newest letter to this address.
    pub fn text(&self, address: &str) -> String {
        let letters = self.0.lock();
        letters.iter().rev().find(|letter| letter.to == address).map(|letter| letter.text.clone()).expect("a letter")
    }

    /// From now on no letter is taken, or each.
    pub fn refuse(&self, refuse: bool) {
        self.1.store(refuse, Ordering::SeqCst);
    }

    /// Letters sent.
    pub fn count(&self) -> usize {
        self.0.lock().len()
    }
}

#[async_trait]
impl mail::Mail for Mail {
    async fn send(&self, letter: Letter) -> Result<(), MailError> {
        if self.1.load(Ordering::SeqCst) {
            return Err(MailError("the test takes no letters".into()));
        }
        self.0.lock().push(letter);
        Ok(())
    }
}

/// Writes down what is published.
#[derive(Debug, Default)]
pub struct Fleet {
    published: Mutex<Vec<(String, Bytes)>>,
    disconnected: Mutex<Vec<String>>,
    since: AtomicI64,
    deaf: AtomicBool,
    only: Mutex<Option<String>>,
    /// Fingerprints of the certificates that open connections, and under which client id.
    certificates: Mutex<BTreeMap<String, String>>,
    /// What it still does about certificates and connections before it fails, if it is to.
    patience: Mutex<Option<usize>>,
}

impl Fleet {
    /// Topics and payloads published since the last call.
    pub fn take(&self) -> Vec<(String, String)> {
        self.take_bytes().into_iter().map(|(topic, payload)| (topic, String::from_utf8_lossy(&payload).into_owned())).collect()
    }

    /// The same, to the byte.
    pub fn take_bytes(&self) -> Vec<(String, Bytes)> {
        std::mem::take(&mut self.published.lock())
    }

    /// Clients disconnected since the last call.
    pub fn take_disconnected(&self) -> Vec<String> {
        std::mem::take(&mut self.disconnected.lock())
    }

    /// From now on nobody is subscribed, or somebody is.
    pub fn set_deaf(&self, deaf: bool) {
        self.deaf.store(deaf, Ordering::SeqCst);
    }

    /// From now on there is a subscription to this topic alone.
    pub fn listen_only_to(&self, topic: &str) {
        *self.only.lock() = Some(topic.to_owned());
    }

    /// The certificates that open connections, by fingerprint, and under which client id.
    pub fn certificates(&self) -> BTreeMap<String, String> {
        self.certificates.lock().clone()
    }

    /// After so many more things about certificates and connections it can't be reached; `None`: it can.
    pub fn fail_after(&self, things: Option<usize>) {
        *self.patience.lock() = things;
    }

    fn reached(&self) -> Result<(), FleetError> {
        match &mut *self.patience.lock() {
            Some(0) => Err(FleetError("the test lets nobody reach it".into())),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The broker begins anew at this time, ms since the epoch.
    pub fn restart_at(&self, ms: i64) {
        self.since.store(ms, Ordering::SeqCst);
    }
}

#[async_trait]
impl fleet::Fleet for Fleet {
    async fn publish(&self, topic: String, payload: Bytes) -> Result<Option<usize>, FleetError> {
        let unheard = self.only.lock().as_ref().is_some_and(|only| *only != topic);
        if unheard || self.deaf.load(Ordering::SeqCst) {
            return Ok(Some(0));
        }
        self.published.lock().push((topic, payload));
        Ok(Some(1))
    }

    async fn disconnect(&self, client_id: &str) -> Result<(), FleetError> {
        self.reached()?;
        self.disconnected.lock().push(client_id.to_owned());
        Ok(())
    }

    async fn register(&self, client_id: &str, certificate: &[u8]) -> Result<(), FleetError> {
        self.reached()?;
        self.certificates.lock().insert(Fingerprint::of(certificate).to_string(), client_id.to_owned());
        Ok(())
    }

    async fn revoke(&self, _: &str, fingerprint: &str) -> Result<(), FleetError> {
        self.reached()?;
        self.certificates.lock().remove(fingerprint);
        Ok(())
    }

    async fn host(&self) -> Result<String, FleetError> {
        Ok("mqtt.cloud.test".to_owned())
    }

    fn since(&self) -> i64 {
        self.since.load(Ordering::SeqCst)
    }
}

/// Who listens.
#[derive(Debug, Default)]
enum Ear {
    /// Nobody.
    #[default]
    None,
    /// Somebody who takes all.
    Open,
    /// Somebody who takes so many more.
    Takes(usize),
    /// Somebody who never answers.
    Hangs,
    /// Somebody whom a task tells.
    Later,
}

/// Keeps what is told, if somebody listens.
#[derive(Debug, Default)]
pub struct Events(Mutex<Ear>, Mutex<Vec<Value>>);

impl Events {
    /// From now on somebody listens.
    pub fn listen(&self) {
        *self.0.lock() = Ear::Open;
    }

    /// From now on somebody listens, who takes so many events and then no more.
    pub fn take_only(&self, events: usize) {
        *self.0.lock() = Ear::Takes(events);
    }

    /// From now on somebody listens, who never answers.
    pub fn hang(&self) {
        *self.0.lock() = Ear::Hangs;
    }

    /// From now on somebody listens, whom a task tells.
    pub fn later(&self) {
        *self.0.lock() = Ear::Later;
    }

    /// What was told since the last call.
    pub fn take(&self) -> Vec<Value> {
        std::mem::take(&mut self.1.lock())
    }
}

#[async_trait]
impl events::Events for Events {
    fn listens(&self) -> bool {
        !matches!(*self.0.lock(), Ear::None)
    }

    async fn tell(&self, happening: &Happening) -> Result<(), EventsError> {
        let hangs = match &mut *self.0.lock() {
            Ear::Takes(0) => return Err(EventsError::NotTaken("the test takes no more".into())),
            Ear::Later => return Err(EventsError::Later),
            Ear::Takes(left) => {
                *left -= 1;
                false
            }
            Ear::Hangs => true,
            Ear::None | Ear::Open => false,
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        let envelope: Value = serde_json::from_str(&happening.envelope).unwrap();
        assert_eq!((&envelope["id"], &envelope["event_type"]), (&happening.id.as_str().into(), &happening.event_type.as_str().into()));
        self.1.lock().push(envelope);
        Ok(())
    }
}

/// Some tables alone, as a function's policy lets it use them; any other fails the test.
pub struct Only {
    inner: Arc<dyn Table>,
    tables: &'static [TableId],
}

impl Only {
    /// These tables of all.
    pub fn over(all: &Arc<dyn Table>, tables: &'static [TableId]) -> Arc<dyn Table> {
        Arc::new(Self { inner: Arc::clone(all), tables })
    }

    fn check(&self, asked: impl IntoIterator<Item = TableId>) {
        for table in asked {
            assert!(self.tables.contains(&table), "the table {} is not for this function", table.name());
        }
    }
}

#[async_trait]
impl Table for Only {
    async fn get(&self, key: &Key) -> Result<Option<Record>, TableError> {
        self.check([key.table]);
        self.inner.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, TableError> {
        self.check(keys.iter().map(|key| key.table));
        self.inner.get_many(keys).await
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        self.check([query.table]);
        self.inner.query(query).await
    }

    async fn write(&self, batch: Batch) -> Result<Option<Record>, TableError> {
        self.check(batch.writes().iter().map(|write| write.key().table));
        self.inner.write(batch).await
    }
}
