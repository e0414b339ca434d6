//! The CA of claimed nodes. It is made when it is first needed and lies in the table `claims`, so that all
//! processes of a cloud sign with the same. Nodes are known by their certificates' fingerprints, so it is not
//! the only CA that they may have.

use rcgen::{Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, SubjectPublicKeyInfo};

use super::profile::{self, MakeError};
use crate::{
    Error, Ports, Result,
    id::NodeId,
    port::table::{Batch, Key, Record, TableId, Value, When, Write},
};

/// The CA, ready to sign.
pub struct Authority(Issuer<'static, KeyPair>);

fn key() -> Key {
    Key::new(TableId::Claims, "claim#ca", "ca")
}

impl Authority {
    /// The cloud's own. 1 get; the very first time 1 write and 1 get more, and of two processes at the same
    /// moment one wins.
    pub async fn open(ports: &Ports) -> Result<Self> {
        if let Some(record) = ports.table.get(&key()).await? {
            return Self::read(&record);
        }
        let (certificate, private) = make(ports.clock.now())?;
        let put = Write::put(key(), [("certificate", Value::Bytes(certificate)), ("key", Value::Bytes(private))], When::Absent);
        match ports.table.write(Batch::of(put)?).await {
            Err(error) if error.is_conflict() => {}
            made => drop(made?),
        }
        Self::read(&ports.table.get(&key()).await?.ok_or(CORRUPT)?)
    }

    fn read(record: &Record) -> Result<Self> {
        let (certificate, private) = record.bytes("certificate").zip(record.bytes("key")).ok_or(CORRUPT)?;
        let pair = KeyPair::try_from(private).map_err(|_| CORRUPT)?;
        Ok(Self(Issuer::from_ca_cert_der(&certificate.into(), pair).map_err(|_| CORRUPT)?))
    }

    /// A certificate for the node, of this public key (`SubjectPublicKeyInfo`); in DER.
    pub fn issue(&self, node: &NodeId, public_key: &[u8], now: i64) -> std::result::Result<Vec<u8>, MakeError> {
        let certificate = profile::node(node, now)?.signed_by(&SubjectPublicKeyInfo::from_der(public_key)?, &self.0)?;
        Ok(certificate.der().to_vec())
    }
}

const CORRUPT: Error = Error::Corrupt("CA of claimed nodes");

/// A certificate and its key, both in DER.
fn make(now: i64) -> std::result::Result<(Vec<u8>, Vec<u8>), MakeError> {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = profile::authority(&pair, "Raincloud claim CA", now)?.self_signed(&pair)?;
    Ok((certificate.der().to_vec(), pair.serialize_der()))
}
