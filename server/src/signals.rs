//! The signals that end the process.

use anyhow::Context as _;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT, or Ctrl-C where there are none.
pub struct Stop {
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(unix)]
    interrupt: Signal,
}

impl Stop {
    /// From now on the signals are waited for instead of ending the process.
    #[cfg(unix)]
    pub fn on_signals() -> anyhow::Result<Self> {
        let on = |kind| signal(kind).context("signals can't be received");
        Ok(Self { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    /// From now on the signals are waited for instead of ending the process.
    #[cfg(not(unix))]
    pub fn on_signals() -> anyhow::Result<Self> {
        Ok(Self {})
    }

    /// The next one.
    #[cfg(unix)]
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// The next one.
    #[cfg(not(unix))]
    pub async fn wait(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The next one ends the process at once.
    pub fn end_at_next(mut self) {
        tokio::spawn(async move {
            self.wait().await;
            std::process::exit(1);
        });
    }
}
