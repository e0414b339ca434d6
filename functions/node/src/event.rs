//! What nodes send and what happens to their connections. The rule in the topic is redundant: the
//! suffix decides (contract `mqtt-and-node.md` §1.5).

use std::sync::atomic::Ordering;

use shared::{
    Error, Result,
    access::{Grant, role::Itself},
    command::{answer, message},
    event::Event,
    mapping,
    node::{
        alert,
        config::{self, Config},
        presence, unparsable,
    },
    params::{
        check, deliver,
        report::{self, Kind},
    },
    port::table::TableError,
};
use web::App;

/// Handles one event; done again, it changes nothing more. An error means that it was not handled, so
/// that whoever brought it tries again.
pub async fn on_event(app: &App, event: Event) -> Result<()> {
    let ports = &app.ports;
    match event {
        Event::Message { client_id, topic, payload, at } => match Grant::of_topic(client_id.as_deref(), &topic) {
            Some((node, suffix)) => on_message(app, &node, suffix, &payload, at).await,
            None => Ok(()),
        },
        Event::Presence { client_id, change } => match Grant::of_client(&client_id) {
            Some(node) => presence::report(ports, &node, &change).await,
            None => Ok(()),
        },
        Event::Subscribed { client_id, filter } => match Grant::of_client(&client_id) {
            Some(node) if deliver::is_topic(node.node(), &filter) => deliver::deliver(ports, &node, &filter).await,
            _ => Ok(()),
        },
    }
}

async fn on_message(app: &App, node: &Grant<Itself>, suffix: &str, payload: &[u8], at: i64) -> Result<()> {
    let handled = match suffix {
        "config" => on_config(app, node, payload, at).await,
        "params/local" => on_params(app, node, Kind::Changed, payload, at).await,
        "params/local/init" => on_params(app, node, Kind::Init, payload, at).await,
        // With a group id, nodes report here instead of on `params/local`.
        _ if suffix.strip_prefix("params/local/").is_some_and(check::is_group) => on_params(app, node, Kind::Changed, payload, at).await,
        "user/mapping" => on_mapping(app, node, payload, at).await,
        // Push notifications will take it; the values come on `params/local` as well.
        "alert" => Ok(Understood::of(alert::parse(payload).is_some())),
        "from-node" => on_command(app, node, payload, at).await,
        // Firmware updates will take the first two, time series the next, an insights add-on the last.
        "otafetch" | "otastatus" | "tsdata" | "simple_tsdata" | "diagnostics/from-node" => Ok(Understood::Yes),
        // For the members of the node's group, to whom the broker routes it.
        _ if suffix.strip_prefix("direct/params/local/").is_some_and(check::is_group) => Ok(Understood::Yes),
        _ => return unparsable::count_unknown(&app.ports, node, suffix).await,
    };
    match handled {
        Ok(Understood::Yes) => Ok(()),
        // What can't be stored will not fit the next time either.
        Ok(Understood::No) | Err(Error::Table(TableError::TooLarge(_)) | Error::Batch(_)) => {
            app.counts.unparsable.fetch_add(1, Ordering::Relaxed);
            unparsable::keep(&app.ports, node, suffix, payload).await
        }
        Err(error) => Err(error),
    }
}

enum Understood {
    Yes,
    No,
}

impl Understood {
    fn of(is: bool) -> Self {
        if is { Self::Yes } else { Self::No }
    }
}

async fn on_config(app: &App, node: &Grant<Itself>, payload: &[u8], at: i64) -> Result<Understood> {
    let Some(config) = Config::parse(node.node(), payload) else { return Ok(Understood::No) };
    config::report(&app.ports, node, &config, at).await?;
    Ok(Understood::Yes)
}

async fn on_params(app: &App, node: &Grant<Itself>, kind: Kind, payload: &[u8], at: i64) -> Result<Understood> {
    let Some(values) = report::parse(payload) else { return Ok(Understood::No) };
    report::report(&app.ports, node, kind, &values, at).await?;
    Ok(Understood::Yes)
}

async fn on_mapping(app: &App, node: &Grant<Itself>, payload: &[u8], at: i64) -> Result<Understood> {
    let Some(report) = mapping::report::parse(node.node(), payload) else { return Ok(Understood::No) };
    mapping::report::report(&app.ports, node, report, at).await?;
    Ok(Understood::Yes)
}

async fn on_command(app: &App, node: &Grant<Itself>, payload: &[u8], at: i64) -> Result<Understood> {
    let Some(message) = message::parse(payload) else { return Ok(Understood::No) };
    answer::take(&app.ports, node, &message, at).await?;
    Ok(Understood::Yes)
}
