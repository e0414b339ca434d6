//! The log, on standard error. What its levels mean, in every crate:
//!
//! * `error`: something here does not work and needs a person;
//! * `warn`: something outside is odd, such as a message that is not what it should be, or a limit was met;
//! * `info`: start, end, and what an owner did;
//! * `debug`: each connection, request and refusal;
//! * `trace`: each packet.
//!
//! No level shows a password, a token, a code, a key or what a message carries.

use std::{
    io::{self, IsTerminal as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{Event, Level, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

use crate::settings::{LogFilter, LogFormat};

/// How often something was said at the levels that matter, whether or not the filter lets it through.
#[derive(Debug, Default)]
pub struct Said {
    /// Errors.
    pub errors: AtomicU64,
    /// Warnings.
    pub warnings: AtomicU64,
}

/// Begins to log.
pub fn start(filter: &LogFilter, format: LogFormat) -> Arc<Said> {
    let said = Arc::new(Said::default());
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    };
    let counts = Counts(Arc::clone(&said)).with_filter(LevelFilter::WARN);
    // Fails only where a test has one already.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter.filter())).with(counts).try_init();
    said
}

struct Counts(Arc<Said>);

impl<S: Subscriber> Layer<S> for Counts {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let counter = if *event.metadata().level() == Level::ERROR { &self.0.errors } else { &self.0.warnings };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
