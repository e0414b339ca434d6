//! Hooks that run for one connection: publishes side by side with their results in order, events one after the other.

use std::{
    collections::{HashSet, VecDeque},
    num::NonZeroU16,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesOrdered};

use crate::{
    Action, Connection, Event, Hooks, Message,
    guard::{caught, caught_call},
};

/// A publish whose hook has answered; no action if it panicked.
pub(crate) struct Answer {
    pub(crate) message: Message,
    pub(crate) id: Option<NonZeroU16>,
    pub(crate) action: Option<Action>,
}

struct Publish {
    hook: BoxFuture<'static, Action>,
    message: Message,
    id: Option<NonZeroU16>,
    state: State,
}

/// How far a hook is.
#[derive(Clone, Copy)]
enum State {
    Running,
    Answered(Action),
    Panicked,
}

impl Publish {
    fn poll_hook(&mut self, context: &mut Context<'_>) -> Poll<Option<Action>> {
        if let State::Running = self.state {
            let hook = self.hook.as_mut();
            self.state = match catch_unwind(AssertUnwindSafe(|| hook.poll(context))) {
                Ok(Poll::Pending) => State::Running,
                Ok(Poll::Ready(action)) => State::Answered(action),
                Err(_) => State::Panicked,
            };
        }
        match self.state {
            State::Running => Poll::Pending,
            State::Answered(action) => Poll::Ready(Some(action)),
            State::Panicked => Poll::Ready(None),
        }
    }
}

impl Future for Publish {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let action = ready!(self.poll_hook(context));
        Poll::Ready(Answer { message: std::mem::take(&mut self.message), id: self.id, action })
    }
}

/// Publishes whose hooks run.
#[derive(Default)]
pub(crate) struct Publishes {
    running: FuturesOrdered<Publish>,
    /// Packet ids of those with `QoS` 1 and 2.
    ids: HashSet<NonZeroU16>,
}

impl Publishes {
    pub(crate) fn len(&self) -> usize {
        self.running.len()
    }

    pub(crate) fn contains(&self, id: NonZeroU16) -> bool {
        self.ids.contains(&id)
    }

    /// How many of them have a packet id.
    pub(crate) fn with_id(&self) -> usize {
        self.ids.len()
    }

    /// Starts the hook and polls it once. Gives the answer if it is there and no other one is due before.
    pub(crate) async fn start(
        &mut self,
        hooks: &dyn Hooks,
        connection: &Arc<Connection>,
        message: Message,
        id: Option<NonZeroU16>,
    ) -> Option<Answer> {
        let Some(hook) = caught_call(|| hooks.publish(connection, &message)) else {
            return Some(Answer { message, id, action: None });
        };
        let mut publish = Publish { hook, message, id, state: State::Running };
        let first = std::future::poll_fn(|context| Poll::Ready(publish.poll_hook(context))).await;
        if self.running.is_empty()
            && let Poll::Ready(action) = first
        {
            return Some(Answer { message: publish.message, id, action });
        }
        self.ids.extend(id);
        self.running.push_back(publish);
        None
    }

    /// The next answer, in the order of arrival; none if no hook runs.
    pub(crate) async fn next(&mut self) -> Option<Answer> {
        let answer = self.running.next().await;
        if let Some(id) = answer.as_ref().and_then(|answer| answer.id) {
            self.ids.remove(&id);
        }
        answer
    }
}

/// Events of one connection that wait or run.
pub(crate) struct Events {
    hooks: Arc<dyn Hooks>,
    connection: Arc<Connection>,
    waiting: VecDeque<Event>,
    running: Option<BoxFuture<'static, bool>>,
}

impl Events {
    pub(crate) fn new(hooks: &Arc<dyn Hooks>, connection: &Arc<Connection>) -> Self {
        Self { hooks: Arc::clone(hooks), connection: Arc::clone(connection), waiting: VecDeque::new(), running: None }
    }

    pub(crate) fn push(&mut self, event: Event) {
        self.waiting.push_back(event);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.running.is_some())
    }

    /// Goes on until one more is done; says false if it panicked. Nothing is lost if this is dropped before.
    pub(crate) async fn step(&mut self) -> bool {
        if self.running.is_none() {
            let Some(event) = self.waiting.pop_front() else {
                self.waiting = VecDeque::new();
                return true;
            };
            let (hooks, connection) = (Arc::clone(&self.hooks), Arc::clone(&self.connection));
            self.running = Some(Box::pin(async move {
                let client_id = connection.client_id.clone();
                let result = caught(async move { hooks.event(&connection, event).await }).await;
                if let Some(Err(error)) = &result {
                    tracing::error!(client_id, %error, "an event failed");
                }
                result.is_some()
            }));
        }
        let well = match &mut self.running {
            Some(running) => running.await,
            None => true,
        };
        self.running = None;
        well
    }
}
