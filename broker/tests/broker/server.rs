//! A broker whose hooks do what topics and client ids say, and write down what they see.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use broker::{Action, BoxFuture, Broker, Connection, Event, EventFailed, Hooks, Limits, Message, Refusal};
use parking_lot::Mutex;
use tokio::{
    io::{DuplexStream, duplex},
    sync::Semaphore,
    time::sleep,
};

pub(crate) const REMOTE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// Hooks that go by the first level of the topic, and by the client id.
pub(crate) struct Script {
    pub(crate) log: Mutex<Vec<String>>,
    /// What publishes to `gate/…` and `Subscribed` events of the client `gated` wait for.
    pub(crate) gate: Semaphore,
    /// How long each event takes.
    pub(crate) event_time: Duration,
}

pub(crate) struct Server {
    pub(crate) broker: Broker,
    pub(crate) script: Arc<Script>,
}

impl Server {
    pub(crate) fn new(limits: Limits) -> Self {
        Self::with_event_time(limits, Duration::ZERO)
    }

    pub(crate) fn with_event_time(limits: Limits, event_time: Duration) -> Self {
        let script = Arc::new(Script { log: Mutex::default(), gate: Semaphore::new(0), event_time });
        let hooks = Hooked(Arc::clone(&script));
        Self { broker: Broker::new(Arc::new(hooks), limits), script }
    }

    /// A new connection with these many bytes of room in each direction.
    pub(crate) fn open_with(&self, room: usize) -> DuplexStream {
        let (ours, theirs) = duplex(room);
        let broker = self.broker.clone();
        tokio::spawn(async move { broker.serve(theirs, REMOTE, None).await });
        ours
    }

    pub(crate) fn open(&self) -> DuplexStream {
        self.open_with(64 * 1024)
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.script.log.lock().clone()
    }

    /// How often the log contains this.
    pub(crate) fn count(&self, part: &str) -> usize {
        self.script.log.lock().iter().filter(|line| line.contains(part)).count()
    }

    pub(crate) async fn until(&self, condition: impl Fn() -> bool, what: &str) {
        for _ in 0..4_000 {
            if condition() {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
        panic!("did not happen: {what}; log: {:#?}", self.log());
    }

    /// Waits until the log contains this line.
    pub(crate) async fn logged(&self, line: &str) {
        self.until(|| self.script.log.lock().iter().any(|have| have == line), line).await;
    }

    /// Waits until so many connections are left.
    pub(crate) async fn left(&self, connections: usize) {
        self.until(|| self.broker.stats().connections == connections, "connections end").await;
    }
}

struct Hooked(Arc<Script>);

impl Script {
    fn note(&self, line: String) {
        self.log.lock().push(line);
    }

    async fn wait(&self) {
        self.gate.acquire().await.unwrap().forget();
    }
}

impl Hooks for Hooked {
    fn authenticate<'a>(&'a self, connection: &'a Connection) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(async move {
            match connection.client_id.as_str() {
                "stranger" => Err(Refusal::BadCredentials),
                "forbidden" => Err(Refusal::NotAuthorized),
                "panics" => panic!("in authenticate"),
                "secret" if connection.password.as_deref() != Some(b"word") => Err(Refusal::BadCredentials),
                _ => Ok(()),
            }
        })
    }

    fn may_subscribe(&self, _: &Connection, filter: &str) -> bool {
        assert!(!filter.starts_with("panic"), "in may_subscribe");
        !filter.starts_with("deny/")
    }

    fn may_publish(&self, _: &Connection, topic: &str) -> bool {
        assert!(!topic.starts_with("panic/may"), "in may_publish");
        !topic.starts_with("deny/")
    }

    fn publish(&self, connection: &Arc<Connection>, message: &Message) -> BoxFuture<'static, Action> {
        let script = Arc::clone(&self.0);
        let topic = message.topic.to_string();
        assert!(topic != "panic/call", "in publish");
        script.note(format!("{} publish {topic}", connection.client_id));
        Box::pin(async move {
            let action = match topic.split('/').next().unwrap() {
                "swallow" => Action::Swallow,
                "fail" => Action::Fail,
                "panic" => panic!("in publish"),
                "gate" => {
                    script.wait().await;
                    Action::Route
                }
                _ => Action::Route,
            };
            script.note(format!("done {topic}"));
            action
        })
    }

    fn event(&self, connection: &Arc<Connection>, event: Event) -> BoxFuture<'static, Result<(), EventFailed>> {
        let script = Arc::clone(&self.0);
        let client_id = connection.client_id.clone();
        assert_eq!(connection.password, None, "only for authenticate");
        Box::pin(async move {
            let what = match &event {
                Event::Connected => "connected".to_owned(),
                Event::Subscribed { filter } => format!("subscribed {filter}"),
                Event::Unsubscribed { filter } => format!("unsubscribed {filter}"),
                Event::Disconnected { reason } => format!("disconnected: {reason}"),
            };
            if client_id == "lost" && event == Event::Connected {
                return Err(EventFailed("store is down".into()));
            }
            assert!(what != "subscribed event/panic", "in event");
            if client_id == "gated" && matches!(event, Event::Subscribed { .. }) {
                script.wait().await;
            }
            script.note(format!("{client_id} {what}"));
            if !script.event_time.is_zero() {
                // The second note shows whether two events run at the same time.
                sleep(script.event_time).await;
                script.note(format!("{client_id} then"));
            }
            Ok(())
        })
    }
}
