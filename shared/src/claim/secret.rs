//! The secrets of chips that claim for themselves: 16 bytes that were burnt into each (`OPTIONAL_UNIQUE_ID`),
//! registered by the cloud's owner.

use std::{fmt, str::FromStr};

use data_encoding::HEXUPPER_PERMISSIVE;

use super::Mac;
use crate::{
    Error, Ports, Result,
    port::table::{Batch, Cursor, Key, Page, Query, Record, TableId, Value, When, Write},
};

const PARTITION: &str = "claim#secret";

/// A chip's secret. It does not show itself.
#[derive(Clone)]
pub struct Secret(pub(super) [u8; 16]);

/// The text is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret has 32 hexadecimal digits")]
pub struct InvalidSecret;

impl FromStr for Secret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> std::result::Result<Self, InvalidSecret> {
        let bytes = HEXUPPER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| InvalidSecret)?;
        Ok(Self(bytes.try_into().map_err(|_| InvalidSecret)?))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret")
    }
}

/// A chip in the owner's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The chip.
    pub mac: Mac,
    /// Seconds since the epoch.
    pub registered_at: i64,
}

fn key(mac: &Mac) -> Key {
    Key::new(TableId::Claims, PARTITION, mac.as_str())
}

/// Registers the chips' secrets, in place of those that they had. 1 batch; at most 100 different chips.
pub async fn add(ports: &Ports, chips: &[(Mac, Secret)]) -> Result<()> {
    let now = ports.clock.now();
    let put = |(mac, secret): &(Mac, Secret)| {
        Write::put(key(mac), [("secret", Value::Bytes(secret.0.to_vec())), ("at", now.into())], When::Always)
    };
    ports.table.write(Batch::new(chips.iter().map(put).collect())?).await?;
    Ok(())
}

/// A page of the chips whose secrets are registered. 1 query.
pub async fn list(ports: &Ports, limit: usize, after: Option<Cursor>) -> Result<(Vec<Registered>, Option<Cursor>)> {
    let Page { records, next } = ports.table.query(Query::prefix(TableId::Claims, PARTITION, "", limit).after(after)).await?;
    let chip = |record: &Record| Some(Registered { mac: record.key.sort.parse().ok()?, registered_at: record.int("at")? });
    Ok((records.iter().map(|record| chip(record).ok_or(CORRUPT)).collect::<Result<_>>()?, next))
}

/// Forgets the chip's secret: it can't claim any more, and keeps the certificate that it has. Was there one?
pub async fn remove(ports: &Ports, mac: &Mac) -> Result<bool> {
    match ports.table.write(Batch::of(Write::Delete { key: key(mac), when: When::Present })?).await {
        Err(error) if error.is_conflict() => Ok(false),
        done => Ok(done.map(|_| true)?),
    }
}

/// The chip's secret, if it is registered. 1 get.
pub(super) async fn find(ports: &Ports, mac: &Mac) -> Result<Option<Secret>> {
    let Some(record) = ports.table.get(&key(mac)).await? else { return Ok(None) };
    let bytes = record.bytes("secret").and_then(|bytes| bytes.try_into().ok());
    Ok(Some(Secret(bytes.ok_or(CORRUPT)?)))
}

const CORRUPT: Error = Error::Corrupt("secret of a chip");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_32_digits_and_do_not_show() {
        let secret: Secret = "000102030405060708090a0B0c0d0e0f".parse().unwrap();
        assert_eq!((secret.0[1], secret.0[15]), (1, 15));
        assert_eq!(format!("{secret:?}"), "Secret");
        for bad in ["", "00", &"0".repeat(31), &"0".repeat(33), &"0".repeat(34), &"g".repeat(32)] {
            assert_eq!(bad.parse::<Secret>().unwrap_err(), InvalidSecret, "{bad}");
        }
    }
}
