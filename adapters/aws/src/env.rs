//! A function's ports, by its environment, which its template sets. Nothing is asked here: each client is made
//! when it is first needed.
//!
//! | variable | is |
//! |---|---|
//! | `RAINCLOUD_TABLE_USERS` … | the names of the tables that the function may use |
//! | `RAINCLOUD_BUCKET` | the bucket of blobs, where there are any |
//! | `RAINCLOUD_NODE_POLICY` | the IoT policy of nodes, where certificates are registered |
//! | `RAINCLOUD_MQTT_HOST` | where nodes connect, if it is not the account's own endpoint |
//! | `RAINCLOUD_MAIL_FROM` | the address that letters are from, where letters are sent |
//! | `RAINCLOUD_EVENTS_TOPIC` | the ARN of the topic on which it is told what happens |
//! | `RAINCLOUD_PUBLIC_URL` | where the API is |
//! | `RAINCLOUD_DESIRED_SECONDS`, `RAINCLOUD_HISTORY`, `RAINCLOUD_GUEST_DAYS`, `RAINCLOUD_CLAIMS_PER_USER` | what the owner decided ([`Rules`]); 0 days: there are no guests |
//!
//! One that is empty is as good as none.

use std::{str::FromStr, sync::Arc};

use builtin::clock::SystemClock;
use shared::{
    Ports,
    oauth::Oauth,
    port::{
        Rules,
        federation::Providers,
        table::{TableId, retrying::Retrying},
    },
};

use crate::{
    client::Sdk,
    dynamodb::DynamoTable,
    iot::{IotFleet, Settings},
    s3::S3Blobs,
    ses::SesMail,
    sns::SnsEvents,
};

/// A variable says something that it can't.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} can't be {value:?}")]
pub struct Invalid {
    name: String,
    value: String,
}

/// The ports of this process.
pub fn ports() -> Result<Ports, Invalid> {
    ports_by(|name| std::env::var(name).ok())
}

/// The same by other variables.
fn ports_by(variable: impl Fn(&str) -> Option<String>) -> Result<Ports, Invalid> {
    let text = |name: &str| variable(name).filter(|value| !value.is_empty());
    let names = TableId::ALL.into_iter().filter_map(|table| {
        let name = text(&format!("RAINCLOUD_TABLE_{}", table.name().to_ascii_uppercase()))?;
        Some((table, name))
    });
    let sdk = Sdk::from_env();
    let table = DynamoTable::new(sdk.clone(), names.collect(), Arc::new(SystemClock));
    let iot = Settings { policy: text("RAINCLOUD_NODE_POLICY"), host: text("RAINCLOUD_MQTT_HOST") };
    let fleet = IotFleet::new(sdk.clone(), iot);
    let blobs = S3Blobs::new(sdk.clone(), text("RAINCLOUD_BUCKET"));
    let mail = SesMail::new(sdk.clone(), text("RAINCLOUD_MAIL_FROM"));
    let events = SnsEvents::new(sdk, text("RAINCLOUD_EVENTS_TOPIC"));
    let table = Arc::new(Retrying { inner: Arc::new(table) });
    let ports = builtin::ports(table, Arc::new(blobs), Arc::new(mail), Providers::default(), Arc::new(fleet), rules(&text)?);
    Ok(Ports { events: Arc::new(events), ..ports })
}

fn rules(text: &impl Fn(&str) -> Option<String>) -> Result<Rules, Invalid> {
    let default = Rules::default();
    Ok(Rules {
        desired_seconds: parsed(text, "RAINCLOUD_DESIRED_SECONDS")?.unwrap_or(default.desired_seconds),
        history: parsed(text, "RAINCLOUD_HISTORY")?.unwrap_or(default.history),
        guest_days: parsed(text, "RAINCLOUD_GUEST_DAYS")?.filter(|days| *days > 0),
        claims_per_user: parsed(text, "RAINCLOUD_CLAIMS_PER_USER")?.unwrap_or(default.claims_per_user),
        oauth: Arc::new(Oauth::new(parsed(text, "RAINCLOUD_PUBLIC_URL")?, Vec::new())),
    })
}

fn parsed<T: FromStr>(text: &impl Fn(&str) -> Option<String>, name: &str) -> Result<Option<T>, Invalid> {
    let Some(value) = text(name) else { return Ok(None) };
    value.parse().map(Some).map_err(|_| Invalid { name: name.to_owned(), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(variables: &[(&str, &str)]) -> Result<Ports, Invalid> {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        ports_by(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn what_is_not_said_is_as_everywhere() {
        for variables in [&[][..], &[("RAINCLOUD_HISTORY", ""), ("RAINCLOUD_GUEST_DAYS", "0"), ("RAINCLOUD_PUBLIC_URL", "")]] {
            let (rules, default) = (by(variables).unwrap().rules, Rules::default());
            assert_eq!((rules.desired_seconds, rules.history), (default.desired_seconds, default.history));
            assert_eq!((rules.guest_days, rules.claims_per_user), (None, default.claims_per_user));
            assert!(rules.oauth.public_url.is_none());
        }
    }

    #[test]
    fn the_owner_decides_by_variables() {
        let rules = by(&[
            ("RAINCLOUD_DESIRED_SECONDS", "5"),
            ("RAINCLOUD_HISTORY", "false"),
            ("RAINCLOUD_GUEST_DAYS", "30"),
            ("RAINCLOUD_CLAIMS_PER_USER", "7"),
            ("RAINCLOUD_PUBLIC_URL", "https://api.example.com"),
        ]);
        let rules = rules.unwrap().rules;
        assert_eq!((rules.desired_seconds, rules.history, rules.guest_days, rules.claims_per_user), (5, false, Some(30), 7));
        assert_eq!(rules.oauth.public_url.as_ref().unwrap().as_str(), "https://api.example.com");
        let wrong = by(&[("RAINCLOUD_HISTORY", "yes")]).err().unwrap();
        assert_eq!(wrong.to_string(), "RAINCLOUD_HISTORY can't be \"yes\"");
    }
}
