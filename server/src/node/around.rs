//! What surrounds a node while it works: a person at the keyboard, the system, time.

use std::future::Future;
use std::io::BufRead as _;
use std::pin::{Pin, pin};

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::agent::{Again, Agent};

/// Why work is broken off.
pub(super) enum Interrupt {
    /// The node begins again.
    Again(Again),
    /// The program ends.
    Stop,
}

/// Something that happens around the node.
pub(super) enum Happening {
    Line(String),
    Timer,
    Stop,
}

impl Happening {
    pub(super) fn work(self, agent: &mut Agent) -> Result<(), Interrupt> {
        match self {
            Self::Line(line) => agent.line(&line),
            Self::Timer => return agent.tick().map_or(Ok(()), |again| Err(Interrupt::Again(again))),
            Self::Stop => return Err(Interrupt::Stop),
        }
        Ok(())
    }
}

/// What surrounds the node: a person at the keyboard, the system, time.
pub(super) struct Around {
    lines: mpsc::Receiver<String>,
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Around {
    /// A person is listened to if asked for.
    pub(super) fn new(listen: bool) -> anyhow::Result<Self> {
        let (sender, lines) = mpsc::channel(16);
        if listen {
            // A thread of its own, as a blocked read must not hold up the end of the program.
            std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
                for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                    if sender.blocking_send(line).is_err() {
                        break;
                    }
                }
            })?;
        }
        Ok(Self { lines, stop: stop_signal()? })
    }

    /// The next thing that happens. May be dropped and called again.
    pub(super) async fn next(&mut self, wake: Option<Instant>) -> Happening {
        tokio::select! {
            () = &mut self.stop => Happening::Stop,
            Some(line) = self.lines.recv() => Happening::Line(line),
            () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => Happening::Timer,
        }
    }

    /// Waits for something, and lets the node work meanwhile.
    pub(super) async fn during<T>(&mut self, agent: &mut Agent, work: impl Future<Output = T>) -> Result<T, Interrupt> {
        let mut work = pin!(work);
        loop {
            let wake = agent.wake();
            tokio::select! {
                done = &mut work => return Ok(done),
                happening = self.next(wake) => happening.work(agent)?,
            }
        }
    }
}

#[cfg(unix)]
fn stop_signal() -> anyhow::Result<Pin<Box<dyn Future<Output = ()> + Send>>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(Box::pin(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "installing a handler can fail elsewhere")]
fn stop_signal() -> anyhow::Result<Pin<Box<dyn Future<Output = ()> + Send>>> {
    Ok(Box::pin(async {
        let _ = tokio::signal::ctrl_c().await;
    }))
}
